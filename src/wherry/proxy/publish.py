"""The generator's end: a table of routes to ``default.conf``, for another container to serve."""

from __future__ import annotations

import os
import time

from wherry.errors import ProxyError
from wherry.proxy import status
from wherry.proxy.nginx.render import render
from wherry.proxy.reload import files
from wherry.proxy.reload.transaction import Outcome
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.proxy.model import Table
    from wherry.proxy.nginx.render import RenderOptions


class Publisher:
    """Writes `folder`/default.conf, and routes.json right after it: a reload waits for the one only.

    A table that renders to what is there already writes no default.conf, so nothing is reloaded.
    """

    def __init__(self, folder: str, options: RenderOptions) -> None:
        self._folder = folder
        self._options = options
        self._file = os.path.join(folder, "default.conf")
        self._text = _there(self._file)
        self._told: Table | None = None

    def publish(self, table: Table) -> Outcome:
        """Atomic; "written" or "unchanged".  Raises ProxyError, and then may be repeated."""
        begun = time.monotonic()
        text = render(table.routes, self._options)
        kind = "unchanged"
        if text != self._text:
            files.write(self._file, text.encode())
            self._text, kind = text, "written"
        took = time.monotonic() - begun
        if table != self._told:
            status.write_routes(self._folder, table, self._options)
            self._told = table
        return Outcome(kind, 0, reloading=took if kind == "written" else 0.0)


def _there(path: str) -> str | None:
    """What stands there; what is no file, or cannot be read, is to be replaced."""
    try:
        return files.read(path)
    except ProxyError:
        return None
