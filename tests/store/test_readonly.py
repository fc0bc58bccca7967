"""On a full disk and on a read-only file system every command that only reads works; others say why not."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.store import Store

pytestmark = [pytest.mark.root, pytest.mark.runtime]

PREPARE = r"""
W build -q -t img $C
printf 'FROM bb\nRUN --mount=type=cache,id=mine,target=/c echo x > /c/x\n' > $C/other
W build -q -f $C/other $C >/dev/null
W run --name ended bb sh -c 'echo hello; exit 3' || [ $? = 3 ]
W create --name idle bb true
"""
# None of these changes the store.
READERS = """
W ps -a
W ps -aq
W logs ended
W images
W history img
W inspect img
W inspect ended
W info
W version
W explain
W cache ls
W cache export mine $C/../cache.tar
W context $C
W save -o $C/../out.tar bb
W save -o $C/../out2.tar img
W cp ended:/etc/passwd $C/../passwd
W stop ended
"""
WRITERS = """
W tag bb other
W run --rm bb true
W create bb true
W load -i $C/../out.tar
W import $C/../out.tar
"""


def on_a_disk(busybox_store: Path, tmp_path: Path, script: str, kind: str = "-t tmpfs") -> list[str]:
    """Run `script` with a store on a small disk of its own, $D; what it printed, line by line."""
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM bb\nRUN echo x > /x\nENV A=1\n")
    wherry = Wherry(disk / "store")
    prologue = f"""
set -e
truncate -s 40M {tmp_path}/image
[ "{kind}" = "-t tmpfs" ] || mkfs.ext4 -q {tmp_path}/image
mount {"-o size=40m none" if "tmpfs" in kind else f"-o loop {tmp_path}/image"} {kind} {disk}
cp -a {busybox_store} {disk}/store
D={disk} S={disk}/store C={tmp_path}/c
W() {{ {" ".join(wherry.prefix)} "$@"; }}
fill() {{ dd if=/dev/zero of=$D/fill bs=4k 2>/dev/null || true; }}
"""
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", prologue + script],
        capture_output=True,
        text=True,
        check=False,
        env=wherry.env,
        timeout=240,
    )
    assert done.returncode == 0, (done.returncode, done.stdout[-1500:], done.stderr[-3000:])
    assert "Traceback" not in done.stderr
    return done.stdout.splitlines()


def each(commands: str, *, succeed: bool) -> str:
    """A script that runs every command, and prints those that do not end as they should."""
    lines = []
    for command in commands.strip().splitlines():
        if succeed:
            lines.append(f"{command} >/dev/null || echo 'FAILED: {command}'")
        else:
            lines.append(f"! {command} >/dev/null 2>$C/../err || echo 'SUCCEEDED: {command}'")
            lines.append(f"[ $(wc -l < $C/../err) -le 2 ] || {{ echo 'LONG: {command}'; cat $C/../err; }}")
            lines.append(f"grep -qiE 'space|full|read-only|written' $C/../err || echo 'UNSAID: {command}'")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("kind", ["-t tmpfs", "-t ext4"])
def test_on_a_full_disk(busybox_store: Path, tmp_path: Path, kind: str) -> None:
    counted = "ls $S/containers $S/layers $S/tmp | sort | cksum; W ps -aq | sort | cksum\n"
    script = PREPARE + counted + "fill\n" + each(READERS, succeed=True) + each(WRITERS, succeed=False)
    said = on_a_disk(busybox_store, tmp_path, f"{script}rm $D/fill\n{counted}W run --rm img cat /x", kind)
    assert not [line for line in said if ":" in line and line.split(":")[0].isupper()], said
    assert said[-5:-3] != [] and said[-3:-1] == said[3:5], "nothing is left half, nothing is lost"
    assert said[-1] == "x"


def test_on_a_read_only_file_system(busybox_store: Path, tmp_path: Path) -> None:
    script = PREPARE + "mount -o remount,ro $D\n"
    script += each(READERS, succeed=True) + each(WRITERS, succeed=False)
    said = on_a_disk(busybox_store, tmp_path, script)
    assert not [line for line in said if ":" in line and line.split(":")[0].isupper()], said


def test_where_a_killed_command_left_sqlite_s_log(busybox_store: Path, tmp_path: Path) -> None:
    """A record that is only in the log, whose index nobody can make anew on a disk without room."""
    script = """
