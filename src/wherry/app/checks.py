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
    """What the target takes: arguments, secrets and agents of it and of all stages that it needs."""
    from wherry.builder.plan.graph import make_plan, meta_scope
    from wherry.dockerfile.ast import Arg, Run
    from wherry.dockerfile.lint.text import comments, described

    dockerfile, options = build.dockerfile, build.options
    comments_above = comments(dockerfile)
    plan = make_plan(
        dockerfile, options.target, meta_scope(dockerfile, options.args), elsewhere=options.contexts
    )
    stages = [plan.stages[number].stage for number in plan.order]
    args: dict[str, dict[str, str]] = {}
    secrets: dict[str, bool] = {}
    agents: dict[str, bool] = {}
    for instruction in (*dockerfile.meta_args, *(i for stage in stages for i in stage.instructions)):
        if isinstance(instruction, Arg):
            for name, default in instruction.names:
                value = options.args.get(name, default if default is not None else "")
                description = described(comments_above.get(instruction.location.line, ()), name)
                known = args.get(name, {})
                args[name] = {
                    "name": name,
                    "value": shown(value or known.get("value", "")),
                    "description": description or known.get("description", ""),
                }
        elif isinstance(instruction, Run):
            for mount in instruction.mounts:
                if mount.type == "secret":
                    key = mount.id or (mount.target or mount.source or "").rpartition("/")[2]
                    secrets[key] = secrets.get(key, False) or mount.required
                elif mount.type == "ssh":
                    agents[mount.id or "default"] = (
                        agents.get(mount.id or "default", False) or mount.required
                    )
    target = stages[-1]
    return {
        "name": target.name or "",
        "description": described(comments_above[target.origin.location.line], target.name or ""),
        "args": list(args.values()),
        "secrets": [{"name": name, "required": required} for name, required in secrets.items()],
        "ssh": [{"name": name, "required": required} for name, required in agents.items()],
    }
