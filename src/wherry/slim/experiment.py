"""What an image does when it is run: how it ends, what it answers, which files it looks for."""

from __future__ import annotations

import time

from wherry.errors import SandboxError
from wherry.slim.probe import TIMES, Answer, agreed, ask, until
from wherry.slim.trial import trial, watching, ways
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.containers.create import CreateOptions
    from wherry.images.view import Image
    from wherry.sandbox.notified import Notified
    from wherry.sandbox.traced import Traced
    from wherry.slim.trial import Trial
    from wherry.store import Store

STARTS = 2.0
"""Seconds that an image runs where nothing else was asked for."""
READY = 60.0
"""Seconds for the first answer to a request, and for a command's end."""
SETTLED = 10.0
"""Seconds in which a command may begin to succeed, and a request to get the status that is expected."""
RUNS = "runs"
SUCCESS = "exit code 0"
NO_ANSWER = "no answer"


class Plan(NamedTuple):
    """`options` as of `wherry create`, `probes` are URLs, `commands` what is run beside the program in
    containers of their own, `seconds` how long it runs at least."""

    options: CreateOptions
    probes: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    seconds: float = 0.0
    ready: float = READY


class Outcome(NamedTuple):
    """`answers` are of the program itself, the probes and the commands, in this order; `used` the paths
    that were looked for, in order, with the call; `said` the program's last lines."""

    answers: tuple[Answer, ...]
    used: dict[str, str]
    said: tuple[str, ...]
    watched: str
    """In which of sandbox.watching's WAYS it was watched; "" where it was not."""


def run(store: Store, image: Image, plan: Plan, expected: Outcome | None = None) -> Outcome:
    """Run the image as the plan says; what is not yet as `expected` is asked for again for a while.

    Where it turns out that the runtime tells a watcher nothing, it is run again and watched in another way.
    Raises SandboxError where its program cannot be started.
    """
    if expected is not None:
        return _run(store, image, plan, expected.watched, expected)[0]
    for way in ways(store):
        try:
            outcome, heard = _run(store, image, plan, way, None)
        except SandboxError:
            if not way:
                raise
            continue
        if heard or not way:
            break
    return outcome


def _run(
    store: Store, image: Image, plan: Plan, way: str, expected: Outcome | None
) -> tuple[Outcome, bool]:
    """What it does, and whether the watcher heard of it."""
    wanted = {each.what: each.status for each in expected.answers} if expected is not None else {}
    with watching(store, way) as watcher:
        begun = time.monotonic()
        with trial(store, image, plan.options, watcher) as program:

            def alive() -> bool:
                return program.code() is None

            seconds = SETTLED if wanted else plan.ready
            answers = [ask(url, seconds, alive, wanted.get(url, "")) for url in plan.probes]
            for words in plan.commands:
                status = wanted.get(" ".join(words), SUCCESS)
                answers.append(_command(_Once(store, image, plan, words, watcher), status, alive))
            least = plan.seconds or (0.0 if plan.probes or plan.commands else STARTS)
            first = _program(program, max(0.0, least - (time.monotonic() - begun)))
            program.end()
            said = tuple(program.last_words())
        used = dict(watcher.used) if watcher is not None else {}
        heard = watcher is not None and watcher.heard
    return Outcome((first, *answers), used, said, way), heard


def _program(program: Trial, seconds: float) -> Answer:
    """How the program does; what a service says while it runs is its own affair."""
    code = program.wait(seconds)
    return Answer("the program", RUNS if code is None else f"exit code {code}", b"")


class _Once(NamedTuple):
    """A command beside the program, each time in a new container."""

    store: Store
    image: Image
    plan: Plan
    words: tuple[str, ...]
    watcher: Notified | Traced | None

    def run(self) -> Answer:
        options = self.plan.options._replace(entrypoint=self.words[0], command=self.words[1:], publish=())
        with trial(self.store, self.image, options, self.watcher) as one:
            code = one.wait(self.plan.ready)
            status = f"exit code {code}" if code is not None else f"runs after {self.plan.ready:g} s"
            return Answer(" ".join(self.words), status, one.output())


def _command(once: _Once, wanted: str, alive: Callable[[], bool]) -> Answer:
    """What it asks for may still be starting: it is run again until it ends as wanted."""
    first = until(once.run, lambda answer: answer.status == wanted, SETTLED, alive)
    return agreed([first, *(once.run() for _ in range(TIMES - 1))])
