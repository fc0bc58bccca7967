"""Nobody but its owner gets into a store, whoever made it and with what umask."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from support.plain import plain_user
from support.wherry import Wherry
from wherry.store import Store

# env starts the program: setpriv itself still has root's capabilities.
STRANGER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env"]


@pytest.fixture
def reachable(busybox_store: Path, entered_by_all: Path) -> Path:
    """A store with ``bb`` in a folder that everybody can enter."""
    shutil.copytree(busybox_store, entered_by_all / "s", symlinks=True)
    return entered_by_all / "s"


@pytest.fixture
def plain(busybox_store: Path, entered_by_all: Path) -> Wherry:
    """The command of a plain user who has the image ``bb``."""
    wherry = plain_user(entered_by_all)
    Wherry(busybox_store)("save", "-o", str(entered_by_all / "bb.tar"), "bb")
    (entered_by_all / "bb.tar").chmod(0o644)
    wherry("load", "-q", "-i", str(entered_by_all / "bb.tar"))
    return wherry


def open_to_all(root: Path) -> None:
    """As an older version left it."""
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    root.chmod(0o755)


def modes(root: Path) -> dict[str, int]:
    own = [root, *root.iterdir()]
    for name in ("contexts", "logs", "builds", "listings"):
        own += root.glob(f"{name}/*")
    return {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in own}


def assert_private(root: Path) -> None:
    for name, mode in modes(root).items():
        assert mode == (0o700 if (root / name).is_dir() else 0o600), (name, oct(mode))


def stranger(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*STRANGER, *words], capture_output=True, text=True, check=False)


@pytest.mark.root
@pytest.mark.runtime
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_every_file_and_folder_is_its_owner_s_whatever_the_umask(
    reachable: Path, tmp_path: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        fresh = Wherry(reachable.parent / "fresh")
        fresh("images")
        assert_private(fresh.root)
        bb = Wherry(reachable)
        (tmp_path / "c").mkdir()
        (tmp_path / "c/file").write_text("x")
        os.utime(tmp_path / "c/file", (1, 1))
        bb.build(tmp_path / "c", "FROM bb\nCOPY file /\nRUN --mount=type=cache,target=/c touch /c/x\n")
        bb.run("build", "-q", str(tmp_path / "c"), "--no-cache")
        bb("run", "--name", "cc", "-v", "vol:/v", "-v", "/anon", "bb", "touch", "/v/x")
        assert_private(reachable)
        assert stat.S_IMODE((reachable / "volumes/vol").stat().st_mode) == 0o755
        bb("rm", "cc")
    finally:
        os.umask(before)


@pytest.mark.root
@pytest.mark.runtime
def test_a_stranger_runs_no_setuid_file_of_a_volume_and_reads_no_password(reachable: Path) -> None:
    bb = Wherry(reachable)
    words = ("run", "--name", "cc", "-e", "PASS=secret", "-v", "vol:/v", "-v", "/usr/bin:/host", "bb")
    bb(*words, "sh", "-c", "cp /host/id /v/id; chmod 4755 /v/id; echo said-secret")
    setuid = reachable / "volumes/vol/id"
    open_to_all(reachable)
    assert stranger(str(setuid), "-u").stdout == "0\n", "the test shows what it is to show"
    bb("ps")
    assert stranger(str(setuid), "-u").stdout == ""
    for path in [reachable / "wherry.db", *reachable.rglob("log.json"), *reachable.rglob("config.json")]:
        said = stranger("cat", str(path))
        assert said.stdout == "" and "Permission denied" in said.stderr
    bb("rm", "cc")


@pytest.mark.root
def test_a_store_of_an_older_version_is_healed_by_the_next_command(reachable: Path) -> None:
    open_to_all(reachable)
    assert Wherry(reachable)("images", "-q")
    assert_private(reachable)


def test_a_store_in_a_folder_that_is_not_ours_to_change_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A volume that an orchestrator made for everybody."""

    def refused(path: str, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted", path)

    (tmp_path / "s").mkdir()
    (tmp_path / "s").chmod(0o777)
    monkeypatch.setattr(os, "chmod", refused)
    store = Store.open(str(tmp_path / "s"))
    assert store.images.all() == []


def test_its_owner_s_other_tools_read_it(bb: Wherry) -> None:
    """What skopeo and crane read: the layout file, the index, its manifests and their configurations."""
    import json

    for descriptor in json.loads((bb.root / "index.json").read_text())["manifests"]:
        manifest = json.loads((bb.root / "blobs" / descriptor["digest"].replace(":", "/")).read_text())
        config = bb.root / "blobs" / manifest["config"]["digest"].replace(":", "/")
        assert json.loads(config.read_text())["os"] == "linux"


@pytest.mark.root
@pytest.mark.runtime
@pytest.mark.rootless
@pytest.mark.parametrize("isolation", ["oci", "chroot"])
def test_a_plain_user_s_containers_have_users_of_their_own(plain: Wherry, isolation: str) -> None:
    plain.env["WHERRY_ISOLATION"] = isolation
    context = plain.root.parent / "c"
    cache = "--mount=type=cache,target=/c,uid=1000"
    plain.build(context, f"FROM bb\nUSER 1000\nRUN {cache} touch /c/x && id -u > /tmp/id\n", "-t", "img")
    words = ("run", "--name", "cc", "-u", "1000", "-v", "vol:/v", "-v", "/anon", "img")
    assert plain(*words, "sh", "-c", "id -u; cat /tmp/id; ls -d /v /anon; echo x > /tmp/x") == (
        "1000\n1000\n/anon\n/v"
    )
    copy = plain.root.parent / "x"
    plain("cp", "cc:/tmp/x", str(copy))
    assert copy.read_text() == "x\n"
    plain("cp", str(copy), "cc:/tmp/y")
    assert_private(plain.root)
    plain("rm", "cc")
    assert os.listdir(plain.root / "containers") == os.listdir(plain.root / "tmp") == []


@pytest.mark.root
@pytest.mark.runtime
@pytest.mark.rootless
def test_a_command_that_may_not_remove_what_another_left_leaves_it_to_one_that_may(plain: Wherry) -> None:
    """``images`` needs no user namespace, and files of subordinate ids are none of its user's."""
    context = plain.root.parent / "c"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM bb\nRUN chown 5:5 /etc && echo begun && sleep 30\n")
    build = plain.start("build", "--progress", "plain", str(context))
    assert build.stderr is not None
    while "begun" not in (line := build.stderr.readline()) or "RUN" in line:
        assert line
    build.kill()
    build.communicate()
    for _ in range(3):
        assert plain.run("images", "-q").stderr == ""
    plain("run", "--rm", "bb", "true")
    assert os.listdir(plain.root / "tmp") == []
