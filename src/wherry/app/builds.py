"""Builds that are remembered, why their steps ran, and what a build sees of its folder."""

from __future__ import annotations

import os
import stat

from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from wherry.builder.context.folder import Context
    from wherry.builder.explain import Explained
    from wherry.store import Store
    from wherry.store.buildrecord import BuildRecord


def builds(store: Store) -> list[BuildRecord]:
    """Newest first."""
    return store.builds.all()


def find_build(store: Store, word: str = "") -> BuildRecord:
    """By its ID or the beginning of one, by a name of its image, by the image's ID; else the newest.

    Raises NotFoundError.
    """
    from wherry.images.lookup import find

    every = builds(store)
    if not every:
        raise NotFoundError("no build is remembered in this store", hint="run wherry build first")
    if not word:
        return every[0]
    for build in every:
        if build.id.startswith(word) or word in build.names:
            return build
    image = find(store, word)
    for build in every if image is not None else ():
        if image is not None and build.image == image.id:
            return build
    raise NotFoundError(f"No such build: {word}", hint="see wherry explain --list")


def builds_since(store: Store, began: float) -> list[dict[str, Any]]:
    """What the builds did that began at that time (Unix seconds) or later, as remember() takes it."""
    from wherry.store.buildrecord import as_json

    return [as_json(build) for build in reversed(builds(store)) if build.began >= began]


def remember(
    store: Store,
    found: Mapping[str, Any],
    origin: tuple[str, str, tuple[str, ...]],
    began: float,
    parts: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Keep what a build did elsewhere, with the `parts` that others did for it, as a build of this `origin`
    (BuildOptions); what is no record is passed over."""
    from wherry.store.buildrecord import as_json, read, with_parts

    context, dockerfile, names = origin
    own = {"context": context, "dockerfile": dockerfile, "names": names}
    try:
        record = read({**found, **own, "id": os.urandom(4).hex(), "began": began})
        record = with_parts(record, [read({**part}) for part in parts])
    except (KeyError, TypeError, ValueError):
        return
    store.builds.add(as_json(record))


def explain(store: Store, build: BuildRecord) -> Sequence[Explained]:
    """Each step of a build, and why it was not taken from the cache."""
    from wherry.builder.explain import BuildHistory
    from wherry.builder.explain import explain as compare

    older = [each for each in builds(store) if each.began < build.began]
    components = {key: made_of for key, _, made_of in store.cache.components()}
    return compare(build, BuildHistory(older, components.get, store.file_manifests.get))


class LeftOut(NamedTuple):
    """What a line of .dockerignore leaves out: a file, or a folder with all below it."""

    name: str
    size: int
    files: int
    line: int
    pattern: str


class ContextView(NamedTuple):
    """`files` are (name, bytes), `left_out` what the build does not see; both the largest first."""

    root: str
    files: tuple[tuple[str, int], ...]
    left_out: tuple[LeftOut, ...]


def context_view(store: str, folder: str, file: str | None = None) -> ContextView:
    """What a build of a folder sees of it, by the .dockerignore of its Dockerfile (`file`).

    `store` is the folder of the store, which no build sees.  Raises ContextError.
    """
    from wherry.builder.context.folder import open_context

    context = open_context(folder, file or os.path.join(folder, "Dockerfile"), store)
    files = ((f.name, f.status.st_size) for f in context.scan("") if not stat.S_ISDIR(f.status.st_mode))
    return ContextView(
        context.root,
        tuple(sorted(files, key=lambda file: (-file[1], file[0]))),
        tuple(sorted(_left_out(context), key=lambda one: (-one.size, one.name))),
    )


def _left_out(context: Context) -> list[LeftOut]:
    found = []
    for name in context.hidden():
        verdict = context.verdict(name)
        size, files = _measure(os.path.join(context.root, name))
        found.append(LeftOut(name, size, files, verdict.line, verdict.pattern))
    return found


def _measure(path: str) -> tuple[int, int]:
    """(bytes, files) of a file or of all below a folder."""
    if os.path.islink(path) or not os.path.isdir(path):
        return os.lstat(path).st_size, 1
    size = files = 0
    for folder, _, names in os.walk(path):
        for name in names:
            size += os.lstat(os.path.join(folder, name)).st_size
            files += 1
    return size, files
