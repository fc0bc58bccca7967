"""Part 5: what a power cut leaves of a store, taken at random moments of commands.

The store lies on ext4 on a loop device on a logdisk.  Each remainder is mounted beside it (its journal
replays), and then
    names that nobody touched since the last sync are there and right;
    every other name is right, is refused, or is not there: nothing wrong is shown, exported or built on;
    system check mends it, the same commands heal it, and nothing is left behind.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from tests.soak.archive import Wrong
from tests.soak.command import ROOT, Wherry, Who
from tests.soak.corrupt import TO_DO, remove_unnamed
from tests.soak.kill import complaint
from tests.soak.ledger import read_ledger
from tests.soak.model import RUNS, Broken, Model, must, save
from tests.soak.report import Report, harness_failed
from tests.soak.verify import left_behind, wrong_contents, wrong_run

MIB = 1 << 20
SIZE = 128 * MIB
CUTS = 6  # remainders of one round
UNTOUCHED = ("bb", "other")


class Drive:
    """A logdisk with a mounted file system."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in ("drive", "live", "cut"):
            (place / name).mkdir(parents=True)
        words = [sys.executable, "-m", "tests.soak.logdisk", str(place / "drive"), str(SIZE)]
        self.server = subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()
        disk = str(place / "drive/disk")
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=4", disk], check=True)
        subprocess.run(["mount", "-o", "loop", disk, str(place / "live")], check=True)

    def _answer(self) -> str:
        assert self.server.stdout is not None
        return self.server.stdout.readline().strip()

    def cut(self, path: Path, seed: str) -> str:
        """The power goes now: what is left is written to `path`."""
        assert self.server.stdin is not None
        self.server.stdin.write(f"copy {path} {seed}\n")
        self.server.stdin.flush()
        return self._answer()

    def close(self) -> None:
        subprocess.run(["umount", "-l", str(self.place / "live")], check=False)
        subprocess.run(["umount", "-l", str(self.place / "drive")], check=False)
        self.server.kill()
        self.server.communicate()


class Cut(NamedTuple):
    path: Path
    where: str
    detail: str


