"""What a word of the command line means, of commands that look at images wherever they are."""

from __future__ import annotations

import contextlib
import os

from wherry.errors import InvalidReferenceError, NotFoundError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.copying.places import Place
    from wherry.images.view import Image
    from wherry.oci.platform import Platform
    from wherry.registry.client import Registries
    from wherry.registry.progress import Progress
    from wherry.store import Store

PLACES = ("docker", "oci", "oci-archive", "docker-archive")
"""Beginnings of what says itself where it is; besides, ``wherry:NAME`` is of the store, ``dir:PATH`` any
folder."""
DIR, WHERRY = "dir", "wherry"


class Asked(NamedTuple):
    """What there is besides the words: `platform` of images for several, who speaks to registries, who is
    told of transfers."""

    registries: Callable[[], Registries]
    progress: Progress
    platform: Platform | None = None


class Meant(NamedTuple):
    """One of an image of the store, a place, and the path of a file or folder that may hold an image."""

    image: Image | None = None
    place: Place | None = None
    path: str = ""


def meant(store: Store, word: str, platform: Platform | None) -> Meant:
    """A path that begins as one is no name; other words are names of the store first, then paths.

    Raises NotFoundError, CorruptError, InvalidReferenceError, UsageError.
    """
    from wherry.copying.places import Place, parse_place

    kind, colon, rest = word.partition(":")
    if colon and rest and kind in PLACES:
        return Meant(place=parse_place(word))
    if colon and rest and kind == DIR:
        return Meant(path=rest)
    if colon and rest and kind == WHERRY:
        return Meant(_named(store, rest, platform))
    is_there = os.path.exists(word)
    if not is_there:
        return Meant(_only_named(store, word, platform))
    if not word.startswith((".", "/")):
        with contextlib.suppress(InvalidReferenceError, NotFoundError):
            return Meant(_named(store, word, platform))
    if os.path.isfile(os.path.join(word, "index.json")):
        return Meant(place=Place("oci", word))
    return Meant(path=word)


def _only_named(store: Store, word: str, platform: Platform | None) -> Image:
    try:
        return _named(store, word, platform)
    except NotFoundError as error:
        hint = f"{error.hint}; docker://NAME asks a registry, a file or folder is known by its path"
        raise NotFoundError(error.message, hint=hint) from None


def _named(store: Store, name: str, platform: Platform | None) -> Image:
    """Raises NotFoundError with the names that are near."""
    from wherry.images.lookup import find, lookup

    return find(store, name, platform) or lookup(store, name)
