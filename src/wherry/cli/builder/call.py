"""``wherry build --check`` and ``--call``: what a Dockerfile says of itself; nothing is built."""

from __future__ import annotations

import json

from wherry.errors import UsageError, WherryError, nearest
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.builder.execute.build import Build
    from wherry.cli.core.flags import Options
    from wherry.dockerfile.ast import Dockerfile
    from wherry.dockerfile.lint.rules import Finding
    from wherry.errors import DockerfileError

CALLS = ("build", "check", "outline", "targets")


def wanted(options: Options) -> tuple[str, bool]:
    """(call, whether as JSON).  Raises UsageError."""
    text = options.string("call") or ("check" if options.flag("check") else "build")
    name, _, attributes = text.partition(",")
    name = {"lint": "check"}.get(name, name)
    if name not in CALLS:
        near = nearest(name, CALLS)
        raise UsageError(
            f"invalid method {name!r} for --call",
            hint=f"did you mean {near}?" if near else f"one of {', '.join(CALLS)}",
        )
    if attributes not in ("", "format=json", "format=text"):
        raise UsageError(f"invalid attribute {attributes!r} for --call", hint="format=json")
    return name, attributes == "format=json"


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


def call(build: Build, name: str, *, as_json: bool) -> int:
    """Print the answer.  The exit code: 1 where a check finds something."""
    if name == "check":
        return _check(build, as_json=as_json)
    value = _outline(build) if name == "outline" else _targets(build)
    if as_json:
        print(json.dumps(value, indent=2))
    elif name == "targets":
        rows = [("TARGET", "DESCRIPTION"), *(_target_row(t) for t in value["targets"])]
        _table(rows)
    else:
        _print_outline(value)
    return 0


def _check(build: Build, *, as_json: bool) -> int:
    from wherry.builder.execute.checks import foreseen, known
    from wherry.dockerfile.lint.check import check

    build.context()  # for its .dockerignore
    found, problem = foreseen(build)
    found += check(build.dockerfile, known(build))
    return _tell(found, build.dockerfile, problem, as_json=as_json)


def check_parsed(error: DockerfileError, *, as_json: bool) -> int:
    """What a check finds in a Dockerfile that means nothing: what stands before the error.  Raises it."""
    from wherry.dockerfile.ast import Dockerfile
    from wherry.dockerfile.lint.check import check
    from wherry.dockerfile.lint.rules import OF_PARSER

    if not isinstance(error.before, Dockerfile):
        raise error
    found = [one for one in check(error.before) if one.rule in OF_PARSER]
    return _tell(found, error.before, error, as_json=as_json)


def _tell(
    found: list[Finding], dockerfile: Dockerfile, problem: WherryError | None, *, as_json: bool
) -> int:
    from wherry.dockerfile.lint.show import as_json as to_json
    from wherry.dockerfile.lint.show import whole

    found = sorted(found, key=lambda one: one.line)
    dockerfile = dockerfile._replace(text=shown(dockerfile.text))
    if as_json:
        print(json.dumps(to_json(found, dockerfile, problem), indent=2))
    elif found or problem is None:
        print(shown(whole(found, dockerfile)))
    if problem is not None and not as_json:
        raise problem
    return 1 if found or problem is not None else 0


def _targets(build: Build) -> dict[str, Any]:
    from wherry.dockerfile.lint.text import comments, described

    said = comments(build.dockerfile)
    stages = build.dockerfile.stages
    found = [
        {
            "name": stage.name or "",
            "description": described(said[stage.origin.location.line], stage.name or ""),
            "default": stage.number == len(stages) - 1,
            "base": stage.base,
            "platform": stage.origin.platform or "",
        }
        for stage in stages
    ]
    return {"targets": found}


def _target_row(target: dict[str, Any]) -> tuple[str, str]:
    name = target["name"] or "(no name)"
    return (f"{name} (default)" if target["default"] else name), target["description"]


def _outline(build: Build) -> dict[str, Any]:
    """What the target takes: arguments, secrets and agents of it and of all stages that it needs."""
    from wherry.builder.plan.graph import make_plan, meta_scope
    from wherry.dockerfile.ast import Arg, Run
    from wherry.dockerfile.lint.text import comments, described

    dockerfile, options = build.dockerfile, build.options
    said_above = comments(dockerfile)
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
                said = described(said_above.get(instruction.location.line, ()), name)
                known = args.get(name, {})
                args[name] = {
                    "name": name,
                    "value": shown(value or known.get("value", "")),
                    "description": said or known.get("description", ""),
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
        "description": described(said_above[target.origin.location.line], target.name or ""),
        "args": list(args.values()),
        "secrets": [{"name": name, "required": required} for name, required in secrets.items()],
        "ssh": [{"name": name, "required": required} for name, required in agents.items()],
    }


def _print_outline(value: dict[str, Any]) -> None:
    if value["name"]:
        print(f"TARGET: {value['name']}")
    if value["description"]:
        print(f"DESCRIPTION: {value['description']}")
    if value["args"]:
        rows = [(arg["name"], arg["value"], arg["description"]) for arg in value["args"]]
        _table([("BUILD ARG", "VALUE", "DESCRIPTION"), *rows])
    for title, key in (("SECRET", "secrets"), ("SSH", "ssh")):
        if value[key]:
            _table([(title, "REQUIRED"), *((v["name"], str(v["required"]).lower()) for v in value[key])])


def _table(rows: Sequence[tuple[str, ...]]) -> None:
    from wherry.cli.core.table import columns

    print(f"\n{columns(rows)}")
