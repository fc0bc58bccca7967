"""``cp`` means what it means with docker: each case with both, the same words on the same trees."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.dockerd import Dockerd, running_dockerd
from support.waiting import wait_until
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.dockerd]

DOCKERFILE = r"""FROM bb
RUN mkdir -p /t/dir/sub /t/private /t/ro /data /bind && echo f > /t/dir/sub/f && echo one > /t/one \
 && echo image > /data/f && echo p > /t/private/p && chmod 700 /t/private && chmod 640 /t/one \
 && ln -s one /t/to-file && ln -s dir /t/to-dir && ln -s /t/nowhere /t/dangling \
 && ln -s ../t/gone/x /t/far && ln -s /data /t/to-volume && ln -s to-file /t/to-link \
 && mkdir -p /t/full/host-file \
 && ln /t/one /t/hard
VOLUME /data
"""
# The words after `cp`; H is a folder of the host's, C the container.
CASES = (
    # out of it
    "C: H", "C:/ H/out/none", "C:/data/f H/out", "C:/t/to-volume/f H/out", "C:/data H/out",
    "C:/data/ H/out", "C:/data/. H/out", "C:/bind/b H/", "C:/t/to-dir H/out", "C:/t/to-dir/ H/out",
    "C:/t/to-dir/. H/out", "C:/t/to-dir/ H", "C:/t/to-dir H", "-L C:/t/to-dir H/out", "-L C:/t/to-dir H",
    "-L C:/t/to-file H", "-L C:/t/to-link H/new", "C:/t/to-file H/out", "C:/t/private/. H/new",
    "C:/t/private H/new", "C:/t/private/. H", "C:/t/private/ H/new/", "C:/t/one H/dangling",
    "C:/t/one H/to-file", "C:/t/one H/to-dir", "C:/t/dir H/dangling", "C:/t/dir H/to-file",
    "C:/t/dir H/to-dir", "C:/t/one H/far", "C:/t/one H/new/", "C:/t/one H/host-file/",
    "C:/t/dir H/host-file", "C:/t/one H/no/such", "C:/t/none H/out", "C:/t/one/ H/out",
    "C:/t/dangling H/out", "-L C:/t/dangling H/out", "C:/t/hard H/out", "C:/t H/out", "C:t/one H/out",
    "C:/t/full/host-file H", "C:/t/../t/one H/out", "C:/t/dir/.. H/out",
    # into it
    "H/host-file C:/bind/new", "H/host-file C:/data/", "H/host-file C:/data/f",
    "H/host-file C:/t/to-volume/n", "H/host-file C:/t/to-file", "H/host-file C:/t/to-link",
    "H/host-file C:/t/dangling", "H/host-file C:/t/far", "H/host-file C:/t/to-dir",
    "H/host-file C:/t/to-dir/", "H/folder C:/t/to-dir", "H/folder C:/t/to-file", "H/folder C:/t/dangling",
    "H/folder C:/t/new", "H/folder/. C:/t/new", "H/folder/. C:/t/dir", "H/folder/ C:/t/new/",
    "H/folder C:/t/one", "H/host-file C:/t/full", "H/host-file C:/t/new/", "H/host-file C:/t/one/",
    "H/to-dir C:/t/n", "H/to-dir/ C:/t/n", "H/to-dir/. C:/t/n", "-L H/to-dir C:/t/n", "-L H/to-dir C:/t",
    "-L H/to-file C:/t/n", "H/to-file C:/t/n", "H/dangling C:/t/n", "H/host-file C:/no/such",
    "H/none C:/t/n", "H/host-file C:/ro/x", "H/folder C:/", "H/host-file C:t/n", "H/host-file/ C:/t/n",
    "-a H/owned C:/t/n", "H/owned C:/t/n",
)  # fmt: skip
# What docker 20.10 does otherwise, and why wherry does not follow it.
DIFFERENCES = {
    "H/owned C:/t/n": "docker keeps the numbers of the owner; it documents that they are root's",
}


class Both(NamedTuple):
    docker: Dockerd
    wherry: Wherry
    work: Path


@pytest.fixture(scope="module")
def both(busybox_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    work = tmp_path_factory.mktemp("cp")
    shutil.copytree(busybox_store, work / "store", symlinks=True)
    wherry = Wherry(work / "store")
    (work / "Dockerfile").write_text(DOCKERFILE)
    wherry("build", "-q", "-t", "trees", str(work))
    wherry("save", "-o", str(work / "trees.tar"), "trees")
    with tempfile.TemporaryDirectory(prefix="wcp") as folder, running_dockerd(Path(folder) / "d") as docker:
        docker.load(work / "trees.tar")
        yield Both(docker, wherry, work)


def host(folder: Path) -> None:
    """The trees of the host's."""
    for name in ("h/folder/sub", "h/dir", "bind", "ro"):
        (folder / name).mkdir(parents=True)
    top = folder / "h"
    (folder / "bind/b").write_text("bound\n")
    for name in ("host-file", "folder/g", "folder/sub/h", "owned"):
        (top / name).write_text(name)
    (top / "folder").chmod(0o711)
    os.chown(top / "owned", 5, 6)
    for name, target in (
        ("to-file", "host-file"), ("to-dir", "dir"), ("dangling", "absent"), ("far", "no/such/x"),
    ):  # fmt: skip
        (top / name).symlink_to(target)


