"""Commands that are timed, and daemons that serve them."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

LONGEST = 900.0
TAIL = 2000


class CommandFailed(Exception):
    """A command ended with another code than 0, or did something else than the row says."""


class NotHere(Exception):
    """A program that is measured is not on this machine; the message says what is missing."""


class Command(NamedTuple):
    """A list of words, never a shell's line, and the whole environment."""

    argv: tuple[str, ...]
    env: dict[str, str]


def environment(home: Path, **more: str) -> dict[str, str]:
    """What every measured program gets, the same for all: a PATH, a home of its own, no settings."""
    kept = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8"}
    return {**kept, **more}


def run(command: Command, log: Path) -> tuple[float, str]:
    """Run a command to its end.  The seconds that it took from start to exit, and both its streams.

    Everything that is still to be written reaches the disks before the clock starts, so that nobody pays
    for what another one wrote.  Raises CommandFailed; a command is killed after LONGEST seconds.
    """
    with log.open("wb") as out:
        os.sync()
        began = time.perf_counter()
        process = subprocess.Popen(
            command.argv, env=command.env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
        # Not wait(timeout): that looks again only every so often, up to 50 ms late.
        too_long = threading.Timer(LONGEST, process.kill)
        too_long.start()
        try:
            code = process.wait()
            seconds = time.perf_counter() - began
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            too_long.cancel()
    text = log.read_text(errors="replace")
    if code:
        raise CommandFailed(f"{' '.join(command.argv)}\nexited {code}\n{text[-TAIL:]}")
    return seconds, text


def output(*argv: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """The standard output of a command that only asks.  Raises CommandFailed."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, cwd=cwd)
    except OSError as error:
        raise CommandFailed(str(error)) from None
    if done.returncode:
        raise CommandFailed(f"{' '.join(argv)}\nexited {done.returncode}\n{done.stderr[-TAIL:]}")
    return done.stdout.strip()


class Daemon:
    """A program in the background, in a session of its own: ctrl-C is ours, not its."""

    def __init__(self, argv: Sequence[str], env: dict[str, str], log: Path) -> None:
        self._name = argv[0]
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, ready: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until `ready` no longer raises CommandFailed.  Raises NotHere with the log's end."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                ready()
                return
            except CommandFailed:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    said = self._log.read_text(errors="replace")[-TAIL:]
                    raise NotHere(f"{self._name} did not start:\n{said}") from None
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end, with its children; what does not, ends with our namespaces."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
