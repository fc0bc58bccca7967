"""Images: list, tag, history, remove."""

from __future__ import annotations

from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.images.listing import HistoryRow, Listed
    from wherry.store import Store

FILTERS = ("dangling", "reference", "label")


class Filter(NamedTuple):
    """`name` is one of FILTERS; `value` as Docker has it: "true" or "false", a pattern of names, ``key`` or
    ``key=value`` of a label."""

    name: str
    value: str


def images(store: Store, reference: str | None = None, *, filters: Sequence[Filter] = ()) -> list[Listed]:
    """Newest first, one a name; `reference` is a repository with or without a tag.

    One that cannot be read is among them; store.warn says so.  Raises UsageError for a filter that there is
    not, and InvalidReferenceError.
    """
    from wherry.images.listing import list_images

    for each in filters:
        if each.name not in FILTERS:
            raise UsageError(f"invalid filter '{each.name}'", hint=f"one of {', '.join(FILTERS)}")
    found = list_images(store, reference)
    for row in found:
        damage = row.image.damage()
        if damage is not None:
            store.warn(f"image {row.image.id[7:19]} cannot be read: {damage}")
    return [row for row in found if all(_passes(row, each) for each in filters)]


def _passes(listed: Listed, wanted: Filter) -> bool:
    name, value = wanted
    if name == "dangling":
        return (listed.tag == "<none>") == (value.lower() in ("true", "1"))
    if name == "reference":
        from fnmatch import fnmatchcase

        whole = f"{listed.repository}:{listed.tag}"
        return fnmatchcase(whole, value) or fnmatchcase(listed.repository, value)
    if listed.image.damage() is not None:
        return False
    labels = listed.image.config.config.get("Labels") or {}
    key, equals, content = value.partition("=")
    return key in labels and (not equals or labels[key] == content)


def tag(store: Store, source: str, target: str) -> None:
    """Give the image that `source` means the name `target`, which leaves the image that had it.

    Raises NotFoundError and InvalidReferenceError.
    """
    from wherry.images.view import named
    from wherry.oci.reference import parse

    name = parse(target)
    with store.database.transaction():
        store.names.set(name.canonical(), named(store, source))


def history(store: Store, name: str) -> list[HistoryRow]:
    """The uppermost layer first.  Raises NotFoundError."""
    from wherry.images.listing import image_history
    from wherry.images.view import lookup

    return image_history(lookup(store, name))


def remove(store: Store, name: str, *, force: bool = False) -> list[str]:
    """Take a name, or with its last name an image, away.  Docker's lines: ``Untagged: …``, ``Deleted: …``.

    Raises NotFoundError, and ConflictError where containers use it.
    """
    from wherry.images.remove import remove_image

    return list(remove_image(store, name, force=force))
