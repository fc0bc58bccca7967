"""A disk that errs in the middle of a command: ext4 then goes read-only, until it is mounted again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

from tests.soak.archive import Wrong
from tests.soak.command import Outcome, Wherry, Who
from tests.soak.commands import Command, all_commands
from tests.soak.corrupt import remove_unnamed
from tests.soak.kill import complaint
from tests.soak.ledger import read_ledger
from tests.soak.model import Broken, Model, must, save
from tests.soak.report import Report, harness_failed
from tests.soak.verify import left_behind, mentions, outside, still_running, wrong_contents

MIB = 1 << 20
SIZE = 96 * MIB
READERS = (("images",), ("ps", "-a"), ("logs", "old"), ("inspect", "app"), ("history", "bb"))
FSCK_MENDED = 2  # e2fsck(8): up to this code the file system is whole


class ReadOnly:
    def __init__(self, model: Model, who: Who, folder: Path, report: Report, seed: int) -> None:
        self.model, self.who, self.report, self.seed = model, who, report, seed
        self.place = folder / "readonly"

    def run(self, until: float, only: list[str]) -> None:
        """``ONLY=readonly:load:3`` does one step."""
        self.place.mkdir()
        (self.place / "out").mkdir()
        os.chown(self.place / "out", self.who.uid, self.who.uid)
        commands = [c for c in all_commands(self.model.inputs, str(self.place / "out")) if not c.live]
        number = 0
        while time.monotonic() < until:
            choose = random.Random(f"{self.seed}:readonly:{number}")
            command = choose.choice(commands)
            if len(only) > 1:
                number = int(only[1])
                choose = random.Random(f"{self.seed}:readonly:{number}")
                command = next(each for each in commands if each.name == only[0])
            self._step(command, number, choose.uniform(0, 0.6))
            number += 1
            if len(only) > 1:
                return

    def _step(self, command: Command, number: int, seconds: float) -> None:
        image, mount = self.place / f"{number}.img", self.place / str(number)
        mount.mkdir()
        with image.open("wb") as file:
            file.truncate(SIZE)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
        _mount(image, mount)
        try:
            os.chown(mount, self.who.uid, self.who.uid)
            subprocess.run(["cp", "-a", str(self.model.template), str(mount / "store")], check=True)
            wherry = Wherry(mount / "store", self.who)
            faults = self._in_the_middle(wherry, command, mount, seconds)
            faults += self._mounted_again(wherry, command, image, mount)
        except Broken as error:
            faults = [f"undisturbed: {error}"]
        except Exception as error:
            faults = [harness_failed(error)]
        finally:
            subprocess.run(["umount", "-l", str(mount)], check=False)
            image.unlink()
        detail = f"read-only after {seconds * 1000:.0f} ms"
        self.report.step(f"readonly:{command.name}:{number}", detail, faults)

    def _in_the_middle(self, wherry: Wherry, command: Command, mount: Path, seconds: float) -> list[str]:
        for words in command.before:
            must(wherry.run(*words))
        subprocess.run(["sync", "-f", str(mount)], check=True)
        process = wherry.start(*command.words)
        time.sleep(seconds)
        _err(mount)
        out, err = process.communicate(timeout=60)
        done = Outcome(command.words, process.returncode, out.decode(), err.decode("utf-8", "replace"))
        faults = [f"says {done.forbidden()!r}: {done}"] if done.forbidden() else []
        for words in READERS:
            faults += complaint(wherry.run(*words), ("No such image", "No such object"))
        try:
            if save(wherry, ("bb",), self.place / "out")["bb"].tree != self.model.trees["bb"]:
                faults.append("save bb exports other files")
        except (Broken, Wrong) as error:
            faults.append(f"save of what is there: {error}")
        return faults

    def _mounted_again(self, wherry: Wherry, command: Command, image: Path, mount: Path) -> list[str]:
        _end_all(wherry.root)
        subprocess.run(["umount", str(mount)], check=True)
        checked = subprocess.run(["e2fsck", "-fy", str(image)], capture_output=True)
        if checked.returncode > FSCK_MENDED:
            return [f"the file system is not whole: {checked.stdout.decode()[-300:]}"]
        _mount(image, mount)
        faults = complaint(wherry.run("images")) + self._heal(wherry)
        faults += complaint(wherry.run(*command.words), command.again)
        known = {name: {tree} for name, tree in self.model.trees.items()}
        names = set(read_ledger(wherry.root).names) & set(known)
        faults += wrong_contents(wherry, names, known)
        for name in read_ledger(wherry.root).containers:
            faults += complaint(wherry.run("rm", "-f", name))
        faults += remove_unnamed(wherry)
        faults += complaint(wherry.run("prune", "-af"))
        return faults + left_behind(wherry.root) + outside(wherry)

    def _heal(self, wherry: Wherry) -> list[str]:
        """As after a power cut, what the command had just written may be empty, and layers that it made
        again with it: that is refused, and made right by those who can."""
        inputs = self.model.inputs
        wherry.run("system", "check", "--repair")
        words = [("load", "-q", "-i", inputs.archive), ("build", "-q", "-t", "app", inputs.context("app"))]
        return [fault for each in words for fault in complaint(wherry.run(*each))]


def _end_all(root: Path) -> None:
    """As the machine goes down."""
    for process in mentions(root):
        try:
            os.kill(int(process.split()[0]), signal.SIGKILL)
        except ProcessLookupError:
            pass
    still_running(root)


def _mount(image: Path, mount: Path) -> None:
    subprocess.run(["mount", "-o", "loop,errors=remount-ro", str(image), str(mount)], check=True)


def _err(mount: Path) -> None:
    """As if the drive had failed: ext4's own trigger for tests."""
    device = os.stat(mount).st_dev
    loop = os.path.basename(os.readlink(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"))
    Path(f"/sys/fs/ext4/{loop}/trigger_fs_error").write_text("soak\n")