W create --name early bb true
python3 - $S/wherry.db <<'END'
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("UPDATE containers SET name='late' WHERE name='early'")
os.kill(os.getpid(), signal.SIGKILL)
END
rm -f $S/wherry.db-shm
[ -s $S/wherry.db-wal ]
fill
W ps -a --format '{{.Names}}'
"""
    script = script.replace("END\nrm", "END\ntrue\nrm").replace("python3 -", "! python3 -")
    assert on_a_disk(busybox_store, tmp_path, script)[-1] == "late"


def test_a_container_that_prints_outlives_a_full_disk(busybox_store: Path, tmp_path: Path) -> None:
    talk = "i=0; while true; do i=$((i+1)); echo line $i; usleep 10000; done"
    script = f"""
W run -d --name talker bb sh -c '{talk}' >/dev/null
sleep 0.5
fill
sleep 1
W ps --format '{{{{.Names}}}} {{{{.State}}}}'
W logs --tail 1 talker
rm $D/fill
sleep 0.5
cp $S/containers/*/log.json $C/../log
fill
W stop -t 1 talker
W ps -a --format '{{{{.State}}}} {{{{.Status}}}}'
rm $D/fill
W rm talker
"""
    said = on_a_disk(busybox_store, tmp_path, script)
    assert said[0] == "talker running" and said[1].startswith("line ")
    assert said[2] == "talker" and said[3].startswith("exited Exited (137)")
    lines = [json.loads(row)["log"][:-1] for row in (tmp_path / "log").read_text().splitlines()]
    (notice,) = [line for line in lines if not line.startswith("line ")]
    before, after = (int(lines[lines.index(notice) + step].split()[1]) for step in (-1, 1))
    missing = sum(len(f"line {number}\n") for number in range(before + 1, after))
    assert notice == f"wherry: {missing} bytes of output are missing here: there was no room for them"


def test_things_can_be_removed_although_the_disk_is_full(busybox_store: Path, tmp_path: Path) -> None:
    script = """
W build -q -t img $C
W create --name idle bb true
W prune -f
[ -e $S/reserve ]
fill
room() { stat -f -c %a $D; }
echo $(room)
W rm idle
echo $(room)
fill
W rmi img
fill
W prune -af
echo $(room)
W ps -aq
W images --format '{{.Repository}}'
"""
    said = on_a_disk(busybox_store, tmp_path, script)
    assert said[-1] == "bb" and "idle" in said and "Untagged: img:latest" in said
    room = [int(line) for line in said if line.isdigit()]
    assert room[0] == 0 and room[-1] > 0
    assert not any(len(line) == 12 for line in said[-2:]), "no container is left"


def test_how_a_container_ended_is_known_although_the_record_could_not_be_written(
    busybox_store: Path, tmp_path: Path
) -> None:
    script = """
W run -d --name ends bb sh -c 'while ! [ -e /tmp/end ]; do usleep 10000; done; exit 7' >/dev/null
touch $C/end
W cp $C/end ends:/tmp/begun
W run -d --name other bb sleep 0.1 >/dev/null
fill
sleep 0.5
W kill ends
W ps -a --format '{{.Names}} {{.Status}}' --filter name=ends
W ps -a --format '{{.Names}} {{.Status}}' --filter name=other
"""
    ends, other = on_a_disk(busybox_store, tmp_path, script)[-2:]
    assert ends.startswith("ends Exited (137)") and other.startswith("other Exited (0)")


def test_where_the_logs_index_was_cut_off_while_it_was_written_the_records_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite gives up after some seconds with "locking protocol" where it can neither use nor mend that."""
    store = Store.open(str(tmp_path / "s"))
    store.cache.put("key", "value", {})
    store.database.close()

    def refuse(connection: sqlite3.Connection) -> sqlite3.Connection:
        connection.close()
        error = sqlite3.OperationalError("locking protocol")
        error.sqlite_errorcode = sqlite3.SQLITE_PROTOCOL
        raise error

    monkeypatch.setattr(store.database, "_ready", refuse)
    assert store.cache.values() == {"value"}
    monkeypatch.undo()
    store.database.close()
    assert store.cache.values() == {"value"}
