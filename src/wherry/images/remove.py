"""Removing names and images, in Docker's words."""

from __future__ import annotations

import contextlib

from wherry.errors import ConflictError, InvalidReferenceError
from wherry.images.lookup import find, lookup
from wherry.oci.reference import from_canonical, parse
from wherry.store.images import AT
from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.images.view import Image
    from wherry.store import Store


class Remove(Protocol):
    def __call__(self, text: str, *, force: bool = False) -> list[str]:
        """Remove a name, or an image by its id, in full or not at all.  The lines that Docker prints.

        An image goes with its last name.  Layers that the build cache knows stay: the next build is quick.
        Raises NotFoundError; ConflictError where a container uses the image and `force` is not given.
        """


@contextlib.contextmanager
def removing(store: Store) -> Iterator[Remove]:
    """Yields what removes images.  ``index.json`` is written, and what nothing refers to found, once.

    All that is removed within is one transaction: who names or uses an image at the same moment is earlier
    or later, and a kill leaves all of them.
    """
    gone = False

    def remove(text: str, *, force: bool = False) -> list[str]:
        nonlocal gone
        with store.database.part():
            dead = _dead_name(store, text)
            lines = _untag(store, dead) if dead is not None else _remove(store, text, force=force)
        gone = gone or dead is not None or any(line.startswith("Deleted: ") for line in lines)
        return lines

    with store.names.together():
        yield remove
    if gone:
        store.collect()


def _untag(store: Store, name: str, image: Image | None = None) -> list[str]:
    """Remove a name; with the last tag of a repository what the registry calls the `image` there, too."""
    store.names.remove(name)
    lines = [f"Untagged: {from_canonical(name).familiar()}"]
    if image is not None and AT not in name:
        repository = from_canonical(name)[:2]
        if all(from_canonical(each)[:2] != repository for each in store.names.of(image.id)):
            for each in store.names.digests_of(image.id):
                if from_canonical(each)[:2] == repository:
                    lines += _untag(store, each)
    return lines


def _remove(store: Store, text: str, *, force: bool) -> list[str]:
    image = lookup(store, text)
    name = _as_name(store, text)
    target = store.names.get(name) if name is not None else None
    if name is not None and target is not None and target != image.id:
        return _remove_index(store, name, target, text, force=force)
    names = store.names.of(image.id)
    if name is not None and set(names) - {name}:
        return _untag(store, name, image)
    _check_containers(store, image, text, force=force)
    if name is None and len(names) > 1 and not force:
        raise ConflictError(
            f"conflict: unable to delete {image.id[7:19]} (must be forced) - "
            "image is referenced in multiple repositories",
            hint="remove its names one by one, or use -f",
        )
    lines = []
    if name is not None and AT in name and len(store.names.digests_of(image.id)) > 1:
        return _untag(store, name)
    for each in (*names, *store.names.digests_of(image.id)):
        lines += _untag(store, each)
    if not _users(store, image):
        store.images.remove(image.id)
        lines.append(f"Deleted: {image.id}")
    return lines


def _remove_index(store: Store, name: str, digest: str, text: str, *, force: bool) -> list[str]:
    """One of the names of an image index; with the last one its images go."""
    from wherry.images.index import images, remove_index

    last = store.names.of(digest) == [name]
    for image in images(store, digest) if last else ():
        _check_containers(store, image, text, force=force)
    store.names.remove(name)
    lines = [f"Untagged: {from_canonical(name).familiar()}"]
    if last:
        lines += [f"Deleted: {image}" for image in remove_index(store, digest)]
    return lines


def _as_name(store: Store, text: str) -> str | None:
    """The canonical name if `text` is one that exists, or None if it is an id."""
    try:
        reference = parse(text)
    except InvalidReferenceError:
        return None
    name = (reference._replace(tag="") if reference.digest else reference).canonical()
    return name if store.names.get(name) is not None and find(store, text) is not None else None


def _dead_name(store: Store, text: str) -> str | None:
    """The canonical name where `text` is that of an image index which is damaged or lost."""
    from wherry.images.index import readable_members

    try:
        name = parse(text).canonical()
    except InvalidReferenceError:
        return None
    target = store.names.get(name)
    if target is None or store.images.get(target) is not None or readable_members(store, target):
        return None
    return name


def _users(store: Store, image: Image) -> list[tuple[str, bool]]:
    return [(c.id, c.status == "running") for c in store.containers.all() if c.image_id == image.id]


def _check_containers(store: Store, image: Image, text: str, *, force: bool) -> None:
    for container, running in _users(store, image):
        if running:
            raise ConflictError(
                f"conflict: unable to remove repository reference {text!r} (cannot be forced) - "
                f"image is being used by running container {container[:12]}",
                hint=f"stop it first: wherry rm -f {container[:12]}",
            )
        if not force:
            raise ConflictError(
                f'conflict: unable to remove repository reference "{text}" (must force) - '
                f"container {container[:12]} is using its referenced image {image.id[7:19]}",
                hint=f"wherry rm {container[:12]}, or use -f",
            )