class Power:
    def __init__(self, model: Model, who: Who, folder: Path, report: Report, seed: int) -> None:
        self.model, self.who, self.report, self.seed = model, who, report, seed
        self.folder = folder / "power"
        self.trees: dict[str, set[str]] = {}

    def run(self, until: float, only: list[str]) -> None:
        """Rounds of CUTS remainders, at least one.  ``ONLY=power:cut:12`` repeats the round of that cut."""
        if not Path("/dev/fuse").exists():
            self.report.note("there is no /dev/fuse here: no power cuts")
            return
        self.folder.mkdir()
        number = int(only[1]) // CUTS if len(only) > 1 else 0
        while True:
            place = self.folder / str(number)
            drive = Drive(place)
            try:
                self._round(drive, number)
            finally:
                drive.close()
            number += 1
            if len(only) > 1 or time.monotonic() > until:
                return

    def _round(self, drive: Drive, number: int) -> None:
        live = drive.place / "live"
        os.chown(live, self.who.uid, self.who.uid)
        subprocess.run(["cp", "-a", str(self.model.template), str(live / "store")], check=True)
        wherry = Wherry(live / "store", self.who)
        subprocess.run(["sync", "-f", str(live)], check=True)
        choose = random.Random(f"{self.seed}:power:{number}")
        stop = threading.Event()
        workers = [
            threading.Thread(target=self._work, args=(wherry, random.Random(choose.random()), stop)),
            threading.Thread(target=_commit, args=(live / "store", random.Random(choose.random()), stop)),
        ]
        for worker in workers:
            worker.start()
        cuts = []
        try:
            for index in range(number * CUTS, number * CUTS + CUTS):
                time.sleep(choose.uniform(0.05, 1.5))
                path = drive.place / f"{index}.img"
                detail = f"{drive.cut(path, f'{self.seed}-{index}')} unsafe blocks"
                cuts.append(Cut(path, f"power:cut:{index}", detail))
        finally:
            stop.set()
            for worker in workers:
                worker.join()
        for cut in cuts:
            self.report.step(cut.where, cut.detail, self._look(drive, cut))
            cut.path.unlink()

    def _work(self, wherry: Wherry, choose: random.Random, stop: threading.Event) -> None:
        inputs = self.model.inputs
        commands = (
            ("build", "--no-cache", "-q", "-t", "app", inputs.context("app")),
            ("build", "-q", "-t", "new", inputs.context("parallel")),
            ("build", "-q", "-t", "mounted", inputs.context("cached")),
            ("load", "-q", "-i", inputs.archive),
            ("rmi", "-f", "packed"),
            ("rmi", "-f", "new"),
            ("tag", "app", "again"),
            ("prune", "-af"),
            ("run", "--rm", "bb", "true"),
            ("run", "--name", "one", "bb", "sh", "-c", "echo 1 > /1"),
            ("rm", "-f", "one"),
        )
        while not stop.is_set():
            wherry.run(*choose.choice(commands))

    def _look(self, drive: Drive, cut: Cut) -> list[str]:
        mount = drive.place / "cut"
        done = subprocess.run(["mount", "-o", "loop", str(cut.path), str(mount)], capture_output=True)
        if done.returncode:
            return [f"the file system does not mount: {done.stderr.decode().strip()}"]
        try:
            return self._faults(Wherry(mount / "store", self.who))
        except Exception as error:
            return [harness_failed(error)]
        finally:
            subprocess.run(["umount", "-l", str(mount)], check=False)

    def _faults(self, wherry: Wherry) -> list[str]:
        faults = []
        for words in (("images",), ("ps", "-a"), ("explain",), ("cache", "ls")):
            done = wherry.run(*words)
            if done.forbidden() or (done.code and words[0] in ("images", "ps")):
                faults.append(str(done))
        for name in UNTOUCHED:
            faults += wrong_contents(wherry, (name,), {name: {self.model.trees[name]}})
            faults += wrong_run(wherry, name)
        for name in ("app", "packed", "again"):
            faults += self._right_or_refused(wherry, name, "app" if name == "again" else name)
        faults += self._check(wherry) + self._heal(wherry)
        return faults

    def _right_or_refused(self, wherry: Wherry, name: str, like: str) -> list[str]:
        done = wherry.run("run", "--rm", "--pull", "never", name, "sh", "-c", RUNS[like][0])
        faults = [f"says {done.forbidden()!r}: {done}"] if done.forbidden() else []
        if done.out != RUNS[like][1] and not done.err.startswith("error"):
            faults.append(f"run {name} shows wrong contents: {done}")
        try:
            if save(wherry, (name,))[name].tree != self.model.trees[like]:
                faults.append(f"save {name} exports other files")
        except Broken as error:
            faults += [str(error)] if "Traceback" in str(error) else []
        except Wrong as error:
            faults.append(f"save {name} exports what is wrong: {error}")
        return faults

    def _check(self, wherry: Wherry) -> list[str]:
        """--repair mends what the power cut did, or says what people must do."""
        done = wherry.run("system", "check")
        if "is not a wherry" in done.err:
            self.report.note("system check is not there yet: power cuts are not checked and mended")
            return []
        mended = wherry.run("system", "check", "--repair")
        last = wherry.run("system", "check")
        faults = [str(each) for each in (done, mended, last) if each.err]
        left = [line for line in last.out.splitlines()[:-1] if TO_DO not in line]
        return faults + [f"--repair leaves what it gives no help for: {line}" for line in left]

    def _heal(self, wherry: Wherry) -> list[str]:
        inputs = self.model.inputs
        try:
            must(wherry.run("build", "-q", "-t", "app", inputs.context("app")))
            must(wherry.run("load", "-q", "-i", inputs.archive))
            # What the cut took from others can be removed.
            for name in set(read_ledger(wherry.root).names) - set(self.model.trees):
                must(wherry.run("rmi", "-f", name))
            for container in read_ledger(wherry.root).containers:
                must(wherry.run("rm", "-f", container))
        except Broken as error:
            return [f"does not heal: {error}"]
        known = {name: {tree} for name, tree in self.model.trees.items()}
        faults = remove_unnamed(wherry)
        faults += [f"healed: {text}" for text in wrong_contents(wherry, known, known)]
        for name in RUNS:
            faults += [f"healed: {text}" for text in wrong_run(wherry, name)]
        faults += complaint(wherry.run("prune", "-af"))
        return faults + left_behind(wherry.root)


def _commit(store: Path, choose: random.Random, stop: threading.Event) -> None:
    """Let the journal be written now and then, as five seconds and other programs do."""
    while not stop.wait(choose.uniform(0.02, 0.4)):
        folder = os.open(store / choose.choice((".", "tmp", "layers", "blobs/sha256")), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
