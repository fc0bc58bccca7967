"""Part 4: disks that are full, have no inodes left, err at one call or go read-only in the middle."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.soak.command import Outcome, Wherry, Who
from tests.soak.commands import Command, all_commands
from tests.soak.instants import Instant, failing, failing_always
from tests.soak.kill import Kill, complaint
from tests.soak.ledger import read_ledger
from tests.soak.library import end_containers
from tests.soak.model import RUNS, Broken, Model, must
from tests.soak.report import Report, harness_failed
from tests.soak.verify import left_behind, outside, still_running, wrong_contents, wrong_run

MIB = 1 << 20
ROOM = 24 * MIB  # beside the template
LEFT = (0, 4096, 3 * 4096, 16 * 4096, 64 * 4096, 256 * 4096, 1024 * 4096)  # bytes that are left
INODES = (0, 1, 3, 10, 50)
ERRORS = ("ENOSPC", "EIO", "EDQUOT")
PRINTS = ("bb", "sh", "-c", "while :; do echo 0123456789012345678901234567890123456789; sleep 0.01; done")


class Failing(Kill):
    """One call of a command fails; then the same is looked at as after a kill."""

    def _instant(self) -> Instant:
        """Not an opening: another process's of that number may only be for reading."""
        return self.at or self.random.choice([i for i in self.known.instants if i.syscall != "openat"])

    def _kill(self, wherry: Wherry) -> str:
        error = ERRORS[self.number % len(ERRORS)]
        instant = self._instant()
        done = wherry.run(*self.command.words, under=failing(instant, error))
        self.said = [f"{error} at {instant} says {done.forbidden()!r}: {done}"] if done.forbidden() else []
        return f"{error} at {instant}, exit {done.code}"

    def try_it(self) -> tuple[str, list[str]]:
        detail, faults = super().try_it()
        return detail, self.said + faults


class FailingDatabase(Kill):
    """Only SQLite writes by pwrite64: no room for the records, as under a quota of their own."""

    def _kill(self, wherry: Wherry) -> str:
        done = wherry.run(*self.command.words, under=failing_always("pwrite64", "ENOSPC"))
        self.said = [f"says {done.forbidden()!r}: {done}"] if done.forbidden() else []
        return f"no room for the database, exit {done.code}"

    def try_it(self) -> tuple[str, list[str]]:
        detail, faults = super().try_it()
        return detail, self.said + faults


class Disk(NamedTuple):
    """A small file system, how it is filled, and how the filling is taken away."""

    name: str
    mount: Callable[[Path, int], None]
    levels: tuple[int, ...]
    fill: Callable[[Path, int], None]


class Disks:
    def __init__(self, model: Model, who: Who, folder: Path, report: Report, seed: int) -> None:
        self.model, self.who, self.report, self.seed = model, who, report, seed
        self.place = folder / "disks"

    def run(self, until: float, only: list[str]) -> None:
        """``ONLY=disk:tmpfs:12`` does one step."""
        self.place.mkdir()
        number = int(only[1]) if len(only) > 1 else 0
        disks = [disk for disk in DISKS if not only or disk.name == only[0]]
        while time.monotonic() < until:
            for disk in disks:
                self._step(disk, number)
                if time.monotonic() > until:
                    return
            number += 1
            if len(only) > 1:
                return

    def _step(self, disk: Disk, number: int) -> None:
        choose = random.Random(f"{self.seed}:{disk.name}:{number}")
        level = disk.levels[number % len(disk.levels)]
        out = self.place / f"{disk.name}-{number}.out"
        out.mkdir()
        os.chown(out, self.who.uid, self.who.uid)
        commands = [c for c in all_commands(self.model.inputs, str(out)) if not c.live]
        mount = self.place / f"{disk.name}-{number}"
        mount.mkdir()
        disk.mount(mount, _size(self.model.template) + ROOM)
        try:
            os.chown(mount, self.who.uid, self.who.uid)
            subprocess.run(["cp", "-a", str(self.model.template), str(mount / "store")], check=True)
            wherry = Wherry(mount / "store", self.who)
            command = choose.choice(commands)
            faults = Full(self.model, wherry, disk, command).try_it(mount, level)
            detail = f"{command.name} with {level} left"
        except Broken as error:
            faults, detail = [f"undisturbed: {error}"], ""
        except Exception as error:
            faults, detail = [harness_failed(error)], ""
        finally:
            subprocess.run(["umount", "-l", str(mount)], check=True)
        self.report.step(f"disk:{disk.name}:{number}", detail, faults)


