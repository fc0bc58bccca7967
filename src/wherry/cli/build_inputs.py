"""``wherry build PATH | -``: where the Dockerfile and the context come from."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from wherry.errors import ContextError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.build.context import Context
    from wherry.dockerfile.ast import Dockerfile
    from wherry.store import Store


def inputs(
    path: str, file: str | None, store: Store, temporary: str
) -> tuple[Dockerfile, Callable[[], Context]]:
    """The Dockerfile, and a way to open the context when a COPY first needs it."""
    from wherry.build.context import open_context
    from wherry.dockerfile import parse

    root = path
    if path == "-":
        root, inline = _from_stdin(temporary)
        if inline is not None:
            return parse(inline), lambda: open_context(root, "", store.root)
    if not os.path.isdir(root):
        kind = "is not a directory" if os.path.exists(root) else "not found"
        raise ContextError(
            f'unable to prepare context: path "{path}" {kind}', hint="give the folder of the build, or -"
        )
    if file == "-":
        return parse(sys.stdin.buffer.read()), lambda: open_context(root, "", store.root)
    place = file or os.path.join(root, "Dockerfile")
    if path == "-" and file:
        place = os.path.join(root, file)
    try:
        with open(place, "rb") as text:
            data = text.read()
    except (FileNotFoundError, NotADirectoryError):
        raise _no_dockerfile(place, root) from None
    except IsADirectoryError:
        raise NotFoundError(f"failed to read dockerfile: {place} is a directory") from None
    name = os.path.basename(place)
    return parse(data, name), lambda: open_context(root, place, store.root)


def origin(path: str, file: str | None, names: list[str]) -> tuple[str, str, tuple[str, ...]]:
    """What the build is of, as its record calls it: builds of the same files are compared."""
    context = path if path == "-" else os.path.abspath(path)
    dockerfile = file if file == "-" or path == "-" else os.path.abspath(file or f"{path}/Dockerfile")
    return context, dockerfile or "", tuple(names)


def _no_dockerfile(place: str, root: str) -> NotFoundError:
    from wherry.errors import nearest

    folder, name = os.path.split(place)
    try:
        near = nearest(name, os.listdir(folder or "."))
    except OSError:
        near = None
    return NotFoundError(
        f"failed to read dockerfile: open {place}: no such file or directory",
        hint=f"did you mean {os.path.join(folder, near)}?"
        if near
        else f"put a Dockerfile into {root}, or name it with -f",
    )


def _from_stdin(temporary: str) -> tuple[str, bytes | None]:
    """``wherry build -``: a tar is the context, anything else the Dockerfile of an empty one."""
    from wherry.sandbox.userns import enter_if_needed

    # The copy of ourselves in a user namespace could not read standard input again.
    enter_if_needed()
    folder = os.path.join(temporary, "context")
    os.mkdir(folder)
    with open(0, "rb", closefd=False) as stream:
        if not _looks_like_tar(stream.peek(512)[:512]):
            return folder, stream.read()
        from wherry.layers.compress import decompressed
        from wherry.layers.unpack import unpack

        unpack(decompressed(stream), folder, name="the context", markers=False)
    return folder, None


def _looks_like_tar(data: bytes) -> bool:
    from wherry.layers.compress import kind_of

    return (
        kind_of(data) != "none" or data[257:262] == b"ustar" or (len(data) == 512 and b"\0" in data[:100])
    )
