"""wherry as a user types it, on one store: by root, by a plain user, or under chroot isolation."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
# What no command may say: where something is damaged, and whatever another one did or was killed in.
RAW = ("Traceback", "Errno", "Exception", "no such table")
NEVER = (*RAW, "File exists", "Directory not empty", "is locked", "malformed")
PLAIN = 41234  # a user id that no package uses
FIRST_SUBORDINATE = 2_000_000_000


class Outcome(NamedTuple):
    words: tuple[str, ...]
    code: int
    out: str
    err: str

    def __str__(self) -> str:
        said = (self.err.strip() or self.out.strip())[-400:]
        return f"wherry {' '.join(self.words)}: exit {self.code}: {said}"

    def forbidden(self, words: Sequence[str] = NEVER) -> str | None:
        """What it may never say, or None."""
        return next((word for word in words if word in self.err), None)


class Who(NamedTuple):
    """A user of wherry: how its command begins, its environment, and who owns its files."""

    name: str
    prefix: tuple[str, ...]
    env: dict[str, str]
    uid: int = 0


class Wherry:
    def __init__(self, root: Path, who: Who) -> None:
        self.root = root
        self.who = who
        self.temporary = root.with_name(root.name + ".tmp")
        self.temporary.mkdir(exist_ok=True)
        os.chown(self.temporary, who.uid, who.uid)

    def words(self, words: Sequence[str]) -> list[str]:
        return [*self.who.prefix, "-m", "wherry", "--root", str(self.root), *words]

    def run(self, *words: str, under: Sequence[str] = (), **options: Any) -> Outcome:
        """Its end; one that does not end in time is killed, and has the code -9 and says so.

        Its output goes to files: what a killed command leaves running would keep pipes open.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            process = self.start(*words, under=under, stdout=out, stderr=err, **options)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                end_group(process)
                return Outcome(words, -9, "", f"Traceback: still running after {PATIENCE:.0f} s")
            return Outcome(words, process.returncode, _text(out), _text(err))

    def start(self, *words: str, under: Sequence[str] = (), **options: Any) -> subprocess.Popen[bytes]:
        options.setdefault("stdin", subprocess.DEVNULL)
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        env = {**self.who.env, "TMPDIR": str(self.temporary), **options.pop("env", {})}
        return subprocess.Popen([*under, *self.words(words)], env=env, start_new_session=True, **options)


def end_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def copy_store(source: Path, target: Path) -> Path:
    """A copy as cp -a makes it: times, owners, attributes, holes and links."""
    if target.exists():
        shutil.rmtree(target)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
    return target


def everyone(folder: Path) -> dict[str, Who]:
    """Who may be asked for, by name."""
    env = {**os.environ, "NO_COLOR": "1"}
    for name in ("WHERRY_ROOT", "WHERRY_ISOLATION", "WHERRY_DEBUG", "SOURCE_DATE_EPOCH"):
        env.pop(name, None)
    python = (sys.executable,)
    return {
        "root": Who("root", python, env),
        "chroot": Who("chroot", python, {**env, "WHERRY_ISOLATION": "chroot"}),
        "plain": _plain(folder, env),
    }


def _plain(folder: Path, env: dict[str, str]) -> Who:
    """A user whom only this mount namespace knows; this checkout, run by Debian's python."""
    home = folder / "home"
    home.mkdir()
    os.chown(home, PLAIN, PLAIN)
    rows = {"passwd": f"plain:x:{PLAIN}:{PLAIN}::{home}:/bin/sh"}
    rows |= dict.fromkeys(("subuid", "subgid"), f"plain:{FIRST_SUBORDINATE}:65536")
    for name, row in rows.items():
        copy = folder / name
        copy.write_text(Path(f"/etc/{name}").read_text() + row + "\n")
        subprocess.run(["mount", "--bind", str(copy), f"/etc/{name}"], check=True)
    checkout = folder / "checkout"
    checkout.mkdir()
    subprocess.run(["mount", "--bind", str(ROOT), str(checkout)], check=True)
    packages = f"{checkout}/.venv/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    own = {"HOME": str(home), "USER": "plain", "PYTHONPATH": f"{checkout}/src:{packages}"}
    own["PYTHONDONTWRITEBYTECODE"] = "1"
    become = (f"--reuid={PLAIN}", f"--regid={PLAIN}", "--clear-groups", "--inh-caps=-all")
    return Who("plain", ("setpriv", *become, "/usr/bin/python3"), {**env, **own}, PLAIN)
