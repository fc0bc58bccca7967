"""What is served, what was set aside and why: written by whoever knows, read by ``wherry proxy status``.

routes.json   by the generator: the table, and what was rendered from it
status.json   by the reloader: the generation in force, and what became of the last candidate
sources.json  by the generator, every few seconds: when each source was last heard of
"""

from __future__ import annotations

import json
import time

from wherry.proxy.model import Rejected, Route, Settings, Table
from wherry.proxy.nginx.config import Remembered
from wherry.proxy.reload import files
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from wherry.proxy.nginx.render import RenderOptions
    from wherry.proxy.reload.transaction import Outcome

ROUTES = "routes.json"
STATUS = "status.json"
SOURCES = "sources.json"
SILENT = 60.0
"""Seconds without a sources.json that is newer after which its writer counts as dead."""


def write_routes(folder: str, table: Table, options: RenderOptions | None = None) -> None:
    """Write `folder`/routes.json atomically.  Raises ProxyError."""
    head = {
        "written": time.time(),
        "options": None if options is None else options._asdict(),
        "rejected": table.rejected,
    }
    routes = ",".join(_LINES.of(table.routes))
    files.write(f"{folder}/{ROUTES}", f'{json.dumps(head)[:-1]}, "routes": [{routes}]}}'.encode())


def _line(*fields: object) -> str:
    """A route's JSON."""
    return json.dumps(fields, separators=(",", ":"))


_LINES = Remembered(_line)


class Written(NamedTuple):
    """routes.json: `when` in Unix seconds, `options` only where the table was rendered with them."""

    table: Table
    options: RenderOptions | None
    when: float


def read_routes(folder: str) -> Written | None:
    """What write_routes wrote; None where there is none."""
    document = _read(f"{folder}/{ROUTES}")
    if document is None:
        return None
    try:
        routes = tuple(_route(r) for r in document["routes"])
        rejected = tuple(Rejected(*r) for r in document["rejected"])
        return Written(Table(routes, rejected), _options(document["options"]), float(document["written"]))
    except (KeyError, TypeError, ValueError):
        return None  # another version's, or somebody else's: as good as none


def write_outcome(folder: str, outcome: Outcome, totals: dict[str, int] | None = None) -> None:
    """Write `folder`/status.json atomically.  Raises ProxyError."""
    fields = outcome._asdict()
    fields["set_aside"] = fields.pop("quarantined")  # the file's name for them is older
    document = {**fields, "written": time.time(), "totals": totals or {}}
    files.write(f"{folder}/{STATUS}", json.dumps(document, separators=(",", ":")).encode())


def read_outcome(folder: str) -> dict[str, Any] | None:
    """What write_outcome wrote, or None: another version's, or somebody else's, is as good as none."""
    document = _read(f"{folder}/{STATUS}")
    try:
        if document is None:
            return None
        rejected = [[*Rejected(*map(str, row))] for row in document.get("set_aside", ())]
        return {
            **document,
            "generation": int(document["generation"]),
            "kind": str(document["kind"]),
            "message": str(document.get("message") or ""),
            "set_aside": rejected,
            "written": float(document["written"]),
        }
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


class Heard(NamedTuple):
    """sources.json: when each source was last heard of (None: never), and when it was written (Unix)."""

    sources: dict[str, float | None]
    fault: str | None
    when: float

    def trouble(self, now: float, stale: float) -> list[str]:
        """What makes it doubtful that what is served is what is wanted."""
        if now - self.when > SILENT:
            return [f"the generator has been silent for {now - self.when:.0f} s"]
        found = [f"not published: {self.fault}"] if self.fault else []
        for name, heard in self.sources.items():
            if heard is None:
                found.append(f"{name}: nothing heard yet")
            elif now - heard > stale:
                found.append(f"{name}: nothing heard for {now - heard:.0f} s")
        return found


def write_sources(folder: str, heard: dict[str, float | None], fault: str | None) -> None:
    """Write `folder`/sources.json atomically.  Raises ProxyError."""
    document = {"written": time.time(), "sources": heard, "fault": fault}
    files.write(f"{folder}/{SOURCES}", json.dumps(document).encode())


def read_sources(folder: str) -> Heard | None:
    """What write_sources wrote, or None."""
    document = _read(f"{folder}/{SOURCES}")
    try:
        if document is None:
            return None
        sources = {str(k): None if v is None else float(v) for k, v in document["sources"].items()}
        fault = document.get("fault")
        return Heard(sources, None if fault is None else str(fault), float(document["written"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def write(folder: str, table: Table, outcome: Outcome) -> None:
    write_routes(folder, table)
    write_outcome(folder, outcome)


def _route(fields: list[Any]) -> Route:
    name, host, path, addresses, settings, spare = fields
    return Route(
        str(name), str(host), str(path), tuple(map(str, addresses)), Settings(*settings), str(spare)
    )


def _options(fields: dict[str, Any] | None) -> RenderOptions | None:
    if fields is None:
        return None
    from wherry.proxy.nginx.render import RenderOptions  # nginx's container mostly asks for the table alone

    tuples: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return RenderOptions(**tuples)


def _read(path: str) -> dict[str, Any] | None:
    text = files.read(path)
    try:
        document = json.loads(text) if text else None
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
