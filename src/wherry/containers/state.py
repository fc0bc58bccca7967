"""Whether a container runs: proven by a lock that its monitor holds, never by a pid alone.

A monitor that was killed let go of its lock; everything in the container went with it (sandbox.supervise).
"""

from __future__ import annotations

import fcntl
import os
import time

from wherry.errors import NotFoundError, nearest
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store import ContainerRecord, Store

KILLED = 137


def lock_path(store: Store, container: str) -> str:
    return os.path.join(store.containers.dir(container), "lock")


def take_lock(store: Store, container: str) -> int | None:
    """The monitor's lock, held until the descriptor is closed; None if another monitor has it."""
    lock = os.open(lock_path(store, container), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def is_locked(store: Store, container: str) -> bool:
    try:
        lock = os.open(lock_path(store, container), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def wait_unlocked(store: Store, container: str, seconds: float) -> bool:
    """Wait until the monitor is gone.  False if it is still there after `seconds`."""
    deadline = time.monotonic() + seconds
    while is_locked(store, container):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
    return True


def refreshed(store: Store, record: ContainerRecord) -> ContainerRecord | None:
    """The record as it really is.  None if it was a `--rm` container whose monitor was killed."""
    if record.status != "running" or is_locked(store, record.id):
        return record
    # The monitor may have written its last words between our reading and our look at the lock.
    current = store.containers.get(record.id)
    if current is None or current.status != "running" or is_locked(store, record.id):
        return current
    if record.config.get("rm"):
        store.containers.remove(record.id)
        return None
    changed = {"status": "exited", "exit_code": KILLED, "finished": time.time(), "pid": 0}
    store.containers.update(record.id, **changed)
    return store.containers.get(record.id)


def all_containers(store: Store) -> list[ContainerRecord]:
    """Newest first, each as it really is."""
    return [r for record in store.containers.all() if (r := refreshed(store, record)) is not None]


def find(store: Store, text: str) -> ContainerRecord | None:
    """By name, id, or the beginning of an id.  Raises NotFoundError for an ambiguous beginning."""
    record = store.containers.by_name(text.removeprefix("/")) or store.containers.get(text)
    if record is None and text and set(text) <= set("0123456789abcdef"):
        found = store.containers.find(text)
        if len(found) > 1:
            raise NotFoundError(
                f"{text} is the beginning of {len(found)} container IDs", hint="type more digits"
            )
        record = found[0] if found else None
    return refreshed(store, record) if record is not None else None


def lookup(store: Store, text: str) -> ContainerRecord:
    """Like find().  Raises NotFoundError in Docker's words."""
    record = find(store, text)
    if record is not None:
        return record
    near = nearest(text, [record.name for record in store.containers.all()])
    raise NotFoundError(
        f"No such container: {text}", hint=f"did you mean {near}?" if near else "see wherry ps -a"
    )
