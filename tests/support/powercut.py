"""Power cuts at random instants of commands that write, each followed by a check, a repair and a build.

`cut_power` starts this file in a mount namespace of its own, where it makes an ext4 file system on a disk
whose power can be cut (`support.fusedisk`), works on a store there, and takes copies of the disk meanwhile.
Each copy is mounted, so that its journal replays, and must hold:

- no command ends in a traceback, and none gives wrong contents: an image is right, or refused by name;
- after `system check --repair` and building again everything is right and nothing is found wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
SIZE = 160 << 20
STAGES = 4


def cut_power(folder: Path, copies: int, seed: int = 1, seconds: float = 3600) -> dict[str, int]:
    """Cut the power `copies` times, at instants that `seed` chooses, or until the time is over; what was
    seen, counted.

    Raises AssertionError with what was wrong.  Needs root on a machine that may mount.
    """
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            sys.executable,
            "-m",
            "support.powercut",
            str(folder),
            str(copies),
            str(seed),
            str(seconds),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counted: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return counted


def contents(number: int, file: str) -> bytes:
    """What a file of an image holds: the truth."""
    chance = random.Random(f"{number} {file}")
    return chance.randbytes(chance.choice((10, 5000, 300_000)))


def files(number: int) -> list[str]:
    return [f"d{stage}/f{each}" for stage in range(STAGES) for each in range(12)]


def write_context(folder: Path, number: int) -> None:
    """A context with a folder for each step; half of the steps are the same for all images."""
    lines = ["FROM scratch"]
    for stage in range(STAGES):
        (folder / f"d{stage}").mkdir(parents=True, exist_ok=True)
        lines.append(f"COPY d{stage} /d{stage}")
    for file in files(number):
        (folder / file).write_bytes(contents(number if file[1] > "1" else 0, file))
        os.utime(folder / file, (1_000_000_000, 1_000_000_000))
    (folder / "Dockerfile").write_text("\n".join([*lines, f"ENV NUMBER={number}", ""]))


def truth(number: int) -> dict[str, str]:
    return {
        file: hashlib.sha256(contents(number if file[1] > "1" else 0, file)).hexdigest()
        for file in files(number)
    }


class Machine:
    """The store on the disk, and one on each copy of it."""

    def __init__(self, folder: Path, seed: int) -> None:
        from support.fusedisk import FuseDisk

        self.folder = folder
        self.chance = random.Random(seed)
        self.seen = dict.fromkeys(("copies", "lost writes", "refused", "found", "lost records", "right"), 0)
        for name in ("fuse", "mnt", "copy"):
            (folder / name).mkdir(parents=True)
        self.disk = FuseDisk(str(folder / "fuse"), SIZE)
        must("mkfs.ext4", "-q", "-F", "-b", "4096", self.disk.path)
        must("mount", "-o", "loop,commit=1", self.disk.path, str(folder / "mnt"))
        self.stop = threading.Event()
        self.failed: list[str] = []

    def work(self) -> None:
        """Build, load, remove, prune, again and again, until it is stopped."""
        store = self.folder / "mnt/store"
        number = 0
        while not self.stop.is_set():
            number = number % 6 + 1
            for words in self.commands(number):
                done = wherry(store, *words)
                if done.returncode:
                    self.failed.append(f"{words}: {done.stderr}")
                    return
                if self.stop.is_set():
                    return
            for image in wherry(store, "images", "-q", "-f", "dangling=true").stdout.split():
                wherry(store, "rmi", "-f", image)

    def commands(self, number: int) -> list[list[str]]:
        context, tar = str(self.folder / f"c{number}"), str(self.folder / f"x{number}.tar")
        commands = [["build", "-q", "-t", f"img:{number}", context]]
        if not os.path.exists(tar):
            commands.append(["save", "-o", tar, f"img:{number}"])
        if number % 3 == 0:
            commands += [["rmi", f"img:{number}"], ["load", "-i", tar]]
        if number % 3 == 1:
            box = f"box{number}"
            commands += [["create", "--name", box, f"img:{number}", "/x"], ["rmi", "-f", f"img:{number}"]]
            commands += [["prune", "-af"], ["rm", box], ["prune", "-af"]]
        return commands

    def run(self, copies: int, seconds: float) -> None:
        end = time.monotonic() + seconds
        for number in range(1, 7):
            write_context(self.folder / f"c{number}", number)
        worker = threading.Thread(target=self.work)
        worker.start()
        try:
            for each in range(copies):
                if time.monotonic() > end:
                    break
                time.sleep(self.chance.uniform(0.05, 1.5))
                if self.chance.random() < 0.3:
                    must("sync", "-f", str(self.folder / "mnt"))
                assert not self.failed, self.failed
                self.seen["lost writes"] += self.disk.image(str(self.folder / "copy.img"), self.chance)
                self.look(each)
        finally:
            self.stop.set()
            worker.join()
            must("umount", str(self.folder / "mnt"))
            must("umount", str(self.folder / "fuse"))
        assert not self.failed, self.failed

    def look(self, number: int) -> None:
        """Mount a copy, and hold it against the truth."""
        image, mount = str(self.folder / "copy.img"), self.folder / "copy"
        must("mount", "-o", "loop", image, str(mount))
        try:
            self.seen["copies"] += 1
            if (mount / "store").exists():
                self.check(mount / "store", number)
        finally:
            must("umount", str(mount))
            os.unlink(image)

    def check(self, store: Path, number: int) -> None:
        first = quiet(wherry(store, "system", "check"))
        self.seen["found"] += first.returncode != 0
        listed = quiet(wherry(store, "images", "--format", "{{.Repository}}:{{.Tag}}"))
        if listed.returncode:
            assert "--repair" in listed.stderr, listed.stderr
            self.seen["lost records"] += 1
        self.compare(store, listed.stdout.split(), may_refuse=True)
        quiet(wherry(store, "system", "check", "--repair"))
        listed = quiet(wherry(store, "images", "--format", "{{.Repository}}:{{.Tag}}"))
        assert listed.returncode == 0, listed.stderr
        again = {int(name[4:]) for name in listed.stdout.split() if name.startswith("img:")} | {
            number % 6 + 1
        }
        for each in sorted(again):
            done = quiet(wherry(store, "build", "-q", "-t", f"img:{each}", str(self.folder / f"c{each}")))
            assert done.returncode == 0, done.stderr
        self.compare(store, [f"img:{each}" for each in sorted(again)], may_refuse=False)
        for container in quiet(wherry(store, "ps", "-aq")).stdout.split():
            quiet(wherry(store, "rm", container))
        for image in quiet(wherry(store, "images", "-q", "-f", "dangling=true")).stdout.split():
            quiet(wherry(store, "rmi", "-f", image))
        quiet(wherry(store, "system", "check", "--repair"))
        last = quiet(wherry(store, "system", "check"))
        assert last.returncode == 0, (first.stdout, last.stdout)

    def compare(self, store: Path, names: list[str], *, may_refuse: bool) -> None:
        for name in names:
            if not name.startswith("img:"):
                continue
            out = self.folder / "out.tar"
            done = quiet(wherry(store, "save", "-o", str(out), name))
            if done.returncode:
                assert may_refuse, done.stderr
                assert "sha256:" in done.stderr, done.stderr
                self.seen["refused"] += 1
                continue
            assert saved_files(out) == truth(int(name[4:])), f"{name} has other contents"
            self.seen["right"] += 1


def saved_files(path: Path) -> dict[str, str]:
    """The files of the one image in an archive, by digest."""
    found = {}
    with tarfile.open(path) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        for layer in manifest[0]["Layers"]:
            with tarfile.open(fileobj=tar.extractfile(layer)) as inner:
                for member in inner:
                    if member.isfile():
                        data = inner.extractfile(member)
                        assert data is not None
                        found[member.name] = hashlib.sha256(data.read()).hexdigest()
    return found


def wherry(store: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wherry", "--root", str(store), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def quiet(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert "Traceback" not in done.stderr, (done.args, done.stderr)
    return done


def must(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    machine = Machine(place, int(sys.argv[3]))
    try:
        machine.run(int(sys.argv[2]), float(sys.argv[4]))
    finally:
        shutil.rmtree(place / "mnt", ignore_errors=True)
    print(json.dumps(machine.seen))