def told(folder: Path) -> list[tuple[object, ...]]:
    """Every file below: name, mode, owner, and bytes or target."""
    found: list[tuple[object, ...]] = []
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        mode = 0 if path.is_symlink() else stat.S_IMODE(status.st_mode)
        found.append((str(path.relative_to(folder)), mode, status.st_uid, status.st_gid, what))
    return found


def told_inside(tool: Dockerd | Wherry, box: str = "box") -> list[tuple[object, ...]]:
    """The same of the container's files, as the tool itself reads them."""
    found: list[tuple[object, ...]] = []
    for name in ("/t", "/data", "/bind", "/absent"):
        done = subprocess.run([*tool.prefix, "cp", f"{box}:{name}", "-"], capture_output=True, check=False)
        if done.returncode == 0:
            with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
                for member in tar:
                    data = tar.extractfile(member) if member.isreg() else None
                    mode = 0 if member.issym() else member.mode & 0o7777
                    text = data.read() if data else member.linkname
                    kind = member.type if not member.islnk() else b"0"
                    found.append((member.name.rstrip("/"), kind, mode, member.uid, member.gid, text))
    return sorted(found)


class Outcome(NamedTuple):
    """Whether it succeeded, the host's files after it, the container's, and what it said."""

    done: bool
    outside: list[tuple[object, ...]]
    inside: list[tuple[object, ...]]
    said: str


@contextlib.contextmanager
def container(
    tool: Dockerd | Wherry, folder: Path, name: str = "box", *, runs: bool = False
) -> Iterator[None]:
    """A container that has two folders below `folder`."""
    volumes = ["-v", f"{folder}/bind:/bind", "-v", f"{folder}/ro:/ro:ro"]
    script = "echo changed > /data/f; echo more > /data/g"
    if runs:
        script += "; touch /ready; while :; do sleep 0.1; done"
    detached = ["-d"] if runs else []
    tool("run", *detached, "--network", "none", "--name", name, *volumes, "trees", "sh", "-c", script)
    try:
        if runs:
            wait_until(lambda: tool.run("cp", f"{name}:/ready", "-").returncode == 0)
        yield
    finally:
        tool("rm", "-f", "-v", name)


def copied(
    tool: Dockerd | Wherry, folder: Path, words: str, box: str = "box"
) -> subprocess.CompletedProcess[str]:
    return tool.run("cp", *words.replace("H", str(folder / "h")).replace("C:", f"{box}:").split())


