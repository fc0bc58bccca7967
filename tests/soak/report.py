"""What a soak tried and found, as lines while it runs and as a table at its end."""

from __future__ import annotations

import re
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import NamedTuple

VARIES = (
    (re.compile(r"/tmp/wherry-soak-[^ '\"]*/"), "…/"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "…"),
    (re.compile(r"\b\d+(-[0-9a-f]+)?\b"), "N"),
    (re.compile(r"(…, )+…"), "…"),
)


class Fault(NamedTuple):
    """`where` names the step so that ``ONLY=`` repeats it."""

    where: str
    text: str


class Report:
    """Safe for threads."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.tried: Counter[tuple[str, str]] = Counter()
        self.faults: list[Fault] = []
        self.notes: list[str] = []
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def step(self, where: str, detail: str, faults: list[str]) -> None:
        """`where` is part:subject:number."""
        part, subject, *_ = where.split(":")
        with self._lock:
            self.tried[part, subject] += 1
            self.faults += [Fault(where, text) for text in faults]
            for text in faults:
                self._say(f"FAULT {where} ({detail}): {text}")

    def note(self, text: str) -> None:
        """Something that could not be tried here, once."""
        with self._lock:
            if text not in self.notes:
                self.notes.append(text)
                self._say(f"note: {text}")

    def say(self, text: str) -> None:
        with self._lock:
            self._say(text)

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:7.1f} {text}", flush=True)

    def table(self) -> str:
        wrong = Counter(tuple(fault.where.split(":")[:2]) for fault in self.faults)
        steps = Counter(tuple(where.split(":")[:2]) for where in {fault.where for fault in self.faults})
        rows = [f"{'part':14}{'subject':26}{'tried':>7}{'failed':>8}{'faults':>8}"]
        for key, count in sorted(self.tried.items()):
            rows.append(f"{key[0]:14}{key[1]:26}{count:>7}{steps[key]:>8}{wrong[key]:>8}")
        tried = sum(self.tried.values())
        failed = sum(steps.values())
        rows.append(f"{'all':40}{tried:>7}{failed:>8}{len(self.faults):>8}")
        return "\n".join([*rows, *(f"note: {note}" for note in self.notes), *self._kinds()])

    def _kinds(self) -> list[str]:
        """The kinds of faults, the most frequent first, and how the first of each is repeated."""
        kinds: dict[str, list[str]] = {}
        for fault in self.faults:
            kinds.setdefault(kind_of(fault), []).append(fault.where)
        found = sorted(kinds.items(), key=lambda item: -len(item[1]))
        return [f"{len(w):5} x {kind}\n        make soak SEED={self.seed} ONLY={w[0]}" for kind, w in found]


def harness_failed(error: Exception) -> str:
    """A fault that is the harness's own, or a store that it can no longer read: with the place."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"the harness failed: {error!r} at {Path(last.filename).name}:{last.lineno}"


def kind_of(fault: Fault) -> str:
    """Its text without what differs from one time to the next."""
    text = fault.text.partition("\nhint:")[0].replace("\n", " ")
    for pattern, word in VARIES:
        text = pattern.sub(word, text)
    return f"{fault.where.split(':')[0]}: {text[:200]}"
