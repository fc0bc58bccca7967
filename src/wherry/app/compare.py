"""Images compared, wherever they are."""

from __future__ import annotations

import os

from wherry.app.meant import WHERRY, Asked, Meant, meant
from wherry.errors import NotFoundError, UsageError
from wherry.typed import TYPE_CHECKING

__all__ = ["Asked", "compare"]

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.compare.compare import Comparison
    from wherry.compare.layers import Base
    from wherry.compare.model import Subject
    from wherry.copying.places import Place
    from wherry.images.view import Image
    from wherry.oci.config import ImageConfig
    from wherry.store import Store

MOST = 100
"""Images that are compared at once: the files of all are in memory together."""


def compare(store: Store, words: Sequence[str], asked: Asked, *, bases: bool = False) -> Comparison:
    """The images that `words` mean: of the store, files and folders, or ``docker://NAME`` and the like.

    With `bases` those, and all local ones that are a base; of bases no files are compared.  What is fetched
    for it does not stay.  Raises NotFoundError, CorruptError, RegistryError, UsageError.
    """
    _check_number(words)
    fetches = False
    try:
        with store.using():
            found = [(word, meant(store, word, asked.platform)) for word in words]
            store.runtime.need_layers()
            fetches = any(each.image is None for _, each in found)
            return _compared(store, found, asked, bases=bases)
    finally:
        if fetches:
            store.collect()


def _compared(store: Store, found: Sequence[tuple[str, Meant]], asked: Asked, *, bases: bool) -> Comparison:
    from wherry.app.bases import named_images
    from wherry.compare import compare as core
    from wherry.compare.layers import Base
    from wherry.compare.read import same

    known = list(named_images(store))
    subjects = [_subject(store, word, each, asked) for word, each in found]
    if bases:
        subjects += _bases(store, known, subjects, asked)
    if not subjects:
        raise NotFoundError("no images are here to compare", hint="wherry pull, build or load one")
    known += [Base(each.name, _stack(each)) for each in subjects]
    return core.compare(subjects, known, same, each=not bases)


def _bases(store: Store, known: Sequence[Base], named: Sequence[Subject], asked: Asked) -> list[Subject]:
    """The local bases that are not among those named, the largest first."""
    from wherry.compare.layers import local_bases

    names = [base.name for base in local_bases(known) if base.diff_ids not in map(_stack, named)]
    _check_number([*(each.name for each in named), *names])
    found = [_subject(store, name, meant(store, f"{WHERRY}:{name}", None), asked) for name in names]
    return sorted(found, key=lambda each: (-each.size, each.name))


def _check_number(names: Sequence[str]) -> None:
    if len(names) > MOST:
        raise UsageError(f"{len(names)} images are too many to compare: at most {MOST}")


def _stack(subject: Subject) -> tuple[str, ...]:
    return tuple(layer.diff_id for layer in subject.layers)


def _subject(store: Store, word: str, found: Meant, asked: Asked) -> Subject:
    from wherry.copying.places import Place

    if found.image is not None:
        return _here(store, word.removeprefix(f"{WHERRY}:"), found.image)
    return _elsewhere(store, word, found.place or Place(_kind_of(found.path), found.path), asked)


def _here(store: Store, name: str, image: Image) -> Subject:
    return _read(store, name, image.id, image.config)


def _elsewhere(store: Store, name: str, place: Place, asked: Asked) -> Subject:
    from wherry.copying.places import Opened, source
    from wherry.copying.unpacked import unpacked

    client = asked.registries()
    try:
        with store.temp() as temporary:
            opened = Opened(client, store, temporary)
            with source(place, opened, compress=False) as (here, reference):
                found = unpacked(store, here, reference, asked.platform, asked.progress)
    finally:
        client.close()
    return _read(store, name.removeprefix("docker://"), *found)


def _read(store: Store, name: str, image: str, config: ImageConfig) -> Subject:
    from wherry.compare.read import subject
    from wherry.images.view import layer_paths

    paths = [os.path.realpath(path) for path in layer_paths(store, config.diff_ids, f"image {name}")]
    infos = [store.layers.info(diff_id) for diff_id in config.diff_ids]
    return subject(name, image, config, paths, [info.size if info is not None else 0 for info in infos])


def _kind_of(path: str) -> str:
    """Which of PLACES a file or folder is.  Raises NotFoundError for what holds no image."""
    if os.path.isdir(path):
        return "oci"
    from wherry.layers.compress import decompressed
    from wherry.layers.tarread import TarReader

    found = ""
    with open(path, "rb") as file:
        for member in TarReader(decompressed(file), path):
            name = member.entry.name.removeprefix(b"./")
            if name == b"manifest.json":
                return "docker-archive"
            if name == b"index.json":
                found = "oci-archive"
    if not found:
        raise NotFoundError(
            f"{path} holds no image: neither manifest.json nor index.json is in it",
            hint="wherry import makes an image of the archive of a file system",
        )
    return found
