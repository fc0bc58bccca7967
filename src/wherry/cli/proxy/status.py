"""``wherry proxy status``: what is served, what was set aside and why."""

from __future__ import annotations

import json
import math
import os
import time

from wherry.cli.core.flags import FORMAT, Command, Flag, Options
from wherry.cli.core.printable import printable
from wherry.cli.core.table import columns
from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.proxy.status import Heard, Written

COMMAND = Command(
    "proxy status",
    "[OPTIONS]",
    (
        Flag(
            "dir",
            "string",
            "The directory of proxy serve (default: a running proxy run, the pod's)",
            metavar="DIR",
        ),
        FORMAT,
    ),
)

POD = "/etc/nginx/conf.d"


def run(options: Options) -> int:
    from wherry.proxy import status

    shown = 0
    for folder in _folders(options):
        routes = status.read_routes(folder)
        outcome = status.read_outcome(folder) or status.read_outcome(os.path.join(folder, ".wherry"))
        if routes is None and outcome is None:
            continue
        print(
            _json(folder, routes, outcome, status.read_sources(folder))
            if options.string("format") == "json"
            else _table(folder, routes, outcome, status.read_sources(folder))
        )
        shown += 1
    if not shown:
        raise NotFoundError("no proxy runs here", hint="name the directory of one with --dir DIR")
    return 0


def _folders(options: Options) -> list[str]:
    from wherry.cli.proxy.options import runs_folder
    from wherry.proxy.standalone import running

    given = options.string("dir")
    return [given] if given is not None else [*running(runs_folder(options.runtime.env)), POD]


def _json(folder: str, routes: Written | None, outcome: dict[str, Any] | None, heard: Heard | None) -> str:
    table = routes.table if routes else None
    return json.dumps(
        {
            "directory": folder,
            "generation": outcome["generation"] if outcome else None,
            "outcome": outcome,
            "sources": heard.sources if heard else None,
            "stale": _trouble(heard),
            "routes": [r._asdict() | {"settings": r.settings._asdict()} for r in table.routes]
            if table
            else [],
            "rejected": [r._asdict() for r in table.rejected] if table else [],
        }
    )


def _trouble(heard: Heard | None) -> list[str]:
    from wherry.proxy.monitor import STALE

    return heard.trouble(time.time(), STALE) if heard else []


def _table(folder: str, routes: Written | None, outcome: dict[str, Any] | None, heard: Heard | None) -> str:
    lines = [f"directory    {folder}"]
    if outcome is not None:
        lines.append(
            f"generation   {outcome['generation']} ({outcome['kind']}, {_ago(outcome['written'])})"
        )
        if outcome.get("message"):
            lines.append(f"last fault   {printable(outcome['message'])}")
    if heard is not None:
        known = ", ".join(
            f"{name} ({_ago(last) if last is not None else 'never heard'})"
            for name, last in heard.sources.items()
        )
        lines.append(f"sources      {known}")
    lines += [f"stale        {trouble}" for trouble in _trouble(heard)]
    not_served = [tuple(r) for r in outcome.get("set_aside", ())] if outcome else []
    quarantined = {r[0] for r in not_served}
    if routes is not None:
        lines.append(f"routes       {len(routes.table.routes)} ({_ago(routes.when)})")
        rows = [("HOST", "PATH", "UPSTREAM", "SERVICE")]
        for r in routes.table.routes:
            if r.name not in quarantined:
                rows.append((r.host, r.path, ",".join(r.addresses) or "503", r.name))
        lines += ["", *_columns(rows)]
        not_served += [tuple(r) for r in routes.table.rejected]
    if not_served:
        lines += ["", *_columns([("NOT SERVED", "REASON", "WHY"), *not_served])]
    return "\n".join(map(printable, lines))


def _columns(rows: list[Any]) -> list[str]:
    return columns([[str(cell) for cell in row] for row in rows]).split("\n")


def _ago(when: float) -> str:
    seconds = max(0, int(time.time() - when)) if math.isfinite(when) else 0
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
