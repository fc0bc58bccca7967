"""Lint after a build: the Dockerfile by its text, and what its images would start by looking into them.

The verdict is kept with the cache, by all that it depends on: a build that comes from the cache reads
neither rules nor programs.
"""

from __future__ import annotations

from wherry import jsontext as json
from wherry.remote.urls import shown
from wherry.sha256 import hex_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.builder.execute.session import Session
    from wherry.builder.plan.values import StageResult
    from wherry.dockerfile.ast import Instruction, Stage
    from wherry.dockerfile.lint.check import Known
    from wherry.dockerfile.lint.options import CheckOptions
    from wherry.dockerfile.lint.rules import Finding
    from wherry.errors import WherryError
    from wherry.layers.view import View
    from wherry.programs.start import Start

# Raise it when a rule begins to find something else.
VERSION = 4


def findings(build: Session) -> list[Finding]:
    """To be asked for when the build is done."""
    key = _key(build)
    known = build.store.cache.get(key)
    if known is not None and known.value == "[]":
        return []
    from wherry.dockerfile.lint.rules import Finding

    if known is not None:
        return [Finding(*entry) for entry in json.loads(known.value)]
    found = _look(build)
    build.store.cache.put(key, json.dumps(found), {"kind": "lint"})
    return found


def _key(build: Session) -> str:
    ignore = build.ignore_patterns()
    results = [build.schedule[number] for number in build.plan.order]
    made = [(r.diff_ids, r.origin, str(r.platform), r.config) for r in results]
    bases = sorted((*map(str, details), place.line) for details, place in build.bases.mismatches.items())
    value = [VERSION, shown(build.dockerfile.text), build.options.args, ignore, made, bases]
    return hex_of(json.dumps(value, sort_keys=True).encode("utf-8", "surrogatepass"))


def known(build: Session) -> Known:
    """What lint may know of this build."""
    from wherry.dockerfile.lint.check import Known
    from wherry.errors import InvalidReferenceError
    from wherry.oci.reference import parse

    def names_image(text: str) -> bool:
        try:
            parse(text)
        except InvalidReferenceError:
            return False
        return True

    return Known(build.options.args, build.bases.variables, build.ignores, names_image)


def foreseen(build: Session) -> tuple[list[Finding], WherryError | None]:
    """What is found of base images before anything is built, and why the build would not begin."""
    from wherry.builder.plan.dispatch import Given, dispatch
    from wherry.builder.plan.graph import make_plan, meta_scope
    from wherry.builder.plan.platforms import platform_args
    from wherry.dockerfile.lint.check import options_of
    from wherry.errors import WherryError
    from wherry.sandbox.machine import machine

    options, dockerfile = build.options, build.dockerfile
    problem = None
    try:
        platforms = platform_args(machine(), options.platform, options.target)
        meta = meta_scope(dockerfile, options.args, platforms)
        targets = [options.target] if options.target else [str(s.number) for s in dockerfile.stages[::-1]]
        planned: set[int] = set()
        for target in targets:
            if target.isascii() and target.isdigit() and int(target) in planned:
                continue
            plan = make_plan(
                dockerfile, target, meta, elsewhere=options.contexts, onbuild=build.bases.onbuild
            )
            planned.update(plan.order)
            for number in plan.order:
                build.bases.check(plan.stages[number])
            for one in dispatch(dockerfile, plan, Given(meta, options.args, build.bases.variables)):
                if target == targets[0]:
                    _find_sources(build, one.instruction)
    except WherryError as error:
        problem = error
    return options_of(dockerfile, known(build)).chosen(_mismatches(build)), problem


def _find_sources(build: Session, instruction: Instruction) -> None:
    """Look for what COPY and ADD take from the context, as far as it does not hang on a variable.

    Raises DockerfileError for what is not there.
    """
    from wherry.builder.context.sources import ContextSource
    from wherry.dockerfile.ast import Copy
    from wherry.dockerfile.lines import fail
    from wherry.errors import ContextError
    from wherry.remote.gitref import parse_gitref

    if not isinstance(instruction, Copy) or instruction.from_ is not None or instruction.heredocs:
        return
    if instruction.parents or "$" in instruction.source:
        return
    for word in instruction.sources:
        if "://" in word or (instruction.add and parse_gitref(word) is not None):
            continue
        try:
            ContextSource(build.context()).find(word)
        except ContextError as error:
            what = "ADD" if instruction.add else "COPY"
            raise fail(instruction.location, f"{what} failed: {error.message}", hint=error.hint) from None


