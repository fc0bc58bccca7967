"""What a step printed: the whole of it in a file, its end for the error message."""

from __future__ import annotations

import contextlib
import os
import time

from wherry.builder.execute.redact import Redactor
from wherry.errors import StepError
from wherry.layers.writefile import write_all
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.builder.progress import Step
    from wherry.dockerfile.ast import Run

TAIL = 20
KEPT_LOGS = 50


class StepLog:
    """The whole output of a step in a file, its last lines in memory.

    The file of a step that failed stays, with those of the last failures before it; others go.  What is in
    `secrets` is in none of them.  What a full disk has no room for is missing in the file.
    """

    def __init__(self, root: str, step: Step, secrets: Iterable[bytes] = ()) -> None:
        self._step = step
        self._redactor = Redactor(secrets)
        folder = os.path.join(root, "logs")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for old in sorted(os.listdir(folder))[:-KEPT_LOGS]:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, old))
        self.path = os.path.join(folder, f"step-{time.time_ns()}-{os.getpid()}.log")
        self._file = os.open(self.path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._tail = b""

    def write(self, data: bytes) -> None:
        self._write(self._redactor.feed(data))

    def finish(self) -> None:
        """Nothing more will be written."""
        self._write(self._redactor.flush())

    def _write(self, data: bytes) -> None:
        # The step, and what is said of it, do not end because its log finds no room.
        with contextlib.suppress(OSError):
            write_all(self._file, data)
        self._step.output(data)
        self._tail = (self._tail + data)[-(1 << 14) :]

    def tail(self) -> list[str]:
        text = self._tail.decode("utf-8", "replace").rstrip("\n")
        return text.split("\n")[-TAIL:] if text else []

    def close(self, *, keep: bool) -> None:
        os.close(self._file)
        if not keep:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


def failed(run: Run, argv: Sequence[str], code: int, log: StepLog) -> StepError:
    """The error for a RUN that ended with `code`."""
    place = run.location
    span = str(place.line) if place.end_line == place.line else f"{place.line}-{place.end_line}"
    lines = [f"{_named(run, argv)} did not complete successfully: exit code: {code}"]
    lines += [f"  {line}" for line in log.tail()]
    lines.append(f"{place.name}:{span}")
    lines += [f"  {number:>4} | {text}" for number, text in enumerate(place.lines, place.line)]
    hint = _exit_hint(code) + f"the whole output is in {log.path}"
    return StepError("\n".join(lines), hint=hint)


def _named(run: Run, argv: Sequence[str]) -> str:
    """RUN, where the lines that follow are those of the command; a trigger of ONBUILD is somewhere else."""
    lines = run.location.lines
    if lines and lines[0].lstrip()[:3].upper() == "RUN":
        return "RUN"
    command = " ".join(argv)
    return f"process {command if len(command) <= 200 else command[:197] + '...'!r}"


def _exit_hint(code: int) -> str:
    if code == 127:
        return "127 means that a command was not found; "
    if code == 137:
        return "137 means that it was killed (out of memory?); "
    return ""
