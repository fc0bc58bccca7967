"""``wherry build --check`` and ``--call``: what a Dockerfile says of itself; nothing is built."""

from __future__ import annotations

from wherry.errors import UsageError, nearest
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.app.checks import Checked
    from wherry.app.request import BuildRequest
    from wherry.cli.core.flags import Options
    from wherry.store import Store

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


def call(store: Store, request: BuildRequest, name: str, *, as_json: bool) -> int:
    """Print the answer.  The exit code: 1 where a check finds something."""
    from wherry.app import checks

    if name == "check":
        return _tell(checks.check(store, request), as_json=as_json)
    if name == "outline":
        outline = checks.outline(store, request)
        _print_json(outline) if as_json else _print_outline(outline)
        return 0
    targets = checks.targets(store, request)
    if as_json:
        _print_json({"targets": targets})
    else:
        _table([("TARGET", "DESCRIPTION"), *map(_target_row, targets)])
    return 0


def _print_json(value: Any) -> None:
    import json

    print(json.dumps(value, indent=2))


def _tell(checked: Checked, *, as_json: bool) -> int:
    from wherry.dockerfile.lint.show import as_json as to_json
    from wherry.dockerfile.lint.show import whole

    found, dockerfile, problem = list(checked.findings), checked.dockerfile, checked.problem
    if as_json:
        _print_json(to_json(found, dockerfile, problem))
    elif found or problem is None:
        print(shown(whole(found, dockerfile)))
    if problem is not None and not as_json:
        raise problem
    return 1 if found or problem is not None else 0


def _target_row(target: dict[str, Any]) -> tuple[str, str]:
    name = target["name"] or "(no name)"
    return (f"{name} (default)" if target["default"] else name), target["description"]


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
