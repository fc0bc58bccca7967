"""How pulls and pushes are shown: a line for each change, or bars on a terminal, in Docker's words."""

from __future__ import annotations

import os
import sys
import threading
import time

from wherry.cli.core.output import unescaped
from wherry.cli.core.printable import printable
from wherry.cli.core.units import human_size
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

    from wherry.registry.progress import Progress

BAR = 30
TICK = 0.1
"""Seconds between two drawings."""
UP, CLEAR_BELOW = "\033[{}A", "\033[J"
LAST = (
    "Pull complete",
    "Already exists",
    "Pushed",
    "Layer already exists",
    "Mounted from",
    "Copied",
    "Already there",
    "Read",
)


def make_transfers(*, quiet: bool = False, stream: IO[str] | None = None) -> Progress:
    """Shown on `stream` (standard output where none is given), as docker does."""
    from wherry.registry.progress import Silent

    if quiet:
        return Silent()
    out = stream or sys.stdout
    if out.isatty() and os.environ.get("TERM") != "dumb":
        return Bars(unescaped(out))
    return Lines(out)


class Lines:
    """Each state of a layer once."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._states: dict[str, str] = {}
        self._turn = threading.Lock()

    def note(self, text: str) -> None:
        with self._turn:
            self._write(text)

    def layer(self, name: str, state: str, done: int = 0, size: int = 0) -> None:
        with self._turn:
            if self._states.get(name) != state:
                self._states[name] = state
                self._write(f"{name}: {state}")

    def _write(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()

    def close(self) -> None: ...


class Bars:
    """What is finished stands above, what goes on below is drawn again in place."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._turn = threading.Lock()
        self._going: dict[str, tuple[str, int, int]] = {}
        self._drawn = 0
        self._next = 0.0

    def note(self, text: str) -> None:
        with self._turn:
            self._draw(printable(text) + "\n")

    def layer(self, name: str, state: str, done: int = 0, size: int = 0) -> None:
        with self._turn:
            if state.startswith(LAST):
                self._going.pop(name, None)
                self._draw(f"{name}: {printable(state)}\n")
                return
            self._going[name] = (state, done, size)
            if time.monotonic() >= self._next:
                self._draw("")

    def close(self) -> None:
        with self._turn:
            self._going.clear()
            self._draw("")

    def _draw(self, above: str) -> None:
        self._next = time.monotonic() + TICK
        columns, rows = _size(self._out)
        lines = [self._row(name, *state)[: columns - 1] for name, state in self._going.items()]
        # What has scrolled away cannot be drawn again.
        lines = lines[: max(1, rows - 2)]
        erase = (UP.format(self._drawn) if self._drawn else "") + "\r" + CLEAR_BELOW
        self._out.write(erase + above + "".join(line + "\n" for line in lines))
        self._out.flush()
        self._drawn = len(lines)

    @staticmethod
    def _row(name: str, state: str, done: int, size: int) -> str:
        if not size:
            return f"{name}: {state}"
        filled = min(BAR, BAR * done // size)
        bar = "=" * max(0, filled - 1) + ">" * (filled > 0) + " " * (BAR - filled)
        return f"{name}: {state} [{bar}] {human_size(done)}/{human_size(size)}"


def _size(out: IO[str]) -> tuple[int, int]:
    try:
        size = os.get_terminal_size(out.fileno())
    except (OSError, ValueError):
        return 80, 24
    return max(size.columns, 20), max(size.lines, 4)
