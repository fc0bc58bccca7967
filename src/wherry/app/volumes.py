"""Named volumes: list, create, remove, prune."""

from __future__ import annotations

import os
import time

from wherry.errors import ConflictError, NotFoundError, UsageError, nearest
from wherry.store.prune import size_on_disk
from wherry.store.volumes import COMMAND, NAME, VolumeRecord
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.store import Store

LONGEST = 255  # bytes, of a folder's name
ANONYMOUS = "com.docker.volume.anonymous"
"""The label of a volume that was created without a name, as Docker has it."""


class Volume(NamedTuple):
    """`path` is its folder, which the first container that mounts it makes; `containers` are the IDs of
    those that are to mount it, whether they run or not."""

    record: VolumeRecord
    path: str
    containers: tuple[str, ...]


class Pruned(NamedTuple):
    """What was removed, by name or ID, and the bytes that the disk got back."""

    names: tuple[str, ...]
    size: int


def volumes(store: Store) -> list[Volume]:
    """All of them, by name."""
    users = store.volumes.users()
    return [
        Volume(record, store.volumes.path(record.name), tuple(users.get(record.name, ())))
        for record in store.volumes.all()
    ]


def volume(store: Store, name: str) -> Volume:
    """Raises NotFoundError in Docker's words."""
    found = volumes(store)
    for each in found:
        if each.record.name == name:
            return each
    near = nearest(name, [each.record.name for each in found])
    raise NotFoundError(
        f"get {name}: no such volume", hint=f"did you mean {near}?" if near else "see wherry volume ls"
    )


def create_volume(store: Store, name: str = "", labels: Sequence[tuple[str, str]] = ()) -> str:
    """Its name, one of 64 hexadecimal digits where none is given.  One that is there stays as it is."""
    if name and not NAME.match(name):
        raise UsageError(
            f'create {name}: "{name}" includes invalid characters for a local volume name, '
            'only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed',
            hint="a folder of the host needs no volume: run -v /on/host:/in/container",
        )
    if len(name) > LONGEST:
        raise UsageError(f"create {name[:20]}…: a volume's name has at most {LONGEST} characters")
    if not name:
        name, labels = os.urandom(32).hex(), ((ANONYMOUS, ""), *labels)
    if not any(record.name == name for record in store.volumes.all()):
        store.volumes.add(VolumeRecord(name, time.time(), COMMAND, tuple(labels)))
    return name


def remove_volume(store: Store, name: str) -> None:
    """Raises NotFoundError, and ConflictError where a container is to mount it."""
    volume(store, name)
    store.volumes.remove(name)


def prune_volumes(store: Store, *, everything: bool, keep: Callable[[Volume], bool]) -> Pruned:
    """Remove those that no container is to mount: the ones created without a name, or `everything`; but not
    what `keep` says yes to."""
    names, size = [], 0
    for each in volumes(store):
        anonymous = any(label == ANONYMOUS for label, _ in each.record.labels)
        if each.containers or not (everything or anonymous) or keep(each):
            continue
        room = size_on_disk(each.path)
        try:
            store.volumes.remove(each.record.name)
        except ConflictError:
            continue  # a container that was made meanwhile
        names.append(each.record.name)
        size += room
    return Pruned(tuple(names), size)
