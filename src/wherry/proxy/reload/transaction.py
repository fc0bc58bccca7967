"""One change of the configuration, from text to proof.

    stage -> nginx -t -> swap -> signal -> poll the generation -> settle
                 \\ fails: leave guilty routes out (bisect) and try again, or keep what is in force

Whatever happens, what was in force before goes on serving until its successor has answered.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from wherry.errors import ProxyError
from wherry.proxy.model import Rejected
from wherry.proxy.reload.bisect import separate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.proxy.model import Route
    from wherry.proxy.reload.target import Target

PROOF_TIMEOUT = 15.0


class Candidate(NamedTuple):
    """A wanted configuration.  With `routes` and `render` guilty routes can be found and left out."""

    text: str
    routes: tuple[Route, ...] = ()
    render: Callable[[Sequence[Route]], str] | None = None


class Outcome(NamedTuple):
    """What became of a candidate.

    `kind`: "unchanged", "reloaded", "started", "refused" (nginx -t; nothing changed), "unproved" (no worker
    took it; what was in force is restored).  Times in seconds.
    """

    kind: str
    generation: int
    message: str = ""
    set_aside: tuple[Rejected, ...] = ()
    validating: float = 0.0
    reloading: float = 0.0
    tries: int = 0

    @property
    def served(self) -> bool:
        return self.kind in ("unchanged", "reloaded", "started")


class Reloader:
    """Applies candidates to one target, one after another; not for several threads.

    Remembers the routes that it set aside, so that they are looked for once and not at every change.
    """

    def __init__(self, target: Target, clock: Callable[[], float] = time.monotonic) -> None:
        self._target = target
        self._clock = clock
        self.text, self.generation = target.last()
        self._running = False
        self._aside: dict[Route, Rejected] = {}

    def apply(self, candidate: Candidate) -> Outcome:
        """Make nginx serve `candidate`, as far as it passes.

        Raises ProxyError where the machine fails: no nginx, a full or read-only directory, a port in use
        when nginx starts.  What was in force then still is, and the call may be repeated.
        """
        candidate = self._without_known(candidate)
        if self._running and candidate.text == self.text:
            return Outcome("unchanged", self.generation, set_aside=tuple(self._aside.values()))
        begun = self._clock()
        number = self.generation + 1
        self._target.stage(candidate.text, number)
        complaint = self._target.complaint()
        tries = 1
        if complaint is not None:
            isolated = self._isolate(candidate, complaint, number)
            if isolated is None:
                return Outcome("refused", self.generation, complaint, tries=tries)
            candidate, tries = isolated
        validated = self._clock()
        outcome = self._switch(candidate.text, number)
        return outcome._replace(
            set_aside=tuple(self._aside.values()),
            validating=validated - begun,
            reloading=self._clock() - validated,
            tries=tries,
        )

    def resume(self) -> Outcome:
        """Serve what was in force when we last ran.  Raises ProxyError when there is nothing."""
        if not self.text:
            raise ProxyError("there is no configuration that served before")
        return self.apply(Candidate(self.text))

    def _switch(self, text: str, number: int) -> Outcome:
        kind = "reloaded" if self._running else "started"
        self._target.swap()
        try:
            self._target.signal()
            answer = self._target.proof(number, PROOF_TIMEOUT)
        except ProxyError:
            self._target.restore()
            raise
        self.generation = number  # used up either way: a late worker may still answer it
        if answer is None:
            self._target.restore()
            if not self._target.alive():
                self._running = False
                raise ProxyError("nginx did not start, or ended", hint="its own message stands above")
            return Outcome(
                "unproved", number, "no worker of the new configuration answered; see nginx's log"
            )
        self._running = True
        self.text = text
        self._target.settle()
        return Outcome(kind, number)

    def _without_known(self, candidate: Candidate) -> Candidate:
        """Leave out what was set aside before, as long as it is still the same route."""
        if not self._aside or candidate.render is None:
            return candidate
        wanted = frozenset(candidate.routes)
        self._aside = {route: why for route, why in self._aside.items() if route in wanted}
        if not self._aside:
            return candidate
        return self._with_routes(candidate, tuple(r for r in candidate.routes if r not in self._aside))

    def _with_routes(self, candidate: Candidate, routes: tuple[Route, ...]) -> Candidate:
        assert candidate.render is not None  # noqa: S101
        return candidate._replace(text=candidate.render(routes), routes=routes)

    def _isolate(self, candidate: Candidate, complaint: str, number: int) -> tuple[Candidate, int] | None:
        """Stage the candidate without the routes nginx objects to; None when it is no route's fault."""
        render = candidate.render
        if render is None:
            return None

        def passes(routes: Sequence[Route]) -> bool:
            self._target.stage(render(routes), number)
            return self._target.complaint() is None

        verdict = separate(candidate.routes, passes)
        if verdict is None:
            return None
        for index in verdict.guilty:
            route = candidate.routes[index]
            self._aside[route] = Rejected(route.name, "refused-by-nginx", complaint)
        sound = self._with_routes(candidate, tuple(candidate.routes[i] for i in verdict.good))
        self._target.stage(sound.text, number)
        return sound, verdict.tries