def _mismatches(build: Session) -> list[Finding]:
    from wherry.dockerfile.lint.rules import finding

    return [
        finding("InvalidBaseImagePlatform", place.line, place.end_line, *details)
        for details, place in build.bases.mismatches.items()
    ]


def _look(build: Session) -> list[Finding]:
    from wherry.dockerfile.lint.check import check, options_of

    about = known(build)
    options: CheckOptions = options_of(build.dockerfile, about)
    found = _mismatches(build)
    target = build.plan.order[-1]
    for number in build.plan.order:
        stage = build.plan.stages[number].stage
        here = build.shared.is_here(build.schedule[number].diff_ids)
        if number == target or (_starts_something(stage) and here):
            found += _programs(build, stage, build.schedule[number])
    found += _carried(build)
    return options.chosen([*check(build.dockerfile, about), *options.chosen(found)])


def _carried(build: Session) -> list[Finding]:
    """What the layers of the image that this build made carry for nothing."""
    from wherry.dockerfile.lint.rules import finding
    from wherry.explore.hints import Own, hints
    from wherry.programs.start import started

    if build.options.squash:
        return []
    stages: list[int] = []
    number: int | None = build.plan.order[-1]
    while number is not None:
        stages.insert(0, number)
        number = build.plan.stages[number].parent
    own = [
        Own(build.store.layers.path(step["layer"]), step["kind"], step["line"], step["end_line"])
        for step in build.record.made(stages)
    ]
    try:
        program = started(*_start(build, build.schedule[build.plan.order[-1]]))
        found = hints(own, program.name if program is not None else "")
    except PermissionError:
        build.store.runtime.need_layers()
        raise
    return [finding(h.rule, h.line, h.end_line, *h.details, fix=h.fix) for h in found]


def _starts_something(stage: Stage) -> bool:
    from wherry.dockerfile.ast import Cmd, Entrypoint

    return any(isinstance(instruction, (Cmd, Entrypoint)) for instruction in stage.instructions)


def _programs(build: Session, stage: Stage, result: StageResult) -> list[Finding]:
    from wherry.dockerfile.ast import Cmd, Entrypoint
    from wherry.dockerfile.lint.rules import finding
    from wherry.programs.start import problems

    kind, name = (Entrypoint, "ENTRYPOINT") if result.config.get("Entrypoint") else (Cmd, "CMD")
    places = [i.location for i in stage.instructions if isinstance(i, kind)]
    place = places[-1] if places else stage.origin.location
    return [
        finding(problem.rule, place.line, place.end_line, name, *problem.details, fix=problem.fix)
        for problem in problems(*_start(build, result))
    ]


def _start(build: Session, result: StageResult) -> tuple[View, Start]:
    """An image's files, and how it starts."""
    from wherry.layers.view import View
    from wherry.programs.start import Start

    config = result.config
    argv = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    view = View([build.store.layers.link(diff_id) for diff_id in result.diff_ids])
    start = Start(
        argv, _env(config), config.get("WorkingDir") or "/", *_user(config, view), result.platform
    )
    return view, start


def _env(config: dict[str, Any]) -> dict[str, str]:
    return dict(entry.partition("=")[::2] for entry in config.get("Env") or [])


def _user(config: dict[str, Any], view: Any) -> tuple[int, tuple[int, ...]]:
    """Root where the user is not to be found: that is another error, said when it runs."""
    from wherry.builder.steps.owners import read_text
    from wherry.errors import WherryError
    from wherry.sandbox.users import resolve_user

    try:
        user = resolve_user(config.get("User") or "", lambda path: read_text(view, path))
    except WherryError:
        return 0, ()
    return user.uid, (user.gid, *user.groups)
