"""Whether a container runs: proven by a lock that its monitor holds, never by a pid alone.

A monitor that was killed let go of its lock; everything in the container went with it (sandbox.supervise).
"""

from __future__ import annotations

import contextlib
import os
import time

from wherry.errors import ConflictError, NotFoundError, StorageError, nearest
from wherry.store import locks
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.store import ContainerRecord, Store

KILLED = 137
WORDS = 32  # bytes
PATIENCE = 10  # seconds


def lock_path(store: Store, container: str) -> str:
    return os.path.join(store.containers.dir(container), "lock")


def take_lock(store: Store, container: str) -> int | None:
    """The monitor's lock, held until it is released; None if another monitor has it.

    Raises NotFoundError for a container that is removed meanwhile, or whose files are.
    """
    try:
        lock = locks.attempt(lock_path(store, container))
    except FileNotFoundError:
        raise NotFoundError(f"No such container: {container[:12]}") from None
    if lock is not None and store.containers.get(container) is None:
        locks.release(lock)
        raise NotFoundError(f"No such container: {container[:12]}")
    return lock


@contextlib.contextmanager
def held_still(store: Store, record: ContainerRecord) -> Iterator[None]:
    """Let nobody start a container that does not run, or write to it.  Raises ConflictError if it runs."""
    if not os.path.isdir(store.containers.dir(record.id)):
        yield
        return
    wait_unlocked(store, record.id, PATIENCE)
    lock = take_lock(store, record.id)
    if lock is None:
        raise ConflictError(
            f"container {record.id[:12]} was started meanwhile", hint="see wherry ps, and try it again"
        )
    try:
        yield
    finally:
        locks.release(lock)


def reserve_last_words(lock: int) -> None:
    """Take the room on the disk that last_words() will need."""
    os.pwrite(lock, b" " * WORDS, 0)


def last_words(lock: int, code: int, finished: float) -> None:
    """Leave how the container ended in its lock file, which needs no room on a full disk."""
    words = f"{code} {finished:.6f}".ljust(WORDS)
    with contextlib.suppress(OSError):
        os.pwrite(lock, words.encode(), 0)


def _last_words(store: Store, container: str) -> tuple[int, float]:
    """The exit code and the moment; of a monitor that was killed, its kill and now."""
    try:
        with open(lock_path(store, container), encoding="ascii") as file:
            code, finished = file.read().split()
        return int(code), float(finished)
    except (OSError, ValueError):
        return KILLED, time.time()


def is_locked(store: Store, container: str) -> bool:
    try:
        lock = locks.attempt_existing(lock_path(store, container), locks.TOGETHER)
    except FileNotFoundError:
        return False
    if lock is None:
        return True
    locks.release(lock)
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
    """The record as it really is.  None if it was a `--rm` container whose monitor was killed.

    What turns out is written down if that is possible: nobody's reading fails because it is not.
    """
    if record.status != "running" or is_locked(store, record.id):
        return record
    # The monitor may have written its last words between our reading and our look at the lock.
    current = store.containers.get(record.id)
    if current is None or current.status != "running" or is_locked(store, record.id):
        return current
    code, finished = _last_words(store, record.id)
    try:
        if record.config.rm:
            store.containers.remove(record.id)
            return None
        store.containers.update(record.id, status="exited", exit_code=code, finished=finished, pid=0)
    except NotFoundError:
        return None
    except (StorageError, OSError):
        pass
    if record.config.rm:
        return None
    return record._replace(status="exited", exit_code=code, finished=finished, pid=0)


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
