"""Part 2: 32 processes of all commands at once on one store; then the store against the model.

A round is known by its seed: with ``ONLY=crowd:round:3`` the same processes choose the same commands again;
how they meet is the machine's.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from pathlib import Path

from tests.soak.archive import Wrong, read_archive
from tests.soak.command import Outcome, Wherry, Who, copy_store
from tests.soak.commands import SLEEP
from tests.soak.kill import complaint
from tests.soak.ledger import read_ledger
from tests.soak.library import end_containers
from tests.soak.model import RUNS, Broken, Model, must, save
from tests.soak.report import Report, harness_failed
from tests.soak.verify import left_behind, outside, still_running, wrong_contents, wrong_run

PROCESSES = 32
ROUND = 20.0  # seconds
# What Docker would say, too, where another has taken, removed or started the same thing.
EXPECTED = re.compile(
    "|".join(
        (
            "No such image",
            "Unable to find image",
            "An image does not exist locally",
            "No such container",
            "is already in use by container",
            "is not running",
            "is already running",
            "cannot remove a running container",
            "unable to (remove|delete)",
            "No such cache mount",
            "is in use",
            "Could not find the file",
            "no build is remembered",
            "No such object",
            "was started (or ended )?meanwhile",
        )
    )
)
KILLED = 137
WORD = re.compile(r"\w+")


class Crowd:
    def __init__(self, model: Model, who: Who, folder: Path, report: Report, seed: int) -> None:
        self.model, self.who, self.report, self.seed = model, who, report, seed
        self.part = "crowd" if who.name == "root" else f"crowd-{who.name}"
        self.place = folder / self.part
        self.trees: dict[str, set[str]] = {}

    def run(self, until: float, only: list[str]) -> None:
        """Rounds of ROUND seconds, at least one."""
        self.place.mkdir()
        os.chown(self.place, self.who.uid, self.who.uid)
        self.trees = self._learn()
        number = int(only[1]) if len(only) > 1 else 0
        while True:
            self._round(number, min(ROUND, max(5.0, (until - time.monotonic()) * 0.7)))
            number += 1
            if len(only) > 1 or time.monotonic() > until - ROUND / 2:
                return

    def _learn(self) -> dict[str, set[str]]:
        """What a name may hold: its own files; a tag that moves those of any image."""
        wherry = Wherry(copy_store(self.model.template, self.place / "store"), self.who)
        must(wherry.run("build", "-q", "-t", "new", self.model.inputs.context("parallel")))
        trees = {name: {tree} for name, tree in self.model.trees.items()}
        trees["new"] = {save(wherry, ("new",))["new"].tree}
        registry = self.model.inputs.registry
        trees[f"{registry}/packed"] = trees["packed"]
        trees[f"{registry}/given"] = trees["bb"] | trees["other"]
        return trees | {f"t{n}": set().union(*trees.values()) for n in range(4)}

    def _round(self, number: int, seconds: float) -> None:
        wherry = Wherry(copy_store(self.model.template, self.place / "store"), self.who)
        until = time.monotonic() + seconds
        members = [
            Member(self, wherry, number, index, until, self.place / f"out-{index}")
            for index in range(PROCESSES)
        ]
        for member in members:
            member.start()
        for member in members:
            member.join()
        self._verify(wherry, f"{self.part}:round:{number}")

    def _verify(self, wherry: Wherry, where: str) -> None:
        try:
            faults = self._after(wherry)
        except Exception as error:
            faults = [harness_failed(error)]
        self.report.step(where, "after all", faults)

    def _after(self, wherry: Wherry) -> list[str]:
        faults: list[str] = []
        try:
            end_containers(wherry)
        except Broken as error:
            faults.append(str(error))
        faults += still_running(wherry.root)
        names = read_ledger(wherry.root).names
        faults += wrong_contents(wherry, names, self.trees)
        for image in RUNS:
            faults += wrong_run(wherry, image) if image in names else []
        faults += complaint(wherry.run("prune", "-af"))
        return faults + left_behind(wherry.root) + outside(wherry)


class Member(threading.Thread):
    """One of them: random commands, one after the other."""

    def __init__(
        self, crowd: Crowd, wherry: Wherry, number: int, index: int, until: float, out: Path
    ) -> None:
        super().__init__()
        self.crowd, self.wherry, self.until, self.out = crowd, wherry, until, out
        self.round = number
        self.random = random.Random(f"{crowd.seed}:{number}:{index}")
        self.index = index

    def run(self) -> None:
        self.out.mkdir(exist_ok=True)
        os.chown(self.out, self.crowd.who.uid, self.crowd.who.uid)
        number = 0
        while time.monotonic() < self.until:
            words, check = self._choose()
            try:
                faults = self._do(words, check)
            except Exception as error:
                faults = [harness_failed(error)]
            self.crowd.report.step(
                f"{self.crowd.part}:{words[0]}:{self.round}",
                f"process {self.index}, command {number}",
                faults,
            )
            number += 1

    def _do(self, words: tuple[str, ...], check: str) -> list[str]:
        done = self.wherry.run(*words)
        faults = self._complaint(words, done)
        if faults or done.code != 0:
            return faults
        if check in RUNS and done.out != RUNS[check][1]:
            return [f"printed {done.out[:80]!r}: {done}"]
        return self._saved(words[2]) if words[0] == "save" else []

    def _complaint(self, words: tuple[str, ...], done: Outcome) -> list[str]:
        word = done.forbidden()
        if word is not None:
            return [f"says {word!r}: {done}"]
        if words[:2] == ("run", "--name") and done.code == KILLED:
            return []  # by another's kill or rm -f: they know its name
        return [] if done.code == 0 or EXPECTED.search(done.err) else [str(done)]

    def _saved(self, path: str) -> list[str]:
        try:
            found = read_archive(Path(path))
        except (Wrong, OSError, KeyError, ValueError) as error:
            return [f"save gave a wrong archive: {error}"]
        finally:
            Path(path).unlink(missing_ok=True)
        trees = self.crowd.trees
        names = ((name.removesuffix(":latest"), image) for name, image in found.items())
        return [
            f"save gave other files for {n}" for n, image in names if image.tree not in trees.get(n, ())
        ]

    def _choose(self) -> tuple[tuple[str, ...], str]:
        """A command, and the image whose script it runs."""
        pick, inputs, out = self.random.choice, self.crowd.model.inputs, str(self.out)
        image = pick(("app", "bb", "other", "packed"))
        gone = pick(("app", "other", "packed", "new", f"{inputs.registry}/packed"))
        tag, container = f"t{self.random.randrange(4)}", f"n{self.random.randrange(4)}"
        script = ("sh", "-c", RUNS[image][0])
        cache = f"type=registry,ref={inputs.registry}/cache"
        shared = ("--cache-from", cache, "--cache-to", f"{cache},mode=max")
        return pick(
            (
                (("build", "-q", "-t", "app", inputs.context("app")), ""),
                (("build", "--no-cache", "-q", "-t", "app", inputs.context("app")), ""),
                (("build", "-q", "-t", "new", inputs.context("parallel")), ""),
                (("build", "--no-cache", "-q", inputs.context("cached")), ""),
                (("build", "-q", "--squash", "-t", "app", inputs.context("app")), ""),
                (("load", "-q", "-i", inputs.archive), ""),
                (("load", "-q", "-i", inputs.archive), ""),
                (("import", inputs.other, "other"), ""),
                (("save", "-o", f"{out}/saved.tar", image), ""),
                (("pull", "-q", f"{inputs.registry}/packed"), ""),
                (("pull", "-q", f"{inputs.registry}/packed"), ""),
                (("tag", pick(("bb", "other")), f"{inputs.registry}/given"), ""),
                (("push", "-q", f"{inputs.registry}/given"), ""),
                (("build", "-q", "-t", "app", *shared, inputs.context("app")), ""),
                (("tag", image, tag), ""),
                (("tag", image, tag), ""),
                (("rmi", tag), ""),
                (("rmi", "-f", gone), ""),
                (("rmi", gone), ""),
                (("prune", "-f"), ""),
                (("prune", "-af"), ""),
                (("cache", "rm", "store"), ""),
                (("cache", "ls"), ""),
                (("run", "--rm", "--pull", "never", image, *script), image),
                (("run", "--rm", "--pull", "never", image, *script), image),
                (("run", "--name", container, "--pull", "never", image, *script), image),
                (("run", "-d", "--pull", "never", "--name", container, *SLEEP), ""),
                (("create", "--name", container, "--pull", "never", image, "true"), ""),
                (("start", container), ""),
                (("stop", "-t", "1", container), ""),
                (("kill", container), ""),
                (("rm", container), ""),
                (("rm", "-f", container), ""),
                (("cp", inputs.context("app"), f"{container}:/put"), ""),
                (("cp", f"{container}:/bin", f"{out}/got"), ""),
                (("logs", container), ""),
                (("ps", "-a"), ""),
                (("images",), ""),
                (("inspect", image), ""),
                (("history", image), ""),
                (("explain",), ""),
            )
        )
