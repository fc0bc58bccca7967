"""The rows of ``wherry images`` and ``wherry history``."""

from __future__ import annotations

from wherry.images.view import Image
from wherry.oci.reference import from_canonical, parse
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.oci.config import History
    from wherry.store import Store

NONE = "<none>"


class Listed(NamedTuple):
    """One name of an image (or none): `repository` and `tag` as Docker shows them, and the digest by which
    the repository has it."""

    image: Image
    repository: str
    tag: str
    digest: str


def list_images(store: Store, pattern: str | None = None) -> list[Listed]:
    """All images, newest first, one row a name.  `pattern` is a repository with or without a tag."""
    reference = parse(pattern) if pattern else None
    exact = pattern is not None and ":" in pattern.rpartition("/")[2]
    rows = []
    indexes = _indexes(store)
    hidden = {image.id for found, _ in indexes for image in found}
    chosen = {found[0].id: names for found, names in indexes}
    tags, by_digest = _by_image(store.names.all()), _by_image(store.names.digests())
    for record in store.images.all():
        image = Image(store, record)
        own = tags.get(record.id, [])
        if record.id in hidden and not own and record.id not in chosen:
            continue
        names = [from_canonical(name) for name in (*own, *chosen.get(record.id, ()))]
        digests = [from_canonical(name) for name in by_digest.get(record.id, ())]
        if not names:
            names = [name._replace(digest="") for name in digests]
        if reference is not None:
            names = [n for n in names if (n.domain, n.path) == (reference.domain, reference.path)]
            if exact:
                names = [n for n in names if n.tag == reference.tag]
            if not names:
                continue
        at = {name[:2]: name.digest for name in digests}
        rows += [
            Listed(image, n.familiar_name(), n.tag or NONE, at.get(n[:2], record.manifest))
            for n in dict.fromkeys(names)
        ]
        if not names:
            rows.append(Listed(image, NONE, NONE, record.manifest))
    return rows


def _by_image(names: Mapping[str, str]) -> dict[str, list[str]]:
    """The names of each image, in their order."""
    found: dict[str, list[str]] = {}
    for name, image in names.items():
        found.setdefault(image, []).append(name)
    return found


def _indexes(store: Store) -> list[tuple[list[Image], list[str]]]:
    """The images of each index, the one that stands for it first, and its names."""
    from wherry.images.index import choose, images, indexes

    found = []
    for digest, names in indexes(store).items():
        first = choose(store, digest, None)
        if first is not None:
            rest = [image for image in images(store, digest) if image.id != first.id]
            found.append(([first, *rest], names))
    return found


class HistoryRow(NamedTuple):
    """`id` is the image's for the uppermost row; Docker says ``<missing>`` for the others.  Bytes."""

    id: str | None
    entry: History
    size: int


def image_history(image: Image) -> list[HistoryRow]:
    """The uppermost first.  A layer without a line of history has a line of its own."""
    from wherry.oci.config import History

    diff_ids = list(image.config.diff_ids)
    rows = []
    for entry in image.config.history:
        size = 0
        if not entry.empty_layer and diff_ids:
            info = image.store.layers.info(diff_ids.pop(0))
            size = info.size if info is not None else 0
        rows.append(HistoryRow(None, entry, size))
    for diff_id in diff_ids:
        info = image.store.layers.info(diff_id)
        rows.append(HistoryRow(None, History(), info.size if info is not None else 0))
    rows.reverse()
    if rows:
        rows[0] = rows[0]._replace(id=image.id)
    return rows
