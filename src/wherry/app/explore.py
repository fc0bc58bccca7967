"""What is in an image, wherever it is."""

from __future__ import annotations

import contextlib
import os

from wherry.app.meant import DIR, Asked, meant
from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.copying.places import Place
    from wherry.explore.explore import Explored, Subject
    from wherry.images.view import Image
    from wherry.store import Store

__all__ = ["Asked", "explored"]


@contextlib.contextmanager
def explored(store: Store, word: str, asked: Asked) -> Iterator[Explored]:
    """The image that `word` means: one of the store, a file or folder, or ``docker://NAME`` and the like.

    Inside the block the files can be read, where they are at hand.  Raises NotFoundError, CorruptError,
    RegistryError, InvalidReferenceError.
    """
    from wherry.explore.explore import explore

    with _subject(store, word, asked) as subject:
        yield explore(subject)


def _subject(store: Store, word: str, asked: Asked) -> contextlib.AbstractContextManager[Subject]:
    from wherry.app.explorable import archive

    found = meant(store, word, asked.platform)
    if found.image is not None:
        return _in_store(store, found.image)
    if found.place is not None:
        return _at(store, word, found.place, asked)
    if os.path.isdir(found.path) or word.startswith(f"{DIR}:"):
        return _folder(found.path)
    return archive(store, found.path, "", asked.platform)


@contextlib.contextmanager
def _in_store(store: Store, image: Image) -> Iterator[Subject]:
    from wherry.app.explorable import of_config
    from wherry.explore.read import from_tree

    store.runtime.need_layers()
    with store.using():
        layers = [from_tree(os.path.realpath(path)) for path in image.layer_paths()]
        name = next(iter(image.names()), image.id)
        yield of_config(store, name, image.id, image.config, layers)


@contextlib.contextmanager
def _folder(path: str) -> Iterator[Subject]:
    from wherry.explore.explore import Subject
    from wherry.explore.made import Made
    from wherry.explore.read import from_tree

    if not os.path.isdir(path):
        raise NotFoundError(f"{path} is no folder")
    yield Subject(path, (from_tree(os.path.realpath(path)),), (Made(),), ("",))


def _at(store: Store, word: str, place: Place, asked: Asked) -> contextlib.AbstractContextManager[Subject]:
    from wherry.app.explorable import archive, layout, remote

    if place.kind == "docker":
        return remote(store, word, asked)
    if place.kind == "oci":
        return layout(store, place.where, place.tag, asked.platform)
    return archive(store, place.where, place.tag, asked.platform)
