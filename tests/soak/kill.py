"""Part 1: each command killed at its writes and at random moments; then the store against the model.

An instant is known by the seed, the command and a number: ``ONLY=kills:load:147`` tries that one again, and
``ONLY=kills:load:rename:3`` kills at the third rename, whatever the seed.
Even numbers kill whoever comes to a chosen write, odd ones kill after a random time: the command alone, its
process group, or everything that has to do with the store.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.soak.archive import Wrong, read_archive
from tests.soak.command import Outcome, Wherry, copy_store
from tests.soak.instants import Instant, killing
from tests.soak.ledger import Container, Ledger, read_ledger
from tests.soak.library import Known, Library, fresh_out, live, running_names
from tests.soak.model import Broken
from tests.soak.report import Report, harness_failed
from tests.soak.verify import left_behind, mentions, outside, still_running, wrong_contents, wrong_run

WORKERS = 2
VICTIMS = ("leader", "group", "all")


class Kill:
    """One kill, and what is seen after it."""

    def __init__(
        self, library: Library, known: Known, number: int, choose: random.Random, place: Path
    ) -> None:
        self.known, self.number, self.random, self.place = known, number, choose, place
        self.who, self.model = library.who, library.model
        self.command = library.command(known.name, place / "out")
        self.at: Instant | None = None

    def try_it(self) -> tuple[str, list[str]]:
        """(what was done, faults)"""
        wherry = Wherry(copy_store(self.known.prepared, self.place / "store"), self.who)
        fresh_out(self.place, self.who)
        live(wherry, self.command)
        detail = self._kill(wherry)
        faults = []
        quiet = not running_names(wherry.root)
        if quiet:
            faults += still_running(wherry.root)
        faults += self._next_command(wherry)
        faults += self._states(wherry, "after the kill", (self.known.before, self.known.after))
        faults += self._written()
        faults += self._again(wherry)
        faults += self._clean(wherry)
        return detail, faults

    def _kill(self, wherry: Wherry) -> str:
        if self.number % 2 == 0:
            instant = self._instant()
            done = wherry.run(*self.command.words, under=killing(instant))
            return f"{instant}, exit {done.code}"
        seconds = self.random.random() * self.known.seconds * 1.1
        victim = VICTIMS[self.number // 2 % len(VICTIMS)]
        process = wherry.start(*self.command.words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        kill(process.pid, victim, wherry.root)
        process.wait()
        return f"{victim} after {seconds * 1000:.0f} ms, exit {process.returncode}"

    def _instant(self) -> Instant:
        return self.at or self.random.choice(self.known.instants)

    def _next_command(self, wherry: Wherry) -> list[str]:
        """Another one, which sweeps."""
        words = self.random.choice(
            [
                ("images",),
                ("ps", "-a"),
                ("prune", "-f"),
                ("inspect", "bb"),
                ("tag", "bb", "bb"),
                ("version",),
            ]
        )
        return complaint(wherry.run(*words))

    def _states(self, wherry: Wherry, when: str, allowed: tuple[Ledger, ...]) -> list[str]:
        ledger = read_ledger(wherry.root)
        faults = [f"{when}: {text}" for text in wrong_names(ledger, allowed)]
        faults += [f"{when}: {text}" for text in wrong_containers(ledger, allowed)]
        faults += [f"{when}: {text}" for text in wrong_contents(wherry, ledger.names, self.known.trees)]
        return faults

    def _written(self) -> list[str]:
        """What the command makes outside of the store: absent, or whole."""
        path = self.place / "out" / self.command.writes
        if not path.is_file() or not path.name.endswith(".tar") or path.name == "cache.tar":
            return []
        try:
            read_archive(path)
        except (Wrong, OSError, KeyError, ValueError) as error:
            return [f"half of {path.name} is left: {error}"]
        return []

    def _again(self, wherry: Wherry) -> list[str]:
        """The same command must do what it would have done."""
        if self.command.writes:
            fresh_out(self.place, self.who)
        done = wherry.run(*self.command.words)
        faults = complaint(done, self.command.again)
        if not faults and done.code == 0:
            faults = self._states(wherry, "done again", (self.known.after,))
        images = [
            name for name in ("app", "bb", "other", "packed") if name in read_ledger(wherry.root).names
        ]
        return faults + wrong_run(wherry, self.random.choice(images))

    def _clean(self, wherry: Wherry) -> list[str]:
        """Without containers and cache, nothing may be there that nothing refers to."""
        faults = [] if self.command.name in ("rm", "rm-f") else _old_is_whole(wherry)
        for container in read_ledger(wherry.root).containers:
            faults += complaint(wherry.run("rm", "-f", container))
        faults += still_running(wherry.root)
        faults += complaint(wherry.run("prune", "-af"))
        return faults + left_behind(wherry.root) + outside(wherry)


class Kills:
    """The kills of one user's commands, in a folder of their own."""

    def __init__(self, library: Library, part: str, report: Report, seed: int, kind: type[Kill]) -> None:
        self.library, self.part, self.report, self.seed, self.kind = library, part, report, seed, kind
        self.at: Instant | None = None
        self._lock = threading.Lock()

    def run(self, until: float, only: list[str]) -> None:
        """Round after round over all commands, by two threads; or only one kill."""
        self.at = Instant(only[1], int(only[2])) if len(only) > 2 else None
        steps = self._steps(only)
        threads = [threading.Thread(target=self._work, args=(n, steps, until)) for n in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _steps(self, only: list[str]) -> Iterator[tuple[str, int]]:
        """Each round in another order: a short soak does not always end before the same commands."""
        names = only[:1] or self.library.names()
        if len(only) > 1:
            yield only[0], 0 if self.at else int(only[1])
            return
        for number in itertools.count():
            random.Random(f"{self.seed}:{self.part}:{number}").shuffle(names)
            for name in names:
                yield name, number

    def _work(self, worker: int, steps: Iterator[tuple[str, int]], until: float) -> None:
        place = self.library.folder / f"{self.part}-{worker}"
        place.mkdir()
        os.chown(place, self.library.who.uid, self.library.who.uid)
        while True:
            with self._lock:
                step = next(steps, None)
            if step is None or time.monotonic() > until:
                return
            name, number = step
            detail = ""
            try:
                known = self.library.know(name)
                choose = random.Random(f"{self.seed}:{name}:{number}")
                each = self.kind(self.library, known, number, choose, place)
                each.at = self.at
                detail, faults = each.try_it()
            except Broken as error:
                faults = [f"undisturbed: {error}"]
            except Exception as error:
                faults = [harness_failed(error)]
            self.report.step(f"{self.part}:{name}:{self.at or number}", detail, faults)


def kill(pid: int, victim: str, root: Path) -> None:
    """SIGKILL for a process, for its group, or for everything of a store."""
    pids = [int(line.split()[0]) for line in mentions(root)] if victim == "all" else []
    try:
        (os.killpg if victim == "group" else os.kill)(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    for other in pids:
        try:
            os.kill(other, signal.SIGKILL)
        except ProcessLookupError:
            pass


def complaint(done: Outcome, allowed: tuple[str, ...] = ()) -> list[str]:
    """A fault where a command failed otherwise than it may, or said what none may."""
    word = done.forbidden()
    if word is not None:
        return [f"says {word!r}: {done}"]
    if done.code != 0 and not any(text in done.err for text in allowed):
        return [str(done)]
    return []


def wrong_names(ledger: Ledger, allowed: tuple[Ledger, ...]) -> list[str]:
    every = set().union(*(each.names for each in allowed))
    always = set(allowed[0].names).intersection(*(each.names for each in allowed))
    faults = [f"the name {name} is lost" for name in always - set(ledger.names)]
    return faults + [f"the name {name} is too much" for name in set(ledger.names) - every]


def wrong_containers(ledger: Ledger, allowed: tuple[Ledger, ...]) -> list[str]:
    every = set().union(*(each.containers for each in allowed)) | {"cc"}
    always = set(allowed[0].containers).intersection(*(each.containers for each in allowed))
    faults = [f"the container {name} is lost" for name in always - set(ledger.containers)]
    faults += [f"the container {name} is too much" for name in set(ledger.containers) - every]
    return faults + (_wrong_status(ledger, allowed[0]) if len(allowed) == 1 else [])


def _wrong_status(ledger: Ledger, right: Ledger) -> list[str]:
    """Whether it was started; one that ends by itself may have ended or not."""

    def begun(containers: dict[str, Container]) -> set[str]:
        return {name for name, each in containers.items() if each.status != "created"}

    there = set(ledger.containers) & set(right.containers)
    wrong = (begun(ledger.containers) ^ begun(right.containers)) & there
    return [f"the container {name} is {ledger.containers[name].status}" for name in wrong]


def _old_is_whole(wherry: Wherry) -> list[str]:
    """The container that was there all the time has its file, its log and its volume."""
    faults = []
    logs = wherry.run("logs", "old")
    if logs.out != "said\n":
        faults.append(f"the log of old is {logs.out!r} ({logs})")
    written = wherry.run("cp", "old:/written", "-")
    if "written\n" not in written.out:
        faults.append(f"old has lost /written ({written.code}, {written.err[-200:]})")
    volume = wherry.root / "volumes/vol/file"
    if not volume.exists() or volume.read_text() != "volume\n":
        faults.append("the volume vol has lost its file")
    return faults