def outcome(tool: Dockerd | Wherry, folder: Path, words: str, *, runs: bool = False) -> Outcome:
    host(folder)
    with container(tool, folder, runs=runs):
        done = copied(tool, folder, words)
        return Outcome(done.returncode == 0, told(folder), told_inside(tool), done.stderr)


@pytest.fixture(scope="module")
def stopped(both: Both, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """One container of each for all that is copied out of it, which leaves both as they were, and alike."""
    tools = (both.docker, both.wherry)
    folders = [tmp_path_factory.mktemp("stopped") for _ in tools]
    with contextlib.ExitStack() as containers:
        for tool, folder in zip(tools, folders, strict=True):
            host(folder)
            containers.enter_context(container(tool, folder, "still"))
        before = [told_inside(tool, "still") for tool in tools]
        yield both
        after = [told_inside(tool, "still") for tool in tools]
        assert before == after and after[0] == after[1]


OUT = [words for words in CASES if words.removeprefix("-L ").startswith("C:")]
INTO = [words for words in CASES if words not in OUT]


@pytest.mark.parametrize("words", OUT)
def test_cp_out_of_a_stopped_container_is_docker_s(stopped: Both, words: str, tmp_path: Path) -> None:
    found = []
    for tool, folder in ((stopped.docker, tmp_path / "docker"), (stopped.wherry, tmp_path / "wherry")):
        host(folder)
        done = copied(tool, folder, words, "still")
        found.append((done.returncode == 0, told(folder), done.stderr))
    (*theirs, _), (*ours, _) = found
    assert theirs == ours, f"{words}\ndocker, wherry {found}"


@pytest.mark.parametrize("words", INTO)
def test_cp_into_a_stopped_container_is_docker_s(both: Both, words: str, tmp_path: Path) -> None:
    theirs = outcome(both.docker, tmp_path / "docker", words)
    ours = outcome(both.wherry, tmp_path / "wherry", words)
    same = theirs[:3] == ours[:3]
    assert same != (words in DIFFERENCES), f"{words}\ndocker {theirs}\n\nwherry {ours}"


@pytest.mark.parametrize("words", [words for words in CASES if words not in DIFFERENCES][::7])
def test_cp_of_a_running_container_is_docker_s(both: Both, words: str, tmp_path: Path) -> None:
    theirs = outcome(both.docker, tmp_path / "docker", words, runs=True)
    ours = outcome(both.wherry, tmp_path / "wherry", words, runs=True)
    assert theirs[:3] == ours[:3], f"{words}\ndocker {theirs}\n\nwherry {ours}"


def test_the_mounts_of_inspect_are_docker_s(both: Both, tmp_path: Path) -> None:
    """But for the names and folders of volumes, which each keeps where it likes."""
    (tmp_path / "b").mkdir()
    volumes = (
        "-v",
        f"{tmp_path}/b:/bind",
        "-v",
        "named:/n",
        "-v",
        f"{tmp_path}/b:/ro:ro",
        "-v",
        "/anonymous",
    )
    shown = []
    for tool in (both.docker, both.wherry):
        tool("create", "--name", "box", *volumes, "trees", "true")
        mounts = json.loads(tool("inspect", "-f", "{{json .Mounts}}", "box"))
        for mount in mounts:
            if mount["Type"] == "volume":
                assert os.path.isabs(mount["Source"])
                del mount["Source"]
            if mount.get("Name") != "named":
                mount["Name"] = ""
        assert tool("inspect", "-f", "{{range .Mounts}}{{.Driver}}{{.Name}} {{end}}", "box")
        tool("rm", "-v", "box")
        tool("volume", "rm", "-f", "named")
        shown.append(sorted(({"Driver": "", **mount} for mount in mounts), key=lambda m: m["Destination"]))
    assert shown[0] == shown[1]
