"""How a build's progress is printed, always to stderr: plain lines, a live terminal, or nothing."""

from __future__ import annotations

import os
import sys
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.build.progress import Progress

KINDS = ("auto", "plain", "tty", "quiet")
TAIL = 5
BLUE, RED, DIM, RESET, CLEAR_LINE = "\033[34m", "\033[31m", "\033[2m", "\033[0m", "\033[2K"


def make_progress(kind: str) -> Progress:
    """`kind` is one of KINDS; "auto" is "tty" where stderr is a terminal."""
    from wherry.build.progress import Silent

    if kind == "auto":
        kind = "tty" if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else "plain"
    if kind == "quiet":
        return Silent()
    return Terminal(sys.stderr) if kind == "tty" else Plain(sys.stderr)


class Deferred:
    """Keeps what is told until release().

    A plain user's build starts again in a user namespace at the first step that the cache lacks; what
    came before it is told by the second start, or by this one where there is no such step.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told: list[Callable[[], None]] = []

    def note(self, text: str) -> None:
        self._told.append(lambda: self._progress.note(text))

    def begin(self, label: str) -> None:
        self._told.append(lambda: self._progress.begin(label))

    def output(self, data: bytes) -> None:
        self._told.append(lambda: self._progress.output(data))

    def end(self, *, cached: bool) -> None:
        self._told.append(lambda: self._progress.end(cached=cached))

    def fail(self) -> None:
        self._told.append(self._progress.fail)

    def direct(self) -> Progress:
        """What nothing is kept from."""
        return self._progress

    def release(self) -> None:
        """Tell it."""
        for tell in self._told:
            tell()
        self._told.clear()


class Plain:
    """As BuildKit's plain output: a number for each step, its output line by line, CACHED or DONE."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._number = 0
        self._began = 0.0
        self._partial = b""

    def note(self, text: str) -> None:
        self._out.write(f"#0 {text}\n")
        self._out.flush()

    def begin(self, label: str) -> None:
        self._number += 1
        self._began = time.monotonic()
        self._out.write(f"#{self._number} {label}\n")
        self._out.flush()

    def output(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self._line(line)
        self._out.flush()

    def end(self, *, cached: bool) -> None:
        self._rest()
        what = "CACHED" if cached else f"DONE {time.monotonic() - self._began:.1f}s"
        self._out.write(f"#{self._number} {what}\n\n")
        self._out.flush()

    def fail(self) -> None:
        self._rest()
        self._out.write(f"#{self._number} ERROR\n\n")
        self._out.flush()

    def _rest(self) -> None:
        if self._partial:
            self._line(self._partial)
            self._partial = b""

    def _line(self, line: bytes) -> None:
        text = line.rstrip(b"\r").decode("utf-8", "replace")
        self._out.write(f"#{self._number} {time.monotonic() - self._began:.3f} {text}\n")


class Terminal:
    """A line a step; below the running one its last lines of output, which go away when it is done."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._label = ""
        self._began = 0.0
        self._tail: list[str] = []
        self._partial = b""
        self._shown = 0
        self._drawn = 0.0

    def note(self, text: str) -> None:
        self._out.write(f"{DIM}{text}{RESET}\n")
        self._out.flush()

    def begin(self, label: str) -> None:
        self._label = label
        self._began = time.monotonic()
        self._tail = []
        self._partial = b""
        self._draw()

    def output(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        text = [_printable(line) for line in lines]
        self._tail = (self._tail + text)[-TAIL:]
        if time.monotonic() - self._drawn > 0.05:
            self._draw()

    def end(self, *, cached: bool) -> None:
        self._finish(BLUE, "CACHED" if cached else f"{time.monotonic() - self._began:.1f}s")

    def fail(self) -> None:
        self._finish(RED, "ERROR")

    def _draw(self) -> None:
        width = self._width()
        elapsed = time.monotonic() - self._began
        rows = [f" => {_cut(self._label, width - 16)}  {elapsed:.1f}s"]
        rows += [f"{DIM} => => # {_cut(line, width - 10)}{RESET}" for line in self._tail]
        self._erase()
        self._out.write("\n".join(rows) + "\n")
        self._out.flush()
        self._shown = len(rows)
        self._drawn = time.monotonic()

    def _finish(self, colour: str, what: str) -> None:
        self._erase()
        width = self._width()
        label = _cut(self._label, width - 16)
        self._out.write(f"{colour} => {label:<{width - 14}}{what:>9}{RESET}\n")
        self._out.flush()
        self._shown = 0

    def _erase(self) -> None:
        self._out.write(f"\033[1A{CLEAR_LINE}" * self._shown + "\r")
        self._shown = 0

    def _width(self) -> int:
        try:
            return max(os.get_terminal_size(self._out.fileno()).columns, 40)
        except OSError:
            return 80


def _cut(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _printable(line: bytes) -> str:
    """No control characters: what a step prints must not move the cursor.  The last of a redrawn line."""
    text = line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)
