"""What a build gives, taken by a real dockerd, and made by a plain user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dockerd import Dockerd
from support.plain import PLAIN, plain_user
from support.reproducible import DOCKERFILES, build, write_context
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]

DOCKERFILE = """\
FROM bb
RUN echo one > /f && chown 70000:80000 /f && chmod 4755 /f && ln /f /hard && rm -r /root
ENV A=1
CMD ["cat", "/hard"]
"""


@pytest.fixture
def plain(open_folder: Path, busybox_store: Path, tmp_path: Path) -> Iterator[tuple[Wherry, Path]]:
    """The command of a plain user who has the image ``bb``, and a folder that they may write into."""
    folder = open_folder / "plain"
    folder.mkdir()
    wherry = plain_user(folder)
    Wherry(busybox_store)("save", "-o", str(folder / "bb.tar"), "bb")
    (folder / "bb.tar").chmod(0o644)
    wherry("load", "-q", "-i", str(folder / "bb.tar"))
    yield wherry, folder / "home"
    shutil.rmtree(folder)


@pytest.mark.dockerd
@pytest.mark.parametrize("how", ["", ",compression=uncompressed", ",oci-mediatypes=true"])
def test_docker_loads_and_runs_it(bb: Wherry, dockerd: Dockerd, tmp_path: Path, how: str) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text(DOCKERFILE)
    archive = tmp_path / "x.tar"
    output = f"type=docker,dest={archive}{how}"
    image = bb("build", "-q", "-t", "out:1", "-t", "out:2", "-o", output, str(tmp_path / "c"))
    said = dockerd.load(archive)
    assert "out:1" in said and "out:2" in said
    assert dockerd("inspect", "--format", "{{.Id}}", "out:1") == image
    script = "cat /hard; stat -c '%u:%g %a %h' /f; test ! -e /root"
    shown = dockerd("run", "--rm", "--network", "none", "out:2", "sh", "-c", script)
    assert shown == "one\n70000:80000 4755 2"
    dockerd("rmi", "-f", image)


@pytest.mark.rootless
@pytest.mark.parametrize("dockerfile", DOCKERFILES.values(), ids=DOCKERFILES.keys())
def test_a_plain_user_builds_the_same_image_as_root(
    bb: Wherry, plain: tuple[Wherry, Path], busybox_store: Path, tmp_path: Path, dockerfile: str
) -> None:
    user, home = plain
    root = Wherry(tmp_path / "root")
    root("load", "-q", "-i", str(home.parent / "bb.tar"))
    ours = build(root, write_context(tmp_path / "c", other=False), dockerfile, tmp_path)
    context = write_context(home / "c", other=True)
    (home / "out").mkdir()
    for folder in (context, home / "out"):
        subprocess.run(["chown", "-R", f"{PLAIN}:{PLAIN}", str(folder)], check=True)
    assert build(user, context, dockerfile, home / "out") == ours
    if dockerfile == DOCKERFILES["copies"]:  # in a store where all is known but the epoch
        words = ("--build-arg", "SOURCE_DATE_EPOCH=1700000000")
        dated = build(root, tmp_path / "c", dockerfile, tmp_path, *words)
        assert build(user, context, dockerfile, home / "out", *words) == dated != ours
    shutil.rmtree(home / "out")
    shutil.rmtree(context)


@pytest.mark.rootless
def test_files_of_a_plain_user_s_build_are_theirs(plain: tuple[Wherry, Path], tmp_path: Path) -> None:
    user, home = plain
    context = home / "c"
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM bb\nRUN mkdir /d && echo x > /d/f && chown -R 5:6 /d && chmod 750 /d && chmod 4640 /d/f\n"
    )
    for _ in range(2):  # and over what the first one wrote
        user("build", "-q", "-o", str(home / "out"), "-o", f"type=tar,dest={home}/out.tar", str(context))
    for name, mode in (("d", 0o750), ("d/f", 0o4640), ("tmp", 0o1777)):
        status = (home / "out" / name).stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (PLAIN, PLAIN, mode)
    listed = subprocess.run(
        ["tar", "--numeric-owner", "-tvf", home / "out.tar", "d/f"], capture_output=True, check=True
    )
    assert (
        listed.stdout.startswith(b"-rwSr----- 5/6")
        or listed.stdout.startswith(b"-rwsr----- 5/6")
        or (b" 5/6 " in listed.stdout)
    )
    made = json.loads(user("inspect", user("build", "-q", "-t", "x", str(context))))
    assert made[0]["RepoTags"] == ["x:latest"]
    assert os.stat(home / "out.tar").st_uid == PLAIN
