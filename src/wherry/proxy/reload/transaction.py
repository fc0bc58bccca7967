"""One change of the configuration, from text to proof.

    stage -> nginx -t -> swap -> signal -> poll the generation -> settle
                 \\ fails: leave guilty routes out (bisect) and try again, or keep what is in force

Whatever happens, what was in force before goes on serving until its successor has answered.
"""

from __future__ import annotations

import time

from wherry.errors import ProxyError
from wherry.proxy.model import Rejected
from wherry.proxy.reload.bisect import separate
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.proxy.model import Route
    from wherry.proxy.reload.target import Target

PATIENCE = 15.0
"""Seconds until a reload that no worker answers for counts as one that did not take."""


class Parts(NamedTuple):
    """What a configuration was made of: ``render(routes)`` is its text."""

    routes: tuple[Route, ...]
    render: Callable[[Sequence[Route]], str]


class Candidate(NamedTuple):
    """A wanted configuration.  `parts` is asked when routes are to be left out; it may not know them."""

    text: str
    parts: Callable[[], Parts | None] = lambda: None


class Outcome(NamedTuple):
    """What became of a candidate.

    `kind`: "unchanged", "reloaded", "started", "refused" (nginx -t; nothing changed), "unproved" (no worker
    took it; what was in force is restored); "written" by a generator, for another process to reload.  Times
    in seconds.
    """

    kind: str
    generation: int
    message: str = ""
    quarantined: tuple[Rejected, ...] = ()
    validating: float = 0.0
    reloading: float = 0.0
    tries: int = 0


class Reloader:
    """Applies candidates to one target, one after another; not for several threads.

    Remembers the routes that it set aside, so that they are looked for once and not at every change.
    """

    def __init__(self, target: Target, patience: float = PATIENCE) -> None:
        self._target = target
        self._patience = patience
        self.text, self.generation = target.last()
        self.running = target.alive()
        self._certain = False  # that `text` is what nginx serves
        self._quarantined: dict[Route, Rejected] = {}

    def rest(self) -> float:
        """Seconds that the caller should wait before it applies what is new; mostly 0."""
        return self._target.rest()

    def apply(self, candidate: Candidate) -> Outcome:
        """Make nginx serve `candidate`, as far as it passes.

        Raises ProxyError where the machine fails: no nginx, a full or read-only directory, a port in use
        when nginx starts.  What was in force then still is, and the call may be repeated.
        """
        candidate = self._without_known(candidate)
        if self._certain and candidate.text == self.text:
            return Outcome("unchanged", self.generation, quarantined=tuple(self._quarantined.values()))
        begun = time.monotonic()
        number = self.generation + 1
        self._target.stage(candidate.text, number)
        complaint = self._target.complaint()
        tries = 1
        if complaint is not None:
            isolated = self._isolate(candidate, complaint, number)
            if isolated is None:
                return Outcome("refused", self.generation, complaint, tries=tries)
            candidate, tries = isolated
        validated = time.monotonic()
        outcome = self._switch(candidate.text, number)
        return outcome._replace(
            quarantined=tuple(self._quarantined.values()),
            validating=validated - begun,
            reloading=time.monotonic() - validated,
            tries=tries,
        )

    def resume(self) -> Outcome:
        """Serve what was in force when we, or nginx, last ran; that has served, so it is not validated.

        Raises ProxyError when there is nothing, or nginx does not start.
        """
        if not self.text:
            raise ProxyError("there is no configuration that served before")
        begun, number = time.monotonic(), self.generation + 1
        self._certain, self.running = False, self._target.alive()
        self._target.stage(self.text, number)
        outcome = self._switch(self.text, number)
        return outcome._replace(reloading=time.monotonic() - begun, tries=1)

    def _switch(self, text: str, number: int) -> Outcome:
        kind = "reloaded" if self.running else "started"
        self._target.swap()
        try:
            self._target.signal()
        except ProxyError:
            self._target.restore()
            raise
        self.generation = number  # used up either way: a late worker may still answer it
        answer = self._target.proof(number, self._patience)
        self._certain = answer is not None
        if answer is None:
            self._target.restore()
            self.running = self._target.alive()
            if not self.running:
                raise ProxyError("nginx did not start, or ended", hint="its own message stands above")
            return Outcome(
                "unproved", number, "no worker of the new configuration answered; see nginx's log"
            )
        self.running = True
        self.text = text
        self._target.settle()
        return Outcome(kind, number)

    def _without_known(self, candidate: Candidate) -> Candidate:
        """Leave out what was set aside before, as long as it is still the same route."""
        parts = candidate.parts() if self._quarantined else None
        present = frozenset(parts.routes) if parts is not None else frozenset()
        self._quarantined = {route: why for route, why in self._quarantined.items() if route in present}
        if parts is None or not self._quarantined:
            return candidate
        return _candidate(
            parts._replace(routes=tuple(r for r in parts.routes if r not in self._quarantined))
        )

    def _isolate(self, candidate: Candidate, complaint: str, number: int) -> tuple[Candidate, int] | None:
        """Stage the candidate without the routes nginx objects to; None when it is no route's fault."""
        parts = candidate.parts()
        if parts is None:
            return None

        def complain(routes: Sequence[Route]) -> str | None:
            self._target.stage(parts.render(routes), number)
            return self._target.complaint()

        verdict = separate(parts.routes, complaint, complain)
        if verdict is None:
            return None
        for index, reason in verdict.guilty.items():
            route = parts.routes[index]
            self._quarantined[route] = Rejected(route.name, "refused-by-nginx", reason)
        sound = _candidate(parts._replace(routes=tuple(parts.routes[i] for i in verdict.good)))
        self._target.stage(sound.text, number)
        return sound, verdict.tries


def _candidate(parts: Parts) -> Candidate:
    return Candidate(parts.render(parts.routes), lambda: parts)
