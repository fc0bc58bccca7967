"""What comes from streams and goes to them: images (save, load), file systems (import, export), commits."""

from __future__ import annotations

from wherry.containers.state import lookup as container
from wherry.errors import InvalidReferenceError
from wherry.images.lookup import lookup, names_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from wherry.images.load import Loaded
    from wherry.images.view import Image
    from wherry.layers.tarread import Reader
    from wherry.store import Store


def save(store: Store, names: Sequence[str], out: IO[bytes]) -> None:
    """Write images as one archive that docker loads.  Raises NotFoundError before the first byte."""
    from wherry.images.save import save_images

    store.runtime.need_layers()
    with store.using():
        save_images(store, _each_once(store, names), out)


def _each_once(store: Store, words: Sequence[str]) -> list[tuple[Image, list[str]]]:
    """Each image once, with the names that were asked for: a name without a tag means all its tags, an id
    brings no name, as with docker."""
    chosen: dict[str, tuple[Image, list[str]]] = {}
    for word in words:
        names = _names(store, word)
        for each in names or [word]:
            image = lookup(store, each)
            kept = chosen.setdefault(image.id, (image, []))[1]
            if names and each not in kept:
                kept.append(each)
    return list(chosen.values())


def _names(store: Store, word: str) -> list[str]:
    """The names (canonical) of the store that a word means; none where it is an id, or nothing's."""
    from wherry.oci.reference import is_name_only, parse

    try:
        reference = parse(word)
    except InvalidReferenceError:
        return []
    if is_name_only(word):
        return [name.canonical() for name in names_of(store, reference)]
    name = reference.canonical()
    return [name] if not reference.digest and store.names.get(name) is not None else []


def load(store: Store, source: Reader) -> list[Loaded]:
    """Every image of an archive, compressed or not.  Raises CorruptError, HostileArchiveError."""
    from wherry.images.load import load_images

    store.runtime.need_layers()
    with store.using():
        return load_images(store, source)


def import_image(
    store: Store, source: Reader, name: str = "", *, changes: Sequence[str] = (), message: str = ""
) -> str:
    """Make an image of one layer of a file system's tar; its ID.

    `changes` are instructions of a Dockerfile.  Raises InvalidReferenceError and DockerfileError before
    anything is read; CorruptError, HostileArchiveError.
    """
    from wherry.builder.changes import apply_changes
    from wherry.images.import_ import import_tar
    from wherry.oci.reference import parse

    reference = parse(name) if name else None
    config = apply_changes({}, changes)
    store.runtime.need_layers()
    with store.using():
        record = import_tar(store, source, config, message)
        if reference is not None:
            store.name(reference.canonical(), record)
        return record.id


def export(store: Store, name: str, out: IO[bytes]) -> None:
    """Write a container's file system as a tar.  Raises NotFoundError before the first byte."""
    from wherry.containers.copy import export as write

    store.runtime.need_layers()
    write(store, container(store, name), out)


def commit(
    store: Store,
    name: str,
    image: str = "",
    *,
    changes: Sequence[str] = (),
    author: str = "",
    message: str = "",
    pause: bool = True,
) -> str:
    """Make an image of what a container changed; its ID.

    `image` is the name that it gets, `changes` are instructions of a Dockerfile.  With `pause` the
    processes of a container that runs stand still meanwhile, where that is possible.

    Raises InvalidReferenceError and DockerfileError before anything is done; NotFoundError; ConflictError
    where its files cannot be read.
    """
    from wherry.builder.changes import apply_changes
    from wherry.containers.commit import commit as make
    from wherry.oci.reference import parse

    reference = parse(image) if image else None
    apply_changes({}, changes)
    store.runtime.need_layers()
    record = container(store, name)
    with store.using():
        made = make(
            store,
            record,
            lambda config: apply_changes(config, changes),
            author=author,
            message=message,
            pause=pause,
        )
        if reference is not None:
            store.name(reference.canonical(), made)
        return made.id
