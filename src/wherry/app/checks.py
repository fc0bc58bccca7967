"""What a Dockerfile says of itself; nothing is built."""

from __future__ import annotations

from wherry.app.opened import opened
from wherry.errors import DockerfileError, WherryError
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from wherry.app.opened import Opened
    from wherry.app.request import BuildRequest
    from wherry.builder.execute.build import Build
    from wherry.dockerfile.ast import Dockerfile
    from wherry.dockerfile.lint.rules import Finding
    from wherry.store import Store


class Checked(NamedTuple):
    """`findings` by line; `problem` is why the Dockerfile cannot be built, None where nothing is known."""

    findings: tuple[Finding, ...]
    dockerfile: Dockerfile
    problem: WherryError | None


def check(store: Store, request: BuildRequest) -> Checked:
    """What breaks a rule, or would fail.  Raises DockerfileError where the Dockerfile is no text of one."""
    from wherry.builder.execute.checks import foreseen, known
    from wherry.dockerfile.lint.check import check as lint

    try:
        with opened(store, request) as found:
            build = _unbuilt(store, found)
            build.context()  # for its .dockerignore
            findings, problem = foreseen(build)
            findings += lint(build.dockerfile, known(build))
            return _checked(findings, build.dockerfile, problem)
    except DockerfileError as error:
        return _check_parsed(error)


def _check_parsed(error: DockerfileError) -> Checked:
    """What a check finds in a Dockerfile that means nothing: what stands before the error.  Raises it."""
    from wherry.dockerfile.ast import Dockerfile
    from wherry.dockerfile.lint.check import check as lint
    from wherry.dockerfile.lint.rules import OF_PARSER

    if not isinstance(error.before, Dockerfile):
        raise error
    return _checked([one for one in lint(error.before) if one.rule in OF_PARSER], error.before, error)


def _checked(findings: list[Finding], dockerfile: Dockerfile, problem: WherryError | None) -> Checked:
    shown_file = dockerfile._replace(text=shown(dockerfile.text))
    return Checked(tuple(sorted(findings, key=lambda one: one.line)), shown_file, problem)


def targets(store: Store, request: BuildRequest) -> list[dict[str, Any]]:
    """The stages, in their order: name, description, default, base, platform."""
    with opened(store, request) as found:
        return _targets(found.dockerfile)


def outline(store: Store, request: BuildRequest) -> dict[str, Any]:
    """What the target takes: name, description, args, secrets, ssh."""
    with opened(store, request) as found:
        return _outline(_unbuilt(store, found))


def _unbuilt(store: Store, found: Opened) -> Build:
    from wherry.builder.execute.build import Build
    from wherry.builder.progress import Silent

    return Build(store, found.dockerfile, found.context, found.options, Silent(), found.temporary)


def fail_on_findings(build: Build) -> None:
    """``# check=error=true``: nothing is built of a Dockerfile that breaks a rule.  Raises WherryError."""
    from wherry.builder.execute.checks import known
    from wherry.dockerfile.lint.check import check, options_of

    about = known(build)
    if not options_of(build.dockerfile, about).error:
        return
    found = check(build.dockerfile, about)
    if found:
        rules = ", ".join(dict.fromkeys(one.rule for one in found))
        raise WherryError(
            f"lint violation found for rules: {rules}",
            hint="; ".join(one.short() for one in found[:3]),
        )


def _targets(dockerfile: Dockerfile) -> list[dict[str, Any]]:
    from wherry.dockerfile.lint.text import comments, described

    stage_comments = comments(dockerfile)
    stages = dockerfile.stages
    return [
        {
            "name": stage.name or "",
            "description": described(stage_comments[stage.origin.location.line], stage.name or ""),
            "default": stage.number == len(stages) - 1,
            "base": stage.base,
            "platform": stage.origin.platform or "",
        }
        for stage in stages
    ]


def _outline(build: Build) -> dict[str, Any]:
    from wherry.builder.plan.dispatch import Given
    from wherry.builder.plan.graph import make_plan, meta_scope
    from wherry.builder.plan.outline import outline
    from wherry.builder.plan.platforms import platform_args
    from wherry.dockerfile.lint.text import comments, described
    from wherry.sandbox.machine import machine

    dockerfile, options = build.dockerfile, build.options
    meta = meta_scope(dockerfile, options.args, platform_args(machine(), options.platform, options.target))
    found = outline(
        dockerfile,
        make_plan(dockerfile, options.target, meta, elsewhere=options.contexts),
        Given(meta, options.args, build.bases.variables),
    )
    above = comments(dockerfile)

    def description(name: str, line: int) -> str:
        return described(above.get(line, ()), name)

    target, name = found.target, found.target.name or ""
    return {
        "name": name,
        "description": description(name, target.origin.location.line),
        "args": [
            {"name": one.name, "value": shown(one.value), "description": description(one.name, one.line)}
            for one in found.arguments
        ],
        "secrets": [{"name": name, "required": required} for name, required in found.secrets.items()],
        "ssh": [{"name": name, "required": required} for name, required in found.agents.items()],
    }