class Full:
    """One command on a full disk, beside a container that prints; then there is room again."""

    def __init__(self, model: Model, wherry: Wherry, disk: Disk, command: Command) -> None:
        self.model, self.wherry, self.disk, self.command = model, wherry, disk, command

    def try_it(self, mount: Path, level: int) -> list[str]:
        wherry, command = self.wherry, self.command
        for words in command.before:
            must(wherry.run(*words))
        printer = must(wherry.run("run", "-d", "--name", "printer", *PRINTS)).out.strip()
        self.disk.fill(mount, level)
        faults = self._said(wherry.run(*command.words))
        time.sleep(0.3)
        faults += self._reads(printer)
        (mount / "filling").unlink(missing_ok=True)
        for path in (mount / "many").glob("*") if (mount / "many").exists() else ():
            path.unlink()
        faults += self._alive("when there is room again")
        faults += complaint(wherry.run(*command.words), command.again)
        return faults + self._whole()

    def _said(self, done: Outcome) -> list[str]:
        if done.forbidden():
            return [f"says {done.forbidden()!r}: {done}"]
        if done.code == 0 or self.command.name in ("rmi", "rmi-f", "rm"):
            return []
        full = ("no space left", "disk is full", "No space left", "quota")
        if not any(text in done.err for text in full):
            return [f"does not say that the disk is full: {done}"]
        return []

    def _reads(self, printer: str) -> list[str]:
        """Whoever only reads, reads; the container lives."""
        faults = self._alive("on the full disk")
        for words in (
            ("images",),
            ("ps", "-a"),
            ("logs", "old"),
            ("inspect", "printer"),
            ("history", "bb"),
        ):
            done = self.wherry.run(*words)
            if done.code != 0 or done.forbidden():
                faults.append(f"a reader fails on the full disk: {done}")
        return faults

    def _alive(self, when: str) -> list[str]:
        done = self.wherry.run("ps", "-q", "--no-trunc")
        names = self.wherry.run("ps", "--format", "{{.Names}}")
        return [] if "printer" in names.out else [f"the container that prints is gone {when} ({done})"]

    def _whole(self) -> list[str]:
        wherry = self.wherry
        faults = []
        done = wherry.run("stop", "-t", "1", "printer")
        faults += complaint(done)
        try:
            end_containers(wherry)
        except Broken as error:
            faults.append(str(error))
        ledger = read_ledger(wherry.root)
        known = {name: {tree} for name, tree in self.model.trees.items()}
        faults += wrong_contents(wherry, set(ledger.names) & set(known), known)
        for image in set(RUNS) & set(ledger.names):
            faults += wrong_run(wherry, image)
        faults += still_running(wherry.root) + complaint(wherry.run("prune", "-af"))
        return faults + left_behind(wherry.root) + outside(wherry)


def _size(template: Path) -> int:
    done = subprocess.run(["du", "-s", "-B1", str(template)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


def _tmpfs(mount: Path, size: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(mount)], check=True)


def _few_inodes(mount: Path, size: int) -> None:
    options = f"size={size * 2},nr_inodes=6000"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(mount)], check=True)


def _ext4(mount: Path, size: int) -> None:
    image = mount.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(size + 16 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    image.unlink()


def _fill_bytes(mount: Path, left: int) -> None:
    """All but `left` bytes."""
    path = mount / "filling"
    with path.open("wb", buffering=0) as file:
        for piece in (MIB, 4096):
            try:
                while True:
                    file.write(b"\1" * piece)
            except OSError:
                pass
        file.truncate(max(0, file.tell() - left))


def _fill_inodes(mount: Path, left: int) -> None:
    folder = mount / "many"
    folder.mkdir()
    number = 0
    try:
        while True:
            (folder / str(number)).touch()
            number += 1
    except OSError:
        pass
    for each in range(min(left, number)):
        (folder / str(each)).unlink()


DISKS = (
    Disk("tmpfs", _tmpfs, LEFT, _fill_bytes),
    Disk("ext4", _ext4, LEFT, _fill_bytes),
    Disk("inodes", _few_inodes, INODES, _fill_inodes),
)
