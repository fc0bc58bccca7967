"""Images: list, tag, history, remove."""

from __future__ import annotations

from wherry.app.filters import Filter, check, has_label, is_true
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from wherry.images.listing import HistoryRow, Listed
    from wherry.images.remove import Remove
    from wherry.store import Store

WILDCARDS = frozenset("*?[")
FILTERS = ("dangling", "reference", "label")
"""Docker's: "true" or "false", a pattern of names, ``key`` or ``key=value`` of a label."""


def images(store: Store, reference: str | None = None, *, filters: Sequence[Filter] = ()) -> list[Listed]:
    """Newest first, one a name; `reference` is a repository with or without a tag, or a pattern of names.

    One that cannot be read is among them; store.warn says so.  Raises UsageError for a filter that there is
    not, and InvalidReferenceError.
    """
    from wherry.images.listing import list_images

    check(filters, FILTERS)
    if reference is not None and not WILDCARDS.isdisjoint(reference):
        filters, reference = (*filters, Filter("reference", reference)), None
    found = list_images(store, reference)
    for row in found:
        row.image.warn_of_damage()
    return [row for row in found if all(_passes(row, each) for each in filters)]


def _passes(listed: Listed, condition: Filter) -> bool:
    name, value = condition
    if name == "dangling":
        return (listed.tag == "<none>") == is_true(value)
    if name == "reference":
        return _matches(value, f"{listed.repository}:{listed.tag}") or _matches(value, listed.repository)
    if listed.image.damage() is not None:
        return False
    return has_label(listed.image.config.config.get("Labels") or {}, value)


def _matches(pattern: str, name: str) -> bool:
    """Docker's rule (Go's path.Match): no wildcard matches a slash."""
    from wherry.dockerfile.glob import match

    patterns, parts = pattern.split("/"), name.split("/")
    return len(patterns) == len(parts) and all(map(match, patterns, parts))


def tag(store: Store, source: str, target: str) -> None:
    """Give the image that `source` means the name `target`, which leaves the image that had it.

    Raises NotFoundError and InvalidReferenceError.
    """
    from wherry.errors import InvalidReferenceError
    from wherry.images.lookup import named
    from wherry.oci.reference import DEFAULT_DOMAIN, parse

    name = parse(target)
    if name.domain == DEFAULT_DOMAIN and name.path == "library/sha256":
        raise InvalidReferenceError(
            "refusing to create an ambiguous tag using digest algorithm as name", hint="choose another name"
        )
    with store.database.transaction():
        store.names.set(name.canonical(), named(store, source))


def history(store: Store, name: str) -> list[HistoryRow]:
    """The uppermost layer first.  Raises NotFoundError."""
    from wherry.images.listing import image_history
    from wherry.images.lookup import lookup

    return image_history(lookup(store, name))


def remove(store: Store, name: str, *, force: bool = False) -> list[str]:
    """Take a name, or with its last name an image, away.  Docker's lines: ``Untagged: …``, ``Deleted: …``.

    Raises NotFoundError, and ConflictError where containers use it.
    """
    with removing(store) as one:
        return one(name, force=force)


def removing(store: Store) -> AbstractContextManager[Remove]:
    """A context whose value does as remove(), for many images at the cost of about one.

    Others see what was removed when it is left.
    """
    from wherry.images.remove import removing

    return removing(store)
