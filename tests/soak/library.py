"""Each command as it goes when nothing disturbs it: what it leaves, how long it takes, where it writes."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.soak.command import Wherry, Who, copy_store
from tests.soak.commands import Command, all_commands
from tests.soak.instants import Instant, find_instants
from tests.soak.ledger import Ledger, read_ledger
from tests.soak.model import Model, must, save

TRACED = 0.4  # of the time that a command takes under strace it takes without


class Known(NamedTuple):
    """`prepared` is a store before the command; `trees` are what each name may hold before and after it."""

    name: str
    prepared: Path
    before: Ledger
    after: Ledger
    trees: Mapping[str, set[str]]
    instants: list[Instant]
    seconds: float


class Library:
    """The commands of one user, learnt when they are first asked for.  Safe for threads."""

    def __init__(self, model: Model, who: Who, folder: Path) -> None:
        self.model, self.who, self.folder = model, who, folder
        self._known: dict[str, Known] = {}
        self._locks = {name: threading.Lock() for name in self.names()}

    def names(self) -> list[str]:
        return [command.name for command in all_commands(self.model.inputs, "")]

    def command(self, name: str, out: Path) -> Command:
        """With `out` for what it writes outside of the store."""
        return next(each for each in all_commands(self.model.inputs, str(out)) if each.name == name)

    def know(self, name: str) -> Known:
        """Raises Broken where the command fails although nothing disturbs it."""
        with self._locks[name]:
            if name not in self._known:
                self._known[name] = self._learn(name)
            return self._known[name]

    def _learn(self, name: str) -> Known:
        place = self.folder / f"learn-{self.who.name}-{name}"
        place.mkdir(exist_ok=True)
        os.chown(place, self.who.uid, self.who.uid)
        command = self.command(name, place / "out")
        prepared = Wherry(copy_store(self.model.template, place / "prepared"), self.who)
        for words in command.before:
            must(prepared.run(*words))
        wherry = Wherry(copy_store(prepared.root, place / "store"), self.who)
        fresh_out(place, self.who)
        live(wherry, command)
        before = read_ledger(wherry.root)
        began = time.monotonic()
        instants, done = find_instants(wherry, command.words, place / "trace")
        seconds = (time.monotonic() - began) * TRACED
        must(done)
        after = read_ledger(wherry.root)
        trees = self._trees(name, {n: image.tree for n, image in save(wherry, tuple(after.names)).items()})
        end_containers(wherry)
        shutil.rmtree(wherry.root)
        return Known(name, prepared.root, before, after, trees, instants, seconds)

    def _trees(self, name: str, found: dict[str, str]) -> dict[str, set[str]]:
        trees = {image: {tree} for image, tree in found.items()}
        for image, tree in self.model.trees.items():
            trees.setdefault(image, set()).add(tree)
        if name == "tag":
            trees["moved"] = {self.model.trees["bb"], self.model.trees["other"]}
        return trees


def live(wherry: Wherry, command: Command) -> None:
    """What must run, or have been killed, before the command."""
    for words in command.live:
        if words[0] != "KILLED":
            must(wherry.run(*words))
            continue
        process = wherry.start(*words[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.25)
        process.kill()
        process.wait()


def running_names(root: Path) -> list[str]:
    """Names of containers that may run."""
    containers = read_ledger(root).containers
    return [
        name for name, container in containers.items() if name != "old" or container.status == "running"
    ]


def end_containers(wherry: Wherry) -> None:
    for name in running_names(wherry.root):
        must(wherry.run("rm", "-f", name))


def fresh_out(place: Path, who: Who) -> None:
    out = place / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    os.chown(out, who.uid, who.uid)
