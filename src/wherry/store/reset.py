"""Removing a whole store: what wherry put into its folder, and the folder where that was all of it."""

from __future__ import annotations

import contextlib
import os

from wherry.errors import ConflictError, StorageError, WherryError
from wherry.layers.remove import remove_tree
from wherry.store import locks
from wherry.store.database import FILES
from wherry.store.reserve import NAME as RESERVE
from wherry.store.temporary import move_away
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.store import Store

DATABASE = "wherry.db"
# In the order in which they go: without the database no command takes what is left for a store in use.
NAMES = (
    *(f"{DATABASE}{end}" for end in FILES),
    *(f"{DATABASE}.lost{end}" for end in FILES),
    *("oci-layout", "index.json", RESERVE),
    *("containers", "volumes", "blobs", "layers", "l", "caches", "contexts", "builds", "listings"),
    *("downloads", "logs", "lost", "tmp", "lock"),
)
# mountinfo writes these bytes of a path as their octal numbers (proc_pid_mountinfo(5)).
ESCAPES = {ord(byte): f"\\{ord(byte):03o}" for byte in " \t\n\\"}


def holds_store(root: str) -> bool:
    """Whether there is something of a store in the folder `root`, which may be absent or empty.

    Raises StorageError where the folder is anything else: what is in it is not wherry's to remove.
    """
    try:
        names = set(os.listdir(root))
    except FileNotFoundError:
        return False
    except NotADirectoryError:
        names = {root}
    # Whoever was killed in the middle has left the lock and nothing that is not a store's.
    begun = "lock" in names and names <= set(NAMES)
    if names and DATABASE not in names and not begun:
        raise StorageError(f"{root} is not a store of wherry's; nothing was removed")
    return bool(names)


def reset(store: Store) -> Sequence[str]:
    """Remove all of a store, which is ``Store(runtime)``, not opened; the names of what is left, since
    wherry did not put it there.

    Everything is moved away first, which takes an instant, and then deleted.  Whoever is killed meanwhile
    leaves what any command deletes, and reset() again.  Raises ConflictError while anything uses the store.
    """
    _refuse_mounts(store.root)
    with store.alone(_refuse), _still(store):
        os.makedirs(store.temporary, mode=0o700, exist_ok=True)
        for name in NAMES[:-2]:
            move_away(os.path.join(store.root, name), store.temporary)
        remove_tree(store.temporary)
        os.unlink(os.path.join(store.root, "lock"))
    with contextlib.suppress(OSError):  # something else is in it, or it is a mount point, or a link
        os.rmdir(store.root)
        return ()
    return sorted(os.listdir(store.root))


def _refuse() -> None:
    raise ConflictError("other commands use the store", hint="wait until they have ended, or stop them")


@contextlib.contextmanager
def _still(store: Store) -> Iterator[None]:
    """Hold the locks of all containers, so that none starts.  Raises ConflictError where one runs."""
    running, held = [], []
    try:
        for container in _listed(store.containers.folder):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                lock = locks.attempt_existing(os.path.join(store.containers.dir(container), "lock"))
                if lock is None:
                    running.append(_name(store, container))
                else:
                    held.append(lock)
        if running:
            names = " ".join(sorted(running))
            raise ConflictError(f"containers are running: {names}", hint=f"wherry stop {names}")
        yield
    finally:
        for lock in held:
            locks.release(lock)


def _listed(folder: str) -> Sequence[str]:
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return ()


def _name(store: Store, container: str) -> str:
    """What people call it, if the database can tell."""
    with contextlib.suppress(WherryError):
        record = store.containers.get(container)
        if record is not None:
            return record.name
    return container[:12]


def _refuse_mounts(root: str) -> None:
    """What somebody has mounted in the store is theirs."""
    below = os.path.realpath(root).translate(ESCAPES) + "/"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        places = [place for line in file if (place := line.split(" ")[4]).startswith(below)]
    if places:
        raise ConflictError(f"something is mounted at {places[0]}", hint=f"umount {places[0]}")
