"""Pulls and pushes as steps of a build."""

from __future__ import annotations

import time
from _thread import RLock

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.builder.progress import Step

TELL = 1.0
"""Seconds between two lines about one layer."""


class Told:
    """A transfer as the output of a step."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._last: dict[str, tuple[str, float]] = {}
        self._turn = RLock()

    def note(self, text: str) -> None: ...

    def close(self) -> None: ...

    def layer(self, name: str, state: str, done: int = 0, size: int = 0) -> None:
        with self._turn:
            before, moment = self._last.get(name, ("", 0.0))
            now = time.monotonic()
            if state == before and now - moment < TELL:
                return
            self._last[name] = (state, now)
            much = f" {done / 1e6:.1f}MB / {size / 1e6:.1f}MB" if size else ""
            self._step.output(f"{name}: {state}{much}\n".encode())
