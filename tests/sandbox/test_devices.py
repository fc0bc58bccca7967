"""No device of the host is ever used, wherever its node comes from."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from support.ways import BARE, by_root, may_mount
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]

DOCKER = [
    "core",
    "fd",
    "full",
    "mqueue",
    "null",
    "ptmx",
    "pts",
    "random",
    "shm",
    "stderr",
    "stdin",
    "stdout",
    "tty",
    "urandom",
    "zero",
]
NODES = ("null", "zero", "full", "random", "urandom", "tty")
# The loop device that nobody uses: to open it succeeds and gives nothing.
LOOP = (7, 0)
# Says each node that could be opened, to read or to write.
OPEN = """
opened() {
    [ -b $1 ] || [ -c $1 ] || return 0
    ( : < $1 ) 2> /dev/null && echo read $1
    ( : >> $1 ) 2> /dev/null && echo wrote $1
    return 0
}
"""


def layer(*nodes: str) -> bytes:
    """A tar with block nodes that everybody may use, and a twin of /dev/null, which harms nobody."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in nodes:
            node = tarfile.TarInfo(name)
            node.type, node.mode, (node.devmajor, node.devminor) = tarfile.BLKTYPE, 0o666, LOOP
            tar.addfile(node)
        null = tarfile.TarInfo("null")
        null.type, null.mode, (null.devmajor, null.devminor) = tarfile.CHRTYPE, 0o666, (1, 3)
        tar.addfile(null)
    return out.getvalue()


def run(script: str, *flags: str) -> str:
    """An instruction that runs a script with `opened`, whatever it ends with."""
    return f"RUN {' '.join(flags)} <<'E'\n{OPEN}{script}\ntrue\nE\n"


@pytest.fixture
def context(scratch: Path) -> Path:
    folder = scratch / "c"
    folder.mkdir()
    (folder / "nodes.tar").write_bytes(layer("disk", "deep/disk"))
    for path in (folder, folder / "nodes.tar"):
        path.chmod(0o755)
    return folder


def test_what_dev_holds_is_docker_s(every_way: Wherry) -> None:
    listed = every_way("run", "--rm", "bb", "ls", "/dev").split()
    if not may_mount(every_way):
        assert set(listed) <= set(DOCKER) and {*NODES, "fd"} <= set(listed)
        return
    # runc makes /dev/core where the kernel has /proc/kcore only.
    assert sorted({*listed, "core"}) == DOCKER
    script = "echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; "
    script += "ls /dev/shm /dev/mqueue"
    assert every_way("run", "--rm", "bb", "sh", "-c", script).split() == [
        *("4", "4", "/dev/mqueue:", "/dev/shm:")
    ]


def test_what_a_container_does_to_its_nodes_is_not_done_to_the_host_s(way: Wherry) -> None:
    """Its standard input is /dev/null, too."""
    script = "cd /dev && for f in *; do chmod 640 $f; chown 7:7 $f; done; chmod 640 /proc/keys"
    before = [_owned(name) for name in NODES]
    try:
        way.run("run", "--rm", "bb", "sh", "-c", script)
        assert [_owned(name) for name in NODES] == before
    finally:
        for name, (mode, uid, gid) in zip(NODES, before, strict=True):
            os.chown(f"/dev/{name}", uid, gid)
            os.chmod(f"/dev/{name}", mode & 0o7777)


def _owned(name: str) -> tuple[int, int, int]:
    status = os.stat(f"/dev/{name}")
    return status.st_mode, status.st_uid, status.st_gid


def test_a_node_that_root_makes_is_of_no_use(every_way: Wherry, scratch: Path) -> None:
    places = ["/x", "/tmp/x", "/dev/x", "/dev/shm/x", "/etc/x"]
    flags = []
    if may_mount(every_way):
        places += ["/v/x", "/named/x", "/anon/x"]
        flags = ["-v", f"{scratch}:/v", "-v", "named:/named", "-v", "/anon"]
    script = (
        f"{OPEN} for p in {' '.join(places)}; do mknod -m 666 $p b 7 0; opened $p; done 2>/dev/null; true"
    )
    assert every_way("run", "--rm", *flags, "bb", "sh", "-c", script) == ""


