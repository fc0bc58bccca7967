"""Standard output and standard error as commands see them: what wherry lays out is shown printable.

Whatever a command prints goes through here, so no command can forget it.  What a program itself printed
(logs) and wherry's own colours go to `unescaped(stream)`.
"""

from __future__ import annotations

import os
import sys

from wherry.cli.core.printable import printable
from wherry.errors import WherryError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO, Any


class OutputError(WherryError):
    """Standard output cannot be written, so the error goes elsewhere."""


class _Shown:
    """A text stream, with all that is not printable but newlines and tabs escaped.

    With `must`, what cannot be written is an error (a reader that went away is a BrokenPipeError); without,
    it is lost: there is nowhere to say so.
    """

    def __init__(self, stream: IO[str], *, must: bool) -> None:
        self.stream = stream
        self._must = must

    def write(self, text: str) -> int:
        try:
            return self.stream.write(printable(text, "\n\t"))
        except OSError as error:
            return self._failed(error)

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self.stream.flush()
        except OSError as error:
            self._failed(error)

    def _failed(self, error: OSError) -> int:
        if isinstance(error, BrokenPipeError):
            raise error
        _discard(self.stream)
        if self._must:
            raise OutputError(f"standard output cannot be written: {error.strerror}") from None
        return 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def unescaped(stream: Any) -> Any:
    """The stream below: for a program's own output, and for wherry's own colours."""
    return stream.stream if isinstance(stream, _Shown) else stream


class shown_streams:  # noqa: N801 - as the context managers of contextlib, which start-up does without
    """In the block sys.stdout and sys.stderr show text, whatever is on the other side, if anything is."""

    def __enter__(self) -> None:
        self._before = sys.stdout, sys.stderr
        for stream in self._before:
            # What the terminal's encoding lacks is shown by its number.
            if getattr(stream, "errors", "") == "strict":
                stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
        sys.stdout = _Shown(sys.stdout, must=True)
        sys.stderr = _Shown(sys.stderr, must=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout, sys.stderr = self._before


def settle() -> None:
    """Write what is held back; give up what cannot be written, so that the interpreter's end is quiet."""
    for stream in (sys.stdout, sys.stderr):
        try:
            unescaped(stream).flush()
        except OSError:
            _discard(unescaped(stream))


def _discard(stream: IO[str]) -> None:
    """From now on what is written to a stream, and what it still holds, goes nowhere."""
    try:
        number = stream.fileno()
    except OSError:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(nowhere, number)
    os.close(nowhere)
