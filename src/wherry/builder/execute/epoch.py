"""SOURCE_DATE_EPOCH=NAME: the time of the context, of one that has a name, or of what a stage adds from
elsewhere.

As BuildKit's frontend (docker/dockerfile 1.24): such a stage begins with scratch, and has one ADD of a file
at a URL or of a git repository and nothing else but ARG.  Folders here and images have no time.
"""

from __future__ import annotations

import os

from wherry.builder.plan.epoch import CONTEXT, EPOCH
from wherry.builder.plan.epoch import parse as parse_epoch
from wherry.builder.plan.graph import expanded
from wherry.digits import whole
from wherry.dockerfile.ast import Arg, Copy
from wherry.dockerfile.lines import fail
from wherry.errors import CorruptError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wherry.builder.context.folder import Context
    from wherry.builder.options import BuildOptions
    from wherry.dockerfile.ast import Dockerfile, Location, Stage
    from wherry.errors import DockerfileError
    from wherry.store import Store

WEB = ("http://", "https://")


def moment(
    text: str,
    dockerfile: Dockerfile,
    context: Callable[[], Context],
    options: BuildOptions,
    scope: Mapping[str, str],
    store: Store,
    temporary: str,
) -> int | None:
    """Unix seconds; None where there is none.  `scope` is what the stage's FROM sees.

    Raises UsageError for what is neither a time nor a name, DockerfileError for a stage of another kind,
    ContextError for what cannot be fetched.
    """
    if not text or whole(text) is not None:
        return parse_epoch(text)
    if text == CONTEXT:
        return context().newest()
    named = options.contexts.get(text.lower())
    if named is not None:
        return named.folder().newest() if named.folder is not None else None
    for stage in dockerfile.stages:
        if stage.name == text.lower():
            copy, words = _only_add(stage, options, dockerfile.escape, scope)
            return _of_source(copy, words, options, store, temporary)
    return parse_epoch(text)


def _only_add(
    stage: Stage, options: BuildOptions, escape: str, scope: Mapping[str, str]
) -> tuple[Copy, tuple[str, str]]:
    """The stage's ADD, with its source and its checksum ("" for none) expanded."""
    place = stage.origin.location
    if expanded(stage.base, scope, escape, place) != "scratch":
        raise _unfit(place, "must use FROM scratch")
    variables = {name: value for name, value in scope.items() if name != EPOCH}
    found: list[tuple[Copy, tuple[str, str]]] = []
    for one in stage.instructions:
        if isinstance(one, Arg):
            for name, default in one.names:
                if name in options.args:
                    variables[name] = options.args[name]
                elif default is not None:
                    variables[name] = expanded(default, variables, escape, one.location)
        elif isinstance(one, Copy) and one.add and not one.heredocs and len(one.sources) == 1:
            words = (one.sources[0], one.checksum or "")
            source, checksum = (expanded(word, variables, escape, one.location) for word in words)
            found.append((one, (source, checksum)))
        else:
            raise _unfit(one.location, "may only have ARG and one ADD of one source")
    if len(found) != 1:
        raise _unfit(place, "must have exactly one ADD")
    return found[0]


def _of_source(
    copy: Copy, words: tuple[str, str], options: BuildOptions, store: Store, temporary: str
) -> int | None:
    from wherry.remote.gitref import checked, parse_gitref

    source, checksum = words
    ref = parse_gitref(source)
    folder = os.path.join(temporary, "epoch")
    if ref is not None:
        from wherry.builder.steps.git import access
        from wherry.remote.git import Repository

        store.runtime.need_layers()  # what is fetched belongs to the users of the namespace
        if checksum:
            ref = ref._replace(checksum=checked(checksum))
        repository = Repository(ref, access(options.given), store.runtime.env)
        os.makedirs(folder, exist_ok=True)
        return int(os.stat(repository.checkout(repository.commit(), folder, keep=False)).st_mtime)
    if source.startswith(WEB):
        return _of_url(source, checksum or None, folder, store)
    raise _unfit(copy.location, "must add a file at a URL, or a git repository")


def _of_url(url: str, checksum: str | None, folder: str, store: Store) -> int | None:
    """What the server says; else the newest file, where it is a tar."""
    from wherry.builder.context.fetched import Url
    from wherry.layers.compress import decompressed
    from wherry.layers.entry import FILE
    from wherry.layers.tarread import TarReader
    from wherry.remote.http import Downloads

    downloads = Downloads(store)
    source = Url(url, checksum, downloads, folder, lambda: None)
    (file,) = source.find("")
    known = downloads.known(url)
    if known is not None and known.modified:
        return known.modified
    source.ready()
    newest: int | None = None
    try:
        with open(file.path, "rb") as stream:
            for member in TarReader(decompressed(stream)):
                if member.entry.type == FILE:
                    newest = max(newest or 0, member.entry.mtime)
    except CorruptError:
        return None
    return newest


def _unfit(place: Location, what: str) -> DockerfileError:
    return fail(place, f"the stage that {EPOCH} names {what}")
