"""SECURITY.md's table of what each isolation guarantees, row by row."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.checkout import ROOT
from support.ways import by_plain_user, by_root
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]

Probe = Callable[[Wherry, Path], bool]
COLUMNS = ["crun", "plain user", "chroot", "no mounts"]


def table() -> dict[str, list[bool]]:
    """The cells of each row."""
    rows = {}
    for line in Path(ROOT, "SECURITY.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and set(cells[1:]) <= {"yes", "no"}:
            rows[cells[0]] = [cell == "yes" for cell in cells[1:]]
    return rows


@pytest.fixture(params=COLUMNS)
def column(request: pytest.FixtureRequest, bb: Wherry) -> Iterator[tuple[int, Wherry]]:
    number = COLUMNS.index(request.param)
    if request.param != "plain user":
        yield number, by_root(request.param, bb)
        return
    folder = Path(tempfile.mkdtemp(prefix="wl"))
    os.chmod(folder, 0o755)
    yield number, by_plain_user(folder, bb, "crun")
    shutil.rmtree(folder)


def shown(way: Wherry, script: str, *flags: str) -> str:
    done = way.run("run", "--rm", *flags, "bb", "sh", "-c", script)
    return done.stdout if done.returncode == 0 else ""


def no_device(way: Wherry, _folder: Path) -> bool:
    script = "for p in /x /dev/x /tmp/x; do mknod -m 666 $p b 7 0; [ -b $p ] && : < $p && echo opened; done"
    return shown(way, f"( {script} ) 2> /dev/null; echo done") == "done\n"


def dev_is_docker_s(way: Wherry, _folder: Path) -> bool:
    docker = {"fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout"}
    return set(shown(way, "ls /dev").split()) - {"core"} == docker | {"tty", "urandom", "zero"}


def can_make_nodes(way: Wherry, _folder: Path) -> bool:
    return shown(way, "mknod /x b 7 0 && [ -b /x ] && ! ( : < /x ) 2> /dev/null && echo made") == "made\n"


def sys_is_read_only(way: Wherry, _folder: Path) -> bool:
    script = """
    for p in /sys $(cut -d ' ' -f 5 /proc/self/mountinfo 2> /dev/null | grep ^/sys/); do
        touch $p/x && echo $p
    done
    echo x > /proc/sys/kernel/domainname && echo domainname
    echo 10 > /sys/kernel/mm/ksm/sleep_millisecs && echo ksm
    echo done
    """
    return shown(way, f"( {script} ) 2> /dev/null") == "done\n"


def masked(way: Wherry, _folder: Path) -> bool:
    script = "cat /proc/keys /proc/timer_list /proc/kcore; ls /sys/firmware /proc/acpi; echo done"
    said = shown(way, f"( {script} ) 2> /dev/null").split("\n")
    return [line for line in said if line and not line.endswith(":")] == ["done"]


def mounts_nothing(way: Wherry, _folder: Path) -> bool:
    script = (
        "mount -t tmpfs none /tmp || mount --bind /etc /tmp || mount -o remount,dev,rw / || echo refused"
    )
    return shown(way, f"( {script} ) 2> /dev/null") == "refused\n"


def capabilities(way: Wherry, folder: Path) -> bool:
    """From outside: in the last column there is no /proc."""
    command = ["setpriv", "--inh-caps=+net_admin,+sys_ptrace", "--ambient-caps=+net_admin"]
    before = way.prefix
    if before[0] != "unshare":
        way.prefix = [*command, *before]
    way("run", "-d", "--name", "caps", "bb", "sleep", "100")
    way.prefix = before
    pid = way("inspect", "--format", "{{.State.Pid}}", "caps")
    status = Path(f"/proc/{pid}/status").read_text() if before[0] != "unshare" else ""
    status = status or way("run", "--rm", "bb", "cat", "/proc/self/status")
    way("rm", "-f", "caps")
    docker = 0xA80425FB
    sets = {line.split()[0]: int(line.split()[1], 16) for line in status.splitlines() if line[:3] == "Cap"}
    return all(not bits & ~docker for bits in sets.values()) and not sets["CapInh:"] | sets["CapAmb:"]


def seccomp(way: Wherry, _folder: Path) -> bool:
    return "Seccomp:\t2" in shown(way, "cat /proc/self/status")


def own_processes(way: Wherry, _folder: Path) -> bool:
    return shown(way, f"kill -0 {os.getpid()} 2> /dev/null || echo unseen") == "unseen\n"


def own_ipc(way: Wherry, _folder: Path) -> bool:
    inside = shown(way, "readlink /proc/self/ns/ipc").strip()
    return inside != "" and inside != os.readlink("/proc/self/ns/ipc")


def read_only(way: Wherry, folder: Path) -> bool:
    below = folder / "v/below"
    below.mkdir(parents=True)
    for path in (folder / "v", below):
        path.chmod(0o777)
    flags = ["--read-only", "-v", f"{folder}/v:/v:ro"]
    script = (
        "touch /x /etc/x /v/x /v/below/x 2> /dev/null; ls /x /etc/x /v/x /v/below/x 2> /dev/null; echo done"
    )
    return shown(way, script, *flags) == "done\n"


def no_network(way: Wherry, _folder: Path) -> bool:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"nc -w 1 127.0.0.1 {port} < /dev/null 2> /dev/null && echo reached; echo done"
        return shown(way, script, "--network", "none") == "done\n"


def caller_out_of_reach(way: Wherry, folder: Path) -> bool:
    secret = folder / "secret"
    secret.write_text("secret\n")
    with secret.open() as file:
        os.set_inheritable(file.fileno(), True)
        script = f"cat <&{file.fileno()} 2> /dev/null; env | grep -i secret; echo done"
        done = subprocess.run(
            [*way.prefix, "run", "--rm", "bb", "sh", "-c", f"( {script} ) 2> /dev/null"],
            env={**way.env, "SECRET": "secret"},
            pass_fds=[file.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
    return done.stdout == "done\n"


def root_is_nobody(way: Wherry, _folder: Path) -> bool:
    outside = shown(way, "cat /proc/self/uid_map").split()
    return bool(outside) and outside[1] != "0"


PROBES: dict[str, Probe] = {
    "no device can be opened but those of its own /dev": no_device,
    "/dev holds what Docker's holds, no more and no less": dev_is_docker_s,
    "it can make device nodes, which are kept and cannot be opened": can_make_nodes,
    "nothing can be written below /sys, or to /proc/sys": sys_is_read_only,
    "what Docker masks in /proc and /sys shows nothing": masked,
    "it can mount nothing": mounts_nothing,
    "it has Docker's capabilities, or fewer": capabilities,
    "it has Docker's system calls only (seccomp)": seccomp,
    "it sees its own processes only": own_processes,
    "its message queues and shared memory are its own": own_ipc,
    "`--read-only` and `:ro` hold, with all that is mounted below": read_only,
    "`--network none` holds": no_network,
    "the caller's open files and variables are out of its reach": caller_out_of_reach,
    "its root is nobody outside": root_is_nobody,
}


def test_each_row_of_the_table_has_a_proof() -> None:
    assert list(table()) == list(PROBES)
    assert all(len(cells) == len(COLUMNS) for cells in table().values())


def test_the_table_is_true(column: tuple[int, Wherry]) -> None:
    number, way = column
    folder = way.root.parent / "scratch"
    folder.mkdir()
    folder.chmod(0o777)
    found = {row: probe(way, folder) for row, probe in PROBES.items()}
    assert found == {row: cells[number] for row, cells in table().items()}
