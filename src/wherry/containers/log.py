"""A container's output on disk: a JSON object a line, as Docker's json-file driver writes it."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import stat
import time

from wherry.containers.state import is_locked
from wherry.store.regular import open_regular
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.store import Store

POLL = 0.05
LONGEST_LINE = 1 << 14
DROPPED = b"wherry: %d bytes of output are missing here: there was no room for them\n"


class LogLine(NamedTuple):
    """`stream` is "stdout" or "stderr"; `text` with its line end; `time` as written."""

    stream: str
    text: str
    time: str


def log_path(store: Store, container: str) -> str:
    return os.path.join(store.containers.dir(container), "log.json")


class LogWriter:
    """Splits what comes in pieces into lines.  One write(2) a batch: a reader never sees half a batch.

    Nothing is raised: what cannot be written is dropped, and how much that was is said in the log when
    there is room again.
    """

    def __init__(self, path: str) -> None:
        self._file = _open_log(path)
        self._partial = {"stdout": b"", "stderr": b""}
        self._dropped = 0
        self._mend()

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
            self._put(stream, [rest] if rest else [])
        os.close(self._file)

    def _put(self, stream: str, lines: list[bytes]) -> None:
        if self._dropped and self._append(_row("stderr", DROPPED % self._dropped)):
            self._dropped = 0
        if not lines:
            return
        if self._dropped or not self._append(b"".join(_row(stream, line) for line in lines)):
            self._dropped += sum(map(len, lines))

    def _append(self, rows: bytes) -> bool:
        """Write all of it or nothing of it; whether it was written."""
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, rows) == len(rows):
                return True
        except OSError:
            pass
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, size)
        return False

    def _mend(self) -> None:
        """A line that a kill cut short shall not spoil the next one."""
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            self._append(b"\n")


def _open_log(path: str) -> int:
    """Its descriptor.  What lies in its place and is no file is moved aside: a link leads elsewhere."""
    flags = os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(os.lstat(path).st_mode):
            os.rename(path, f"{path}.lost-{os.urandom(6).hex()}")
    return os.open(path, flags, 0o600)


def _row(stream: str, line: bytes) -> bytes:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    value = {"log": line.decode("utf-8", "replace"), "stream": stream, "time": now}
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


def read_log(store: Store, container: str, *, follow: bool) -> Iterator[LogLine]:
    """The lines so far; with `follow` those to come, until the container ends.

    A line that a kill or a power cut damaged is left out.
    """
    try:
        file = io.BufferedReader(open_regular(log_path(store, container)))
    except FileNotFoundError:
        return
    with file:
        while True:
            running = follow and is_locked(store, container)
            begin = file.tell()
            piece = file.readline()
            if piece.endswith(b"\n"):
                line = _line(piece)
                if line is not None:
                    yield line
            elif not running:
                return
            else:
                # Half a batch may be taken back: its place is read again.
                file.seek(begin)
                time.sleep(POLL)


def _line(piece: bytes) -> LogLine | None:
    try:
        row = json.loads(piece)
        line = LogLine(row["stream"], row["log"], row["time"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return line if all(isinstance(field, str) for field in line) else None
