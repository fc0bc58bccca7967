"""What an image does when it is run: how it ends, what it answers, which files it looks for."""

from __future__ import annotations

import time

from wherry.slim.probe import TIMES, Answer, agreed, ask
from wherry.slim.trial import observing, trial
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.containers.create import CreateOptions
    from wherry.images.view import Image
    from wherry.slim.trial import Trial
    from wherry.store import Store

STARTS = 2.0
"""Seconds that an image runs where nothing else was asked for."""
READY = 60.0
"""Seconds for the first answer to a request, and for a command's end."""
RUNS = "runs"


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
    that were looked for, in order, with the call; `output` what the program said."""

    answers: tuple[Answer, ...]
    used: dict[str, str]
    output: bytes
    observed: bool


def run(store: Store, image: Image, plan: Plan) -> Outcome:
    """Run the image as the plan says.  Raises SandboxError where its program cannot be started."""
    with observing(store) as observer:
        path = observer.path if observer is not None else ""
        begun = time.monotonic()
        with trial(store, image, plan.options, path) as program:
            answers = [ask(url, plan.ready, lambda: program.code() is None) for url in plan.probes]
            answers += [_command(store, image, plan, words, path) for words in plan.commands]
            least = plan.seconds or (0.0 if plan.probes or plan.commands else STARTS)
            first = _program(program, max(0.0, least - (time.monotonic() - begun)))
            program.end()
            output = program.output()
        used = dict(observer.used) if observer is not None else {}
    return Outcome((first, *answers), used, output, observer is not None)


def _program(program: Trial, seconds: float) -> Answer:
    """How the program does; what a service says while it runs is its own affair."""
    code = program.wait(seconds)
    return Answer("the program", RUNS if code is None else f"exit code {code}", b"")


def _command(store: Store, image: Image, plan: Plan, words: tuple[str, ...], observer: str) -> Answer:
    options = plan.options._replace(entrypoint=words[0], command=words[1:], publish=())
    answers = []
    for _ in range(TIMES):
        with trial(store, image, options, observer) as one:
            code = one.wait(plan.ready)
            status = f"exit code {code}" if code is not None else f"runs after {plan.ready:g} s"
            answers.append(Answer(" ".join(words), status, one.output()))
    return agreed(answers)
