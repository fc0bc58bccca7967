"""``wherry build PATH | URL | -``: where the Dockerfile and the context come from."""

from __future__ import annotations

import os
import sys

from wherry.errors import ContextError, NotFoundError
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.builder.context.folder import Context
    from wherry.builder.steps.mounting import Given
    from wherry.dockerfile.ast import Dockerfile
    from wherry.store import Store


def inputs(
    path: str, file: str | None, store: Store, temporary: str, given: Given | None
) -> tuple[Dockerfile, Callable[[], Context]]:
    """The Dockerfile, and a way to open the context when a COPY first needs it."""
    from wherry.app.build import read_dockerfile
    from wherry.builder.context.folder import open_context
    from wherry.dockerfile import parse
    from wherry.dockerfile.lines import LARGEST

    # A folder is the usual case, and the quick one.
    if path != "-" and os.path.isdir(path):
        place = file or os.path.join(path, "Dockerfile")
        if file == "-":
            return parse(sys.stdin.buffer.read(LARGEST + 1)), lambda: open_context(path, "", store.root)
        return read_dockerfile(place, path), lambda: open_context(path, place, store.root)
    from wherry.cli.builder.fetch import fetch, is_remote

    if not is_remote(path):
        kind = "is not a directory" if os.path.exists(path) else "not found"
        raise ContextError(
            f'unable to prepare context: path "{path}" {kind}', hint="give the folder of the build, or -"
        )
    if path == file == "-":
        raise ContextError(
            "invalid argument: can't use stdin for both build context and dockerfile",
            hint="name the Dockerfile in the tar with -f, or give a folder",
        )
    root, inline = fetch(path, store, temporary, given)
    if inline is not None:
        return parse(inline), lambda: open_context(root, "", None)
    if file == "-":
        return parse(sys.stdin.buffer.read(LARGEST + 1)), lambda: open_context(root, "", None)
    from wherry.layers.rootpath import resolve

    place = resolve(root, file or "Dockerfile")
    if os.path.lexists(place) and not os.path.isfile(place):
        raise NotFoundError(f"failed to read dockerfile: {file or 'Dockerfile'} is no regular file")
    return read_dockerfile(place, root), lambda: open_context(root, place, None)


def origin(path: str, file: str | None, names: list[str]) -> tuple[str, str, tuple[str, ...]]:
    """What the build is of, as its record calls it: builds of the same files are compared."""
    local = path != "-" and os.path.isdir(path)
    context = os.path.abspath(path) if local else shown(path)
    dockerfile = os.path.abspath(file or f"{path}/Dockerfile") if local and file != "-" else file
    return context, dockerfile or "", tuple(names)
