"""A container's output on disk: a JSON object a line, as Docker's json-file driver writes it."""

from __future__ import annotations

import datetime
import json
import os
import time

from wherry.containers.state import is_locked
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.store import Store

POLL = 0.05
LONGEST_LINE = 1 << 14


class LogLine(NamedTuple):
    """`stream` is "stdout" or "stderr"; `text` with its line end; `time` as written."""

    stream: str
    text: str
    time: str


def log_path(store: Store, container: str) -> str:
    return os.path.join(store.containers.dir(container), "log.json")


class LogWriter:
    """Splits what comes in pieces into lines.  One write(2) a batch: a reader never sees half a batch."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._partial = {"stdout": b"", "stderr": b""}

    def write(self, stream: str, data: bytes) -> None:
        *lines, rest = (self._partial[stream] + data).split(b"\n")
        # A line without an end is written in pieces rather than kept in memory for ever.
        if len(rest) > LONGEST_LINE:
            self._put(stream, [*(line + b"\n" for line in lines), rest])
            rest = b""
        else:
            self._put(stream, [line + b"\n" for line in lines])
        self._partial[stream] = rest

    def close(self) -> None:
        for stream, rest in self._partial.items():
            if rest:
                self._put(stream, [rest])
        os.close(self._file)

    def _put(self, stream: str, lines: list[bytes]) -> None:
        if not lines:
            return
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        rows = [
            json.dumps(
                {"log": line.decode("utf-8", "replace"), "stream": stream, "time": now}, ensure_ascii=False
            )
            for line in lines
        ]
        os.write(self._file, ("\n".join(rows) + "\n").encode())


def read_log(store: Store, container: str, *, follow: bool) -> Iterator[LogLine]:
    """The lines so far; with `follow` those to come, until the container ends."""
    try:
        file = open(log_path(store, container), encoding="utf-8", errors="replace")  # noqa: SIM115
    except FileNotFoundError:
        return
    with file:
        pending = ""
        while True:
            running = follow and is_locked(store, container)
            piece = file.readline()
            if piece.endswith("\n"):
                row = json.loads(pending + piece)
                pending = ""
                yield LogLine(row["stream"], row["log"], row["time"])
            elif piece:
                pending += piece
            elif not running:
                return
            else:
                time.sleep(POLL)