def test_a_node_that_a_step_makes_is_of_no_use_to_it_and_to_the_next(
    every_way: Wherry, context: Path
) -> None:
    cache = "--mount=type=cache,target=/c"
    use = "for p in /x /c/x /t/x /dev/x; do mknod -m 666 $p b 7 0; opened $p; done > /said 2> /dev/null"
    again = "for p in /x /c/x; do opened $p; done >> /said"
    dockerfile = "FROM bb\n" + run(use, cache, "--mount=type=tmpfs,target=/t") + run(again, cache)
    every_way.build(context, dockerfile, "-t", "made")
    assert every_way("run", "--rm", "made", "cat", "/said") == ""


def test_a_node_that_an_image_has_is_of_no_use(every_way: Wherry, context: Path) -> None:
    in_steps = "for p in /n/disk /n/deep/disk /bound/disk /cache/disk /cache/deep/disk; do opened $p; done"
    mounts = [
        "--mount=from=first,source=/n,target=/bound,rw",
        "--mount=type=cache,target=/cache,from=first,source=/n",
    ]
    dockerfile = "FROM bb AS first\nADD nodes.tar /n/\nFROM first\nCOPY --from=first /n /copied\n"
    dockerfile += run(f"{in_steps} > /said", *mounts)
    dockerfile += "VOLUME /copied\n" if may_mount(every_way) else ""
    every_way.build(context, dockerfile, "-t", "nodes")
    places = "/n/disk /n/deep/disk /copied/disk /copied/deep/disk"
    script = f"{OPEN} cat /said; for p in {places}; do opened $p; done"
    for flags in ([], ["-u", "1000"], ["-u", "1000", "--read-only"]):
        if "--read-only" in flags and not may_mount(every_way):
            assert "read-only" in every_way.fails("run", "--rm", *flags, "nodes", "true", code=1)
            continue
        assert every_way("run", "--rm", *flags, "nodes", "sh", "-c", script) == "", flags


def test_what_lies_below_a_bound_folder_is_as_harmless_and_as_read_only(
    way: Wherry, tmp_path: Path
) -> None:
    if not may_mount(way):
        pytest.skip("nothing can be bound here")
    below = tmp_path / "v/below"
    below.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", str(below)], check=True)
    try:
        os.mknod(below / "disk", stat.S_IFBLK | 0o666, os.makedev(*LOOP))
        script = (
            f"{OPEN} opened /v/below/disk; mknod /v/below/own b 7 0; opened /v/below/own; touch /v/below/f"
        )
        assert way("run", "--rm", "-v", f"{tmp_path}/v:/v", "bb", "sh", "-c", script) == ""
        assert (below / "f").exists()
        readonly = f"{tmp_path}/v:/v:ro"
        assert way.run("run", "--rm", "-v", readonly, "bb", "touch", "/v/below/g").returncode != 0
        assert not (below / "g").exists()
    finally:
        subprocess.run(["umount", str(below)], check=True)


def test_nodes_that_lie_disarmed_are_given_on_as_they_were(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "nodes.tar").write_bytes(layer("disk", "still", "hard"))
    dockerfile = (
        "FROM bb\nADD nodes.tar /n/\nRUN chmod 640 /n/disk && mv /n/disk /moved && ln /n/hard /n/link\n"
        "RUN stat -c %t:%T /moved /n/still > /seen && chown 7 /n/link\n"
    )
    image = by_root("no mounts", bb).build(tmp_path, dockerfile)
    bb.prefix = bb.prefix[len(BARE) :]
    script = "cat /seen; stat -c '%F %t:%T %a %u' /moved /n/still /n/hard /n/link /n/null"
    assert bb("run", "--rm", image, "sh", "-c", script).splitlines() == [
        "0:0",
        "0:0",
        "block special file 7:0 640 0",
        "block special file 7:0 666 0",
        "block special file 7:0 666 7",
        "block special file 7:0 666 7",
        "character special file 1:3 666 0",
    ]


def test_an_insecure_step_has_what_buildkit_gives_it(bb: Wherry, tmp_path: Path) -> None:
    step = "mknod /x b 7 0 && : < /x && mknod /dev/x b 7 0 && : < /dev/x && mount -t tmpfs none /tmp"
    for isolation, runtime in (("oci", "crun"), ("oci", "runc"), ("chroot", "")):
        bb.env |= {"WHERRY_ISOLATION": isolation, "WHERRY_RUNTIME": runtime}
        dockerfile = f"FROM bb\nRUN --security=insecure {step} # {isolation} {runtime}\n"
        bb.build(tmp_path / "c", dockerfile, "--allow", "security.insecure")
