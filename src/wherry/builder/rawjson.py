"""A build's progress as lines of JSON, in the form of BuildKit's ``SolveStatus`` (``--progress rawjson``),
and the way back: lines to progress.

Source: BuildKit's client/graph.go.  A vertex is a step; its digest is only a name here.  One without
`started` has not been found in the cache, nor is it being made.  What belongs to no step is a warning.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
from _thread import RLock

from wherry.sha256 import hex_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from wherry.builder.progress import Progress, Step

FAILED, CANCELED = "failed", "context canceled"
STDOUT = 1
PIECE = 4096
"""Bytes of output in one line: what passes lines on (a container's log) may cut long ones."""
ANSWER = "exporterResponse"
"""The member of the last line: what the build gave, in the words of --metadata-file."""
RECORD = "wherry.build.v1"
"""The member of a line with what a build did, step by step (`store.buildrecord`)."""
MEMBERS = frozenset({"vertexes", "statuses", "logs", "warnings", ANSWER, RECORD})


class RawJson:
    """Progress that writes a line for each thing that happens; `write` takes one whole line."""

    def __init__(self, write: Callable[[str], object], now: Callable[[], float] = time.time) -> None:
        self._write = write
        self._now = now
        self._turn = RLock()
        self._numbers = itertools.count(1)

    def note(self, text: str) -> None:
        self.tell({"warnings": [{"level": 1, "short": _encoded(text.encode("utf-8", "surrogateescape"))}]})

    def begin(self, label: str) -> Step:
        name = label.encode("utf-8", "replace").decode()
        step = _Step(self, "sha256:" + hex_of(f"{next(self._numbers)} {name}".encode()), name)
        step.tell()
        return step

    def answer(self, value: Mapping[str, Any]) -> None:
        """What the build gave."""
        self.tell({ANSWER: value})

    def record(self, value: Mapping[str, Any]) -> None:
        """What it did, and why."""
        self.tell({RECORD: value})

    def close(self) -> None: ...

    def moment(self) -> str:
        """Now (RFC 3339)."""
        seconds = self._now()
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        return f"{whole}.{int(seconds % 1 * 1e9):09d}Z"

    def tell(self, value: Mapping[str, Any]) -> None:
        line = json.dumps(value, separators=(",", ":")) + "\n"
        with self._turn:
            self._write(line)


class _Step:
    def __init__(self, progress: RawJson, digest: str, name: str) -> None:
        self._progress = progress
        self._vertex: dict[str, object] = {"digest": digest, "name": name}

    def tell(self, **more: object) -> None:
        self._vertex |= more
        self._progress.tell({"vertexes": [self._vertex]})

    def working(self) -> None:
        self.tell(started=self._progress.moment())

    def output(self, data: bytes) -> None:
        for place in range(0, len(data), PIECE):
            log = {
                "vertex": self._vertex["digest"],
                "stream": STDOUT,
                "data": _encoded(data[place : place + PIECE]),
                "timestamp": self._progress.moment(),
            }
            self._progress.tell({"logs": [log]})

    def end(self, *, cached: bool) -> None:
        self._completed(**({"cached": True} if cached else {}))

    def fail(self) -> None:
        self._completed(error=FAILED)

    def cancel(self) -> None:
        self._completed(error=CANCELED)

    def _completed(self, **more: object) -> None:
        now = self._progress.moment()
        self.tell(started=self._vertex.get("started", now), completed=now, **more)


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Replay:
    """Tells a progress what lines say.  For one thread at a time."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._steps: dict[str, Step] = {}
        self._working: set[str] = set()
        self.answer: Mapping[str, Any] | None = None
        """What the build gave: its last line, which a build that is well ends with."""
        self.records: list[dict[str, Any]] = []

    def line(self, line: bytes) -> bool:
        """Whether it is a line of progress: others are what a program said."""
        if not line.startswith(b"{"):
            return False
        try:
            value = json.loads(line)
            if not isinstance(value, dict) or not value or not value.keys() <= MEMBERS:
                return False
            self._tell(value)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return False
        return True

    def cancel(self) -> None:
        """Whoever wrote the lines is gone: what it had begun is ended."""
        for step in self._steps.values():
            step.cancel()
        self._steps.clear()
        self._working.clear()

    def _tell(self, value: Mapping[str, Any]) -> None:
        for vertex in value.get("vertexes", ()):
            self._vertex(vertex)
        for log in value.get("logs", ()):
            step = self._steps.get(log["vertex"])
            if step is not None:
                step.output(base64.b64decode(log["data"]))
        for warning in value.get("warnings", ()):
            self._progress.note(base64.b64decode(warning["short"]).decode("utf-8", "surrogateescape"))
        answer = value.get(ANSWER)
        if isinstance(answer, dict):
            self.answer = answer
        record = value.get(RECORD)
        if isinstance(record, dict):
            self.records.append(record)

    def _vertex(self, vertex: Mapping[str, Any]) -> None:
        digest = str(vertex["digest"])
        if digest not in self._steps:
            self._steps[digest] = self._progress.begin(str(vertex["name"]))
        step, completed = self._steps[digest], vertex.get("completed")
        if vertex.get("started") and not completed and digest not in self._working:
            self._working.add(digest)
            step.working()
        if not completed:
            return
        del self._steps[digest]
        self._working.discard(digest)
        error = vertex.get("error")
        if error == CANCELED:
            step.cancel()
        elif error:
            step.fail()
        else:
            step.end(cached=bool(vertex.get("cached")))
