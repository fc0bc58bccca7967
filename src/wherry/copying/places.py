"""What people type for a place, and that place opened."""

from __future__ import annotations

import contextlib
import os

from wherry.copying.layout import Layout
from wherry.errors import NotFoundError, UnsupportedError, UsageError, nearest
from wherry.oci.layout import blob_path
from wherry.oci.reference import parse
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.copying.image import From, To
    from wherry.registry.client import Registries
    from wherry.store import Store

KINDS = {
    "docker": "docker://NAME",
    "oci": "oci:DIR[:TAG]",
    "oci-archive": "oci-archive:FILE[:TAG]",
    "docker-archive": "docker-archive:FILE[:NAME]",
    "wherry": "wherry:NAME",
}
HOLDS_ONE = ("docker-archive",)
"""Kinds that hold the image of one platform alone."""
BY_OTHERS = {
    "docker-daemon": "wherry save NAME | docker load, and docker save NAME | wherry load",
    "containers-storage": "podman push and podman load speak to registries and archives, too",
    "dir": "oci:DIR is a folder that more tools read",
}


class Place(NamedTuple):
    """`kind` is one of KINDS, `where` a name or a path, `tag` what an image of a layout or an archive is
    called ("" for its only one)."""

    kind: str
    where: str
    tag: str = ""


def parse_place(text: str) -> Place:
    """Raises UsageError, UnsupportedError, InvalidReferenceError."""
    kind, colon, rest = text.partition(":")
    if kind in BY_OTHERS:
        raise UnsupportedError(f"{kind}: is not copied from or to", hint=BY_OTHERS[kind])
    if kind not in KINDS or not colon or not rest:
        near = nearest(kind, list(KINDS)) if colon else None
        raise _no_place(text, f"did you mean {near}:?" if near else ", ".join(KINDS.values()))
    if kind == "docker":
        if not rest.startswith("//"):
            raise _no_place(text, f"docker://{rest}")
        parse(rest[2:])
        return Place(kind, rest[2:])
    if kind == "wherry":
        return Place(kind, rest)
    path, colon, tag = rest.partition(":")
    if kind == "docker-archive" and tag and not tag.startswith("@"):
        parse(tag)
    return Place(kind, path, tag)


def _no_place(text: str, hint: str) -> UsageError:
    return UsageError(f"'{text}' is no place of an image", hint=hint)


class Opened(NamedTuple):
    """What a command has open for places: the user's registries, the store, a folder that goes away."""

    registries: Registries
    store: Store
    temporary: str


@contextlib.contextmanager
def source(place: Place, opened: Opened, *, compress: bool = True) -> Iterator[tuple[From, str]]:
    """Where to copy from, and the reference there.

    With `compress` layers that are plain tars, and have no manifest that names them so, are compressed.
    """
    if place.kind == "docker":
        from wherry.copying.at_registry import AtRegistry

        name = parse(place.where)
        yield AtRegistry(opened.registries.sources(name)[-1]), name.digest or name.tag
    elif place.kind == "wherry":
        from wherry.copying.in_store import InStore
        from wherry.images.packing import Packing

        with opened.store.using():
            yield InStore(opened.store, Packing()), place.where
    elif place.kind == "docker-archive":
        from wherry.copying.docker_archive import TAG, to_layout

        folder = os.path.join(opened.temporary, "archive")
        _unpack(place.where, folder)
        layout = Layout(os.path.join(opened.temporary, "source"))
        to_layout(folder, place.tag, layout, "gzip" if compress else "none")
        yield layout, TAG
    else:
        folder = place.where
        if place.kind == "oci-archive":
            folder = os.path.join(opened.temporary, "source")
            _unpack(place.where, folder)
        if not os.path.isfile(os.path.join(folder, "index.json")):
            raise NotFoundError(f"{place.where} is no OCI layout: it has no index.json")
        yield Layout(folder), place.tag


@contextlib.contextmanager
def target(place: Place, opened: Opened) -> Iterator[tuple[To, str]]:
    """Where to copy to, and the tag there; an archive is there when the block ends well.

    The store is none of these: see in_store.copy_to_store().
    """
    if place.kind == "docker":
        from wherry.copying.at_registry import AtRegistry

        name = parse(place.where)
        yield AtRegistry(opened.registries.target(name)), name.tag or name.digest
        return
    if place.kind == "oci":
        yield Layout(place.where), place.tag or "latest"
        return
    folder = os.path.join(opened.temporary, "target")
    os.mkdir(folder)
    layout = Layout(folder)
    if place.kind == "docker-archive":
        from wherry.copying.docker_archive import TAG, from_layout

        yield layout, TAG
        from_layout(layout, place.tag, place.where, opened.temporary)
        return
    yield layout, place.tag or "latest"
    _pack(layout, place.where)


def _unpack(archive: str, folder: str) -> None:
    from wherry.layers.compress import decompressed
    from wherry.layers.unpack import unpack

    os.mkdir(folder)
    try:
        with open(archive, "rb") as file:
            unpack(decompressed(file), folder, name=archive, markers=False)
    except FileNotFoundError as error:
        if error.filename != archive:
            raise
        raise NotFoundError(f"open {archive}: no such file or directory") from None


def _pack(layout: Layout, archive: str) -> None:
    """An OCI layout as an archive of it."""
    from wherry.images.layout import Tar, from_file
    from wherry.layers.newfile import new_file

    with new_file(archive) as out:
        tar = Tar(out)
        for digest in layout.digests():
            path = layout.path(digest)
            tar.add(blob_path(digest), os.path.getsize(path), from_file(path))
        tar.close(layout.index(), ())
