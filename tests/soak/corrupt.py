"""Part 3: every damage in turn; no command may show or export what is wrong, or hide what is right.

``ONLY=corrupt:wherry.db-empty`` does one of them, ``ONLY='corrupt:*-folder'`` all of a kind.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from tests.soak.archive import Wrong
from tests.soak.command import RAW, Outcome, Wherry, Who, copy_store
from tests.soak.damage import Damage, all_damages
from tests.soak.ledger import read_ledger
from tests.soak.model import RUNS, Broken, Model, must, save
from tests.soak.report import Report, harness_failed
from tests.soak.verify import wrong_contents, wrong_run

WORKERS = 2
TO_DO = "to do:"  # what system check says that people must do
IMAGES = ("bb", "other", "app", "packed")
CONTAINER = {"logs": ("logs", "old"), "cp": ("cp", "old:/written", "-")}


class Corrupt:
    def __init__(self, model: Model, who: Who, folder: Path, report: Report, seed: int) -> None:
        self.model, self.who, self.report = model, who, report
        self.folder = folder
        self.random = random.Random(f"{seed}:corrupt")
        self._lock = threading.Lock()

    def run(self, until: float, only: list[str]) -> None:
        damages = all_damages()
        self.random.shuffle(damages)
        chosen = iter([each for each in damages if not only or fnmatch(each.name, only[0])])
        threads = [threading.Thread(target=self._work, args=(n, chosen, until)) for n in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, worker: int, damages: Iterator[Damage], until: float) -> None:
        place = self.folder / f"corrupt-{worker}"
        place.mkdir()
        os.chown(place, self.who.uid, self.who.uid)
        while time.monotonic() < until:
            with self._lock:
                damage = next(damages, None)
            if damage is None:
                return
            try:
                faults = Case(self, damage, place).try_it()
            except Exception as error:
                faults = [harness_failed(error)]
            self.report.step(f"corrupt:{damage.name}:0", "", faults)


class Case:
    """One damage, and what every command makes of it."""

    def __init__(self, corrupt: Corrupt, damage: Damage, place: Path) -> None:
        self.model, self.report, self.damage = corrupt.model, corrupt.report, damage
        self.wherry = Wherry(copy_store(corrupt.model.template, place / "store"), corrupt.who)
        self.trees = {name: {tree} for name, tree in self.model.trees.items()}

    def try_it(self) -> list[str]:
        self.damage.do(self.wherry.root)
        found = self.wherry.run("system", "check")
        checks = "is not a wherry" not in found.err
        faults = self._found(found) if checks else []
        faults += [*self._lists(), *self._images(), *self._container(), *self._build(), *self._others()]
        faults += [f"after prune: {text}" for text in self._images()]
        if checks:
            return faults + self._mended() + self._heal() + self._check_again()
        self.report.note("system check is not there yet: damages are not checked and mended")
        # Where the records are lost, everything is refused until they are repaired.
        return faults if "all" in self.damage.hurts else faults + self._heal()

    def _hurt(self, name: str) -> bool:
        return bool({name, "all"} & set(self.damage.hurts))

    def _refused(self, done: Outcome) -> list[str]:
        """A refusal is one that says why in a few lines."""
        word = done.forbidden(RAW)
        if word is not None:
            return [f"says {word!r}: {done}"]
        if "error:" not in done.err or len(done.err.splitlines()) > 6:
            return [f"refuses in an odd way: {done}"]
        return []

    def _lists(self) -> list[str]:
        """The lists show at least what is not hurt; a list that is short says why."""
        faults = []
        for words, known in ((("images",), IMAGES), (("ps", "-a"), ("old",))):
            done = self.wherry.run(*words)
            if done.code != 0:
                faults += self._refused(done)
                if "all" not in self.damage.hurts:
                    faults.append(f"fails for what hurts {self.damage.hurts or 'nobody'}: {done}")
                continue
            missing = [name for name in known if name not in done.out]
            if missing and not (done.err and all(map(self._hurt, missing))):
                faults.append(f"{' '.join(words)} silently leaves out {', '.join(missing)}")
        return faults

    def _images(self) -> list[str]:
        faults = []
        for name in IMAGES:
            faults += self._run(name) + self._save(name)
        return faults

    def _run(self, name: str, like: str = "") -> list[str]:
        command, expected = RUNS[like or name]
        done = self.wherry.run("run", "--rm", "--pull", "never", name, "sh", "-c", command)
        if done.code == 0 and done.out == expected:
            return []
        if not self._hurt(like or name):
            return [f"{name} is not hurt, but {done}"]
        if done.code == 0 or not done.err.startswith("error"):
            return [] if self.damage.unseen else [f"run {name} shows wrong contents: {done}"]
        return self._refused(done)

    def _save(self, name: str) -> list[str]:
        try:
            saved = save(self.wherry, (name,))
        except Wrong as error:
            return [f"save {name} exports what is wrong: {error}"]
        except Broken as error:
            if not self._hurt(name):
                return [f"{name} is not hurt, but {error}"]
            return [f"save {name}: {error}"] if "Traceback" in str(error) else []
        if saved[name].tree not in self.trees[name]:
            return [f"save {name} exports other files"]
        return []

    def _container(self) -> list[str]:
        expected = {"logs": "said\n", "cp": "written\n"}
        faults = []
        for name, words in CONTAINER.items():
            done = self.wherry.run(*words)
            if done.code == 0 and expected[name] in done.out:
                continue
            if not self._hurt("old"):
                faults.append(f"old is not hurt, but {done}")
            elif done.code == 0 and name == "cp":
                faults.append(f"cp gives wrong contents: {done}")
            else:
                faults += self._refused(done) if done.code else []
        return faults

    def _build(self) -> list[str]:
        """What comes from the cache is right, or made again."""
        done = self.wherry.run("build", "-q", "-t", "again", self.model.inputs.context("app"))
        if done.code != 0:
            return self._refused(done) if self._hurt("app") else [f"app is not hurt, but {done}"]
        if self.damage.unseen:
            return []
        faults = wrong_contents(self.wherry, ("again",), {"again": self.trees["app"]})
        if self._hurt("app"):  # what is damaged may be come upon only now
            return faults + self._run("again", like="app")
        return faults + wrong_run(self.wherry, "again", like="app")

    def _others(self) -> list[str]:
        """Commands that only must not break; prune last."""
        faults = []
        context = self.model.inputs.context("app")
        for words in (
            ("history", "app"),
            ("inspect", "app"),
            ("inspect", "old"),
            ("explain",),
            ("context", context),
            ("cache", "ls"),
            ("info",),
            ("tag", "bb", "copy"),
            ("create", "--name", "fresh", "bb", "true"),
            ("rm", "fresh"),
            ("rmi", "copy"),
            ("prune", "-f"),
        ):
            done = self.wherry.run(*words)
            if done.code != 0:
                faults += self._refused(done)
                if not self.damage.hurts and words[0] != "explain":
                    faults.append(f"nobody is hurt, but {done}")
            elif done.forbidden(RAW):
                faults.append(f"says {done.forbidden(RAW)!r}: {done}")
        return faults

    def _found(self, done: Outcome) -> list[str]:
        """``system check`` finds it, before other commands have healed it."""
        if done.forbidden(RAW):
            return [f"says {done.forbidden(RAW)!r}: {done}"]
        return [] if done.code or self.damage.harmless else [f"system check finds nothing: {done}"]

    def _mended(self) -> list[str]:
        """--repair mends it, or says what people must do."""
        mended = self.wherry.run("system", "check", "--repair")
        faults = [f"says {mended.forbidden(RAW)!r}: {mended}"] if mended.forbidden(RAW) else []
        last = self.wherry.run("system", "check")
        if last.err:
            return [*faults, f"after --repair: {last}"]
        left = [line for line in last.out.splitlines()[:-1] if TO_DO not in line]
        return faults + [f"--repair leaves what it gives no help for: {line}" for line in left]

    def _check_again(self) -> list[str]:
        """When what was lost was loaded and built again, and the container that needed it is gone."""
        self.wherry.run("rm", "-f", "old")
        faults = remove_unnamed(self.wherry)
        for words in (("prune", "-af"), ("system", "check")):
            done = self.wherry.run(*words)
            faults += [f"healed, but {done}"] if done.code else []
        return faults

    def _heal(self) -> list[str]:
        """The way that told of it heals it."""
        inputs = self.model.inputs
        try:
            must(self.wherry.run("import", inputs.bb, "bb"))
            must(self.wherry.run("import", inputs.other, "other"))
            must(self.wherry.run("load", "-q", "-i", inputs.archive))
            must(self.wherry.run("build", "--no-cache", "-q", "-t", "app", inputs.context("app")))
        except Broken as error:
            return [f"does not heal: {error}"]
        faults = [f"healed: {text}" for text in wrong_contents(self.wherry, IMAGES, self.trees)]
        for name in IMAGES:
            faults += [f"healed: {text}" for text in wrong_run(self.wherry, name)]
        return faults


def remove_unnamed(wherry: Wherry) -> list[str]:
    """Images without a name can be removed, whatever they have lost."""
    ledger = read_ledger(wherry.root)
    done = [wherry.run("rmi", "-f", image) for image in set(ledger.images) - set(ledger.names.values())]
    return [str(each) for each in done if each.code]
