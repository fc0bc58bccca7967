"""How a build's progress is printed, always to stderr: plain lines, a live terminal, JSON, or nothing."""

from __future__ import annotations

import os
import sys
import time
from _thread import RLock

from wherry.cli.core.output import unescaped
from wherry.cli.core.printable import printable
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from wherry.builder.progress import Progress, Step

KINDS = ("auto", "plain", "tty", "quiet", "rawjson")


def make_progress(kind: str) -> Progress:
    """`kind` is one of KINDS; "auto" is "tty" where stderr is a terminal."""
    from wherry.builder.progress import Silent

    if kind == "auto":
        kind = "tty" if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else "plain"
    if kind == "quiet":
        return Silent()
    if kind == "rawjson":
        from wherry.builder.rawjson import RawJson

        return RawJson(_whole_lines(unescaped(sys.stderr)))
    if kind == "plain":
        return Plain(unescaped(sys.stderr))
    from wherry.cli.builder.terminal import Terminal

    return Terminal(unescaped(sys.stderr), colours=coloured())


def _whole_lines(out: IO[str]) -> Callable[[str], None]:
    def write(line: str) -> None:
        out.write(line)
        out.flush()

    return write


def coloured() -> bool:
    """Whether colours are wanted where a terminal is (https://no-color.org)."""
    return not os.environ.get("NO_COLOR")


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

    def begin(self, label: str) -> Step:
        step = _DeferredStep(self._told)
        self._told.append(lambda: step.begin(self._progress, label))
        return step

    def close(self) -> None:
        self._told.append(self._progress.close)

    def release(self) -> None:
        """Tell it."""
        for tell in self._told:
            tell()
        self._told.clear()


class _DeferredStep:
    def __init__(self, told: list[Callable[[], None]]) -> None:
        self._told = told
        self._step: Step | None = None

    def begin(self, progress: Progress, label: str) -> None:
        self._step = progress.begin(label)

    def working(self) -> None:
        self._later(lambda step: step.working())

    def output(self, data: bytes) -> None:
        self._later(lambda step: step.output(data))

    def end(self, *, cached: bool) -> None:
        self._later(lambda step: step.end(cached=cached))

    def fail(self) -> None:
        self._later(lambda step: step.fail())

    def cancel(self) -> None:
        self._later(lambda step: step.cancel())

    def _later(self, tell: Callable[[Step], None]) -> None:
        def told() -> None:
            assert self._step is not None  # noqa: S101
            tell(self._step)

        self._told.append(told)


class Plain:
    """As BuildKit's plain output: a number for each step, its output line by line, CACHED or DONE.

    Lines of steps that run at once come in any order, each of them whole.
    """

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._turn = RLock()
        self._number = 0

    def note(self, text: str) -> None:
        self.write(f"#0 {printable(text)}\n")

    def begin(self, label: str) -> Step:
        with self._turn:
            self._number += 1
            self.write(f"#{self._number} {printable(label)}\n")
            return _PlainStep(self, self._number)

    def close(self) -> None: ...

    def write(self, text: str) -> None:
        with self._turn:
            self._out.write(text)
            self._out.flush()


class _PlainStep:
    def __init__(self, plain: Plain, number: int) -> None:
        self._plain = plain
        self._number = number
        self._began = time.monotonic()
        self._partial = b""

    def working(self) -> None: ...

    def output(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        if lines:
            self._plain.write("".join(map(self._line, lines)))

    def end(self, *, cached: bool) -> None:
        self._finish("CACHED" if cached else f"DONE {self._seconds():.1f}s")

    def fail(self) -> None:
        self._finish("ERROR")

    def cancel(self) -> None:
        self._finish("CANCELED")

    def _finish(self, word: str) -> None:
        rest = self._line(self._partial) if self._partial else ""
        self._plain.write(f"{rest}#{self._number} {word}\n\n")

    def _line(self, line: bytes) -> str:
        text = line.rstrip(b"\r").decode("utf-8", "replace")
        return f"#{self._number} {self._seconds():.3f} {text}\n"

    def _seconds(self) -> float:
        return time.monotonic() - self._began
