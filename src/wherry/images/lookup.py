"""What people call an image: a name, an id, or the beginning of one."""

from __future__ import annotations

from wherry.errors import InvalidReferenceError, NotFoundError, nearest
from wherry.images.view import Image
from wherry.oci.reference import from_canonical, parse
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.oci.platform import Platform
    from wherry.oci.reference import Reference
    from wherry.store import Store

HEX = frozenset("0123456789abcdef")


def find(store: Store, text: str, platform: Platform | None = None) -> Image | None:
    """The image that a name, an id or the beginning of one means, or None.

    A name is tried first, as Docker does.  Of an index it is the image for `platform` (this machine's where
    none is given), else the first.  Raises NotFoundError for an ambiguous id.
    """
    try:
        name = parse(text)
    except InvalidReferenceError:
        name = None
    image = None
    if name is not None and name.digest:
        # A digest says it all: what the tag before it stands for by now does not matter.
        record = store.images.of_manifest(name.digest)
        image = record.id if record is not None else store.names.get(name._replace(tag="").canonical())
        if image is None and any(
            from_canonical(other)[:2] == name[:2] for other in store.names.of(name.digest)
        ):
            image = name.digest  # the ID of an image that has a name of this repository
    elif name is not None:
        image = store.names.get(name.canonical())
    if image is not None:
        record = store.images.get(image)
        if record is not None:
            return Image(store, record)
        from wherry.images.index import choose

        return choose(store, image, platform)
    prefix = text.removeprefix("sha256:")
    if not prefix or not HEX.issuperset(prefix):
        return None
    found = store.images.find(prefix)
    if len(found) > 1:
        raise NotFoundError(f"{text} is the beginning of {len(found)} image IDs", hint="type more digits")
    return Image(store, found[0]) if found else None


def lookup(store: Store, text: str) -> Image:
    """Like find().  Raises NotFoundError in Docker's words, InvalidReferenceError for a bad name."""
    image = find(store, text)
    if image is not None:
        return image
    reference = parse(text) if not HEX.issuperset(text) else None
    shown = reference.familiar() if reference else text
    known = [from_canonical(name).familiar() for name in store.names.all()]
    near = nearest(shown, known)
    raise NotFoundError(
        f"No such image: {shown}", hint=f"did you mean {near}?" if near else "see wherry images"
    )


def names_of(store: Store, repository: Reference) -> list[Reference]:
    """All names in the store that are of the same repository."""
    return [each for each in map(from_canonical, store.names.all()) if each[:2] == repository[:2]]


def named(store: Store, text: str) -> str:
    """What another name for `text` is to stand for: an image's id, or the digest of an image index.

    Raises as lookup() does.
    """
    image = lookup(store, text)
    try:
        return store.names.get(parse(text).canonical()) or image.id
    except InvalidReferenceError:
        return image.id
