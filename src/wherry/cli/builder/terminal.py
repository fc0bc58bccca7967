"""A build on a terminal: a line for each finished step, and below them those that run, with their output.

The lower part is drawn anew in place; it never grows beyond the screen, since what has scrolled away
cannot be drawn again.
"""

from __future__ import annotations

import os
import threading
import time

from wherry.cli.core.printable import printable
from wherry.cli.core.printable import width as columns
from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

TAIL = 5
TICK = 0.1
"""Seconds between two drawings."""
BLUE, RED, DIM, RESET = "\033[34m", "\033[31m", "\033[2m", "\033[0m"
UP, CLEAR_BELOW = "\033[{}A", "\033[J"
NO_WRAP, WRAP = "\033[?7l", "\033[?7h"
"""Around what is drawn: a line that a terminal's font makes wider than it is counted stays one line."""
SEQUENCE = pattern(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
"""What moves the cursor, colours or sets a title (ECMA-48)."""


class Terminal:
    """See builder.progress.  A thread draws while steps run, so that their seconds go on."""

    def __init__(self, out: IO[str], *, colours: bool = True) -> None:
        self._out = out
        self._colours = colours
        self._began = time.monotonic()
        self._begun = self._ended = 0
        self._turn = threading.RLock()
        self._running: list[TerminalStep] = []
        self._drawn: list[int] = []
        self._closed = threading.Event()
        self._clock: threading.Thread | None = None

    def note(self, text: str) -> None:
        self.above(self._in(DIM, printable(text)))

    def begin(self, label: str) -> TerminalStep:
        step = TerminalStep(self, label)
        with self._turn:
            self._running.append(step)
            self._begun += 1
        return step

    def close(self) -> None:
        self._closed.set()
        if self._clock is not None:
            self._clock.join()
        if self._begun:
            ended = " FINISHED" if self._ended == self._begun else ""
            self.above(self._in(BLUE if ended else RED, self._total() + ended))

    def done(self, step: TerminalStep, colour: str, word: str) -> None:
        """A step is finished: its line moves above those that run."""
        line = _row(step.label, word, self._size()[0])
        with self._turn:
            self._running.remove(step)
            self._ended += colour != RED
            self.above(self._in(colour, line))

    def _in(self, colour: str, text: str) -> str:
        return f"{colour}{text}{RESET}" if self._colours else text

    def _total(self) -> str:
        """BuildKit's words for how long it takes, and how many steps are done."""
        return f"[+] Building {time.monotonic() - self._began:.1f}s ({self._ended}/{self._begun})"

    def above(self, line: str) -> None:
        with self._turn:
            self._draw(line + "\n")

    def work(self) -> None:
        """A step does something that takes time: begin to draw."""
        with self._turn:
            if self._clock is None and not self._closed.is_set():
                self._clock = threading.Thread(target=self._tick, name="terminal", daemon=True)
                self._clock.start()

    def _tick(self) -> None:
        while not self._closed.wait(TICK):
            self._draw("")

    def _draw(self, above: str) -> None:
        with self._turn:
            width, height = self._size()
            rows = self._rows(width, height)
            below = "".join(row + "\n" for _, row in rows)
            self._out.write(f"{self._erase(width)}{NO_WRAP}{above}{below}{WRAP}")
            self._out.flush()
            self._drawn = [size for size, _ in rows]

    def _rows(self, width: int, height: int) -> list[tuple[int, str]]:
        """(columns, text) of the running steps.  Where there is little room, the output gives way."""
        room = max(height - 3, 1)
        steps = self._running[:room]
        if not steps:
            return []
        tail = min((room - len(steps)) // len(steps), TAIL)
        rows = [(columns(self._total()), self._total())]
        for step in steps:
            head = _row(step.label, f"{step.seconds():.1f}s", width)
            rows.append((columns(head), head))
            for line in step.tail(tail):
                shown = f" => => # {_cut(line, width - 10)}"
                rows.append((columns(shown), self._in(DIM, shown)))
        return rows

    def _erase(self, width: int) -> str:
        """Back to where the last drawing began: a terminal that became narrower has folded its lines."""
        lines = sum(max(1, -(-size // width)) for size in self._drawn)
        return (UP.format(lines) if lines else "") + "\r" + CLEAR_BELOW

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._out.fileno())
        except OSError:
            return 80, 24
        return max(size.columns, 40), max(size.lines, 4)


class TerminalStep:
    """See builder.progress.Step."""

    def __init__(self, terminal: Terminal, label: str) -> None:
        self._terminal = terminal
        self.label = label
        self._began = time.monotonic()
        self._lines: list[bytes] = []
        self._partial = b""

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def output(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._lines = (self._lines + lines)[-TAIL:]

    def tail(self, size: int) -> list[str]:
        """The last lines of what it printed, with one that has no end yet."""
        lines = [*self._lines, self._partial] if self._partial else self._lines
        return [_printable(line) for line in lines[-size:]] if size else []

    def working(self) -> None:
        self._terminal.work()

    def end(self, *, cached: bool) -> None:
        self._terminal.done(self, BLUE, "CACHED" if cached else f"{self.seconds():.1f}s")

    def fail(self) -> None:
        self._terminal.done(self, RED, "ERROR")

    def cancel(self) -> None:
        self._terminal.done(self, RED, "CANCELED")


def _row(label: str, word: str, width: int) -> str:
    """A step and its time or its end, which stands in the same columns while it runs and after."""
    return f" => {_padded(_cut(label, width - 16), width - 14)}{word:>9}"


def _cut(text: str, width: int) -> str:
    """One line of at most `width` columns, printable."""
    text = printable(" ".join(text.split()))
    if columns(text) <= width:
        return text
    text = text[: width - 1]
    while columns(text) > width - 1:
        text = text[:-1]
    return text + "…"


def _padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def _printable(line: bytes) -> str:
    """No control characters: what a step prints must not move the cursor.  The last of a redrawn line."""
    text = line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in SEQUENCE.sub("", text))
