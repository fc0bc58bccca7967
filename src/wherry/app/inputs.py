"""Where a build's Dockerfile and its contexts come from: folders, URLs, a stream, layouts, images."""

from __future__ import annotations

import os

from wherry.errors import ContextError, NotFoundError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.app.request import BuildRequest
    from wherry.builder.context.folder import Context
    from wherry.dockerfile.ast import Dockerfile
    from wherry.registry.client import Registries
    from wherry.store import Store


def inputs(
    request: BuildRequest,
    store: Store,
    temporary: str,
    found: Callable[[str, str], object] = lambda uri, digest: None,
    registries: Callable[[], Registries] | None = None,
) -> tuple[Dockerfile, Callable[[], Context]]:
    """The Dockerfile, and a way to open the context when a COPY first needs it.

    `found` is called with what a remote context's URL stood for and its digest; `registries` have those of
    ``oci://``.
    """
    from wherry.builder.context.folder import open_context
    from wherry.dockerfile import parse
    from wherry.dockerfile.lines import LARGEST

    path, file = request.context, request.file

    def inline_file() -> bytes:
        from wherry.app.fetch import from_stdin

        return from_stdin(request.stdin).read(LARGEST + 1)

    # A folder is the usual case, and the quick one.
    if path != "-" and os.path.isdir(path):
        place = file or os.path.join(path, "Dockerfile")
        if file == "-":
            return parse(inline_file()), lambda: open_context(path, "", store.root)
        return read_dockerfile(place, path), lambda: open_context(path, place, store.root)
    from wherry.app.fetch import AT_REGISTRY, fetch, fetch_artifact, is_remote
    from wherry.layers.rootpath import resolve

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
    if path.startswith(AT_REGISTRY):
        artifact, digest = fetch_artifact(path, store, temporary, registries)
        found(path, digest)
        place = artifact.dockerfile
        if file == "-":
            return parse(inline_file()), lambda: open_context(artifact.root, place, None)
        return read_dockerfile(
            resolve(artifact.root, file) if file else place, artifact.root
        ), lambda: open_context(artifact.root, place, None)
    root, inline = fetch(path, store, temporary, request.options.given, request.stdin, found)
    if inline is not None:
        return parse(inline), lambda: open_context(root, "", None)
    if file == "-":
        return parse(inline_file()), lambda: open_context(root, "", None)
    place = resolve(root, file or "Dockerfile")
    if os.path.lexists(place) and not os.path.isfile(place):
        raise NotFoundError(f"failed to read dockerfile: {file or 'Dockerfile'} is not a regular file")
    return read_dockerfile(place, root), lambda: open_context(root, place, None)


def read_dockerfile(place: str, root: str) -> Dockerfile:
    """Raises NotFoundError with what may be meant, and DockerfileError.  `root` is the build's folder."""
    from wherry.dockerfile import parse
    from wherry.dockerfile.lines import LARGEST

    try:
        with open(place, "rb") as text:
            data = text.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_dockerfile(place, root) from None
    except IsADirectoryError:
        raise NotFoundError(f"failed to read dockerfile: {place} is a directory") from None
    return parse(data, os.path.basename(place))


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
