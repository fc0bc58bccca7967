"""cp by a plain user, whose containers run in user namespaces of their own."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machine import require
from support.plain import PLAIN
from support.waiting import wait_until
from support.ways import by_plain_user
from support.wherry import Wherry
from wherry.containers.copy import copy_in, copy_out, status_inside
from wherry.errors import ContextError, NotFoundError
from wherry.store import Store

pytestmark = pytest.mark.root
SLEEP = ("sh", "-c", "echo inside > /inside; chown 7:7 /inside; while :; do sleep 0.05; done")


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="wherry-copy-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["crun", "runc"])
def plain(request: pytest.FixtureRequest, bb: Wherry, folder: Path) -> Iterator[Wherry]:
    """The command of a plain user with a container ``box`` that runs."""
    wherry = by_plain_user(folder, bb, request.param)
    wherry("run", "-d", "--name", "box", "bb", *SLEEP)
    yield wherry
    wherry("rm", "-f", "box")


def test_a_plain_user_copies_into_a_container_that_runs(plain: Wherry, folder: Path) -> None:
    (folder / "put").mkdir()
    (folder / "put/file").write_text("put")
    (folder / "put/file").chmod(0o644)
    plain("cp", str(folder / "put"), "box:/put")
    assert plain("cp", "box:/put/file", "-").count("put") >= 1
    plain("stop", "-t", "0", "box")
    with tarfile.open(fileobj=io.BytesIO(plain("cp", "box:/put/file", "-").encode())) as tar:
        member = tar.getmembers()[0]
        assert (member.name, member.uid, member.gid, member.size) == ("file", 0, 0, 3)


def test_a_plain_user_copies_out_of_a_container_that_runs(plain: Wherry, folder: Path) -> None:
    home = folder / "home"
    plain("cp", "box:/inside", str(home / "mine"))
    assert (home / "mine").read_text() == "inside\n"
    assert os.stat(home / "mine").st_uid == PLAIN
    plain("cp", "-a", "box:/inside", str(home / "theirs"))
    assert os.stat(home / "theirs").st_uid not in (0, 7, PLAIN)  # the subordinate id of the container's 7


def test_a_name_that_is_no_container_is_said_as_ever(plain: Wherry, folder: Path) -> None:
    assert "No such container: none" in plain.fails("cp", "none:/x", str(folder / "home/x"), code=1)
    assert "Could not find the file /none in container box" in plain.fails("cp", "box:/none", "-", code=1)


def test_a_container_that_ends_before_it_is_entered_is_not_a_file_that_is_missing(bb: Wherry) -> None:
    """As in a crowd: what was asked when the command began is no longer so."""
    bb("create", "--name", "box", "bb", "true")
    store = Store.open(str(bb.root))
    ended = subprocess.Popen(["true"])
    ended.wait()
    record = store.containers.by_name("box")
    assert record is not None
    record = record._replace(status="running", pid=ended.pid)
    with pytest.raises(ContextError, match="was started or ended meanwhile"):
        copy_out(store, record, "/bin", io.BytesIO(), follow=False)


def test_a_container_that_is_removed_meanwhile_is_named(bb: Wherry) -> None:
    bb("create", "--name", "box", "bb", "true")
    store = Store.open(str(bb.root))
    record = store.containers.by_name("box")
    assert record is not None
    bb("rm", "box")
    for step in (
        lambda: copy_out(store, record, "/bin", io.BytesIO(), follow=False),
        lambda: copy_in(store, record, lambda sink: None, "/bin"),
        lambda: status_inside(store, record, "/bin"),
    ):
        with pytest.raises(NotFoundError, match="No such container: box"):
            step()


def test_root_copies_nodes_and_set_user_id_bits_out_as_they_are(bb: Wherry, tmp_path: Path) -> None:
    """As tar -x does; SECURITY.md says so."""
    bb(
        "run",
        "--name",
        "box",
        "bb",
        "sh",
        "-c",
        "mkdir /n; mknod /n/null c 1 3; touch /n/s; chmod 4755 /n/s",
    )
    bb("cp", "box:/n", str(tmp_path))
    null, program = os.stat(tmp_path / "n/null"), os.stat(tmp_path / "n/s")
    assert stat.S_ISCHR(null.st_mode) and null.st_rdev == os.makedev(1, 3)
    assert stat.S_IMODE(program.st_mode) == 0o4755 and program.st_uid == 0


@pytest.mark.parametrize("runs", [True, False])
def test_an_archive_goes_through_the_container_s_links_and_its_own(bb: Wherry, runs: bool) -> None:
    links = "mkdir -p /usr/lib /usr/real; ln -s usr/lib /lib; ln -s /usr/real /usr/lib/deep"
    bb(
        "run",
        *(["-d"] if runs else []),
        "--name",
        "box",
        "bb",
        "sh",
        "-c",
        f"{links}; {SLEEP[2] if runs else ''}",
    )
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, link in (("lib/deep/f", ""), ("own", "lib"), ("own/g", ""), ("/absolute", "")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = (tarfile.SYMTYPE, link) if link else (tarfile.REGTYPE, "")
            tar.addfile(info)
    await_file(bb, "box:/usr/lib/deep")
    done = subprocess.run(
        [*bb.prefix, "cp", "-", "box:/"], input=data.getvalue(), check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    for name in ("/usr/real/f", "/usr/lib/g", "/absolute"):
        bb("cp", f"box:{name}", "-")


def await_file(wherry: Wherry, name: str) -> None:
    wait_until(lambda: wherry.run("cp", name, "-").returncode == 0, f"{name} in the container")


def test_volumes_of_a_stopped_container_are_copied_by_a_plain_user_too(plain: Wherry, folder: Path) -> None:
    (folder / "home/bound").mkdir()
    subprocess.run(["chown", "-R", f"{PLAIN}:{PLAIN}", str(folder / "home/bound")], check=True)
    volumes = ("-v", "named:/data", "-v", f"{folder}/home/bound:/tmp", "-v", "/own")
    plain("run", "--name", "done", *volumes, "bb", "sh", "-c", "echo x > /data/f; echo y > /own/f")
    plain("cp", "done:/data/f", str(folder / "home/f"))
    plain("cp", "done:/own/f", str(folder / "home/g"))
    assert (folder / "home/f").read_text() + (folder / "home/g").read_text() == "x\ny\n"
    for place in ("/data/new", "/tmp/new", "/own/new"):
        plain("cp", str(folder / "home/f"), f"done:{place}")
    assert (folder / "home/bound/new").read_text() == "x\n"
    said = plain("run", "--rm", "-v", "named:/d", "bb", "cat", "/d/new")
    assert said == "x"
    plain("rm", "done")


def test_what_is_read_only_stays_so_while_the_container_does_not_run(bb: Wherry, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    (tmp_path / "ro").mkdir()
    volumes = ("-v", f"{tmp_path}/ro:/ro:ro", "-v", "named:/data")
    bb("create", "--name", "box", "--read-only", *volumes, "bb", "true")
    assert "container rootfs is marked read-only" in bb.fails("cp", str(file), "box:/etc/x", code=1)
    assert "mounted volume is marked read-only" in bb.fails("cp", str(file), "box:/ro/x", code=1)
    assert not list((tmp_path / "ro").iterdir())
    bb("cp", str(file), "box:/data/x")
    bb("cp", "box:/data/x", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "x"


def test_what_was_copied_into_a_volume_of_a_container_that_never_ran_is_there_when_it_does(
    bb: Wherry,
) -> None:
    bb(
        "create",
        "--name",
        "box",
        "-v",
        "named:/etc",
        "-v",
        "/deep/er",
        "bb",
        "cat",
        "/etc/x",
        "/etc/passwd",
    )
    bb("cp", __file__, "box:/etc/x")
    bb("cp", "box:/etc/passwd", "-")
    bb("cp", "box:/deep/er", "-", timeout=10)
    assert "before_the_first_start" in bb("start", "-a", "box")


def test_no_folder_gives_way_to_a_file(bb: Wherry, tmp_path: Path) -> None:
    """It was removed, with all that was in it."""
    (tmp_path / "out/passwd").mkdir(parents=True)
    (tmp_path / "out/passwd/precious").write_text("x")
    bb("create", "--name", "box", "bb", "true")
    assert "cannot overwrite directory" in bb.fails("cp", "box:/etc/passwd", str(tmp_path / "out"), code=1)
    assert (tmp_path / "out/passwd/precious").read_text() == "x"
    bb("cp", str(tmp_path / "out/passwd"), "box:/dir")
    (tmp_path / "dir").write_text("file")
    assert "cannot overwrite directory" in bb.fails("cp", str(tmp_path / "dir"), "box:/", code=1)
    bb("cp", "box:/dir/precious", "-")


@pytest.mark.parametrize("kind", ["gzip", "bzip2", "xz", "zstd"])
def test_a_compressed_archive_is_taken_as_docker_takes_it(bb: Wherry, tmp_path: Path, kind: str) -> None:
    require(shutil.which(kind) is not None, f"needs {kind}")
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        tar.add(__file__, "file")
    data = subprocess.run([kind, "-c", tmp_path / "t.tar"], capture_output=True, check=True).stdout
    bb("create", "--name", "box", "bb", "true")
    words = [*bb.prefix, "cp", "-", "box:/tmp"]
    subprocess.run(words, input=data, check=True, env=bb.env)
    bb("cp", "box:/tmp/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == Path(__file__).read_bytes()
    half = data[: len(data) // 2]
    cut = subprocess.run(words, input=half, check=False, env=bb.env, capture_output=True)
    assert cut.returncode == 1 and cut.stderr.startswith(b"error: ") and b"Traceback" not in cut.stderr
