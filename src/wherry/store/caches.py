"""Cache mounts: folders that outlive a build, by the name that RUN --mount=type=cache gives them.

caches/<mark>        the folder
caches/<mark>.lock   held while a step uses it: shared, or alone
caches/<mark>.json   {"id": its name, "used": when a step last used it}
"""

from __future__ import annotations

import contextlib
import os
import time

from wherry import jsontext as json
from wherry.layers.remove import remove_tree
from wherry.sha256 import hex_of
from wherry.store import locks
from wherry.store.regular import read_regular
from wherry.store.temporary import discard, write_file
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PRIVATE = 100
ENDINGS = (".json", ".lock")


class CacheMount(NamedTuple):
    """One of them: `used` in Unix seconds, `busy` while a step uses it."""

    id: str
    path: str
    used: float
    busy: bool


class CacheMounts:
    def __init__(self, root: str, temporary: str) -> None:
        self._folder = os.path.join(root, "caches")
        self._temporary = temporary

    def all(self) -> list[CacheMount]:
        """By their names; of a private one there may be several."""
        names = os.listdir(self._folder) if os.path.isdir(self._folder) else ()
        paths = [os.path.join(self._folder, name) for name in names if not name.endswith(ENDINGS)]
        return sorted(found for found in map(_read, paths) if found is not None)

    def path(self, name: str) -> str:
        """Where the shared folder of a name lies, whether it exists or not."""
        return os.path.join(self._folder, _mark(name))

    @contextlib.contextmanager
    def use(self, name: str, sharing: str) -> Iterator[str]:
        """The folder of a cache, made by the caller where it does not exist yet.

        "locked" waits until nobody else uses it, "private" takes another where somebody does, "shared"
        goes beside others.  Whatever ends this process lets go of it.
        """
        if not os.path.isdir(self._folder):
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
        path, lock = self._private(name) if sharing == "private" else self._one(name, sharing)
        try:
            with contextlib.suppress(OSError):  # who only reads it needs no room on the disk
                self.record(path, name)
            yield path
        finally:
            locks.release(lock)

    def remove(self, path: str) -> bool:
        """Remove one by its folder.  False if somebody uses it."""
        lock = locks.attempt(path + ".lock")
        if lock is None:
            return False
        try:
            discard(path, self._temporary)
            for name in (path + ".json", path + ".lock"):
                remove_tree(name)
        finally:
            locks.release(lock)
        return True

    def record(self, path: str, name: str) -> None:
        """Write down what the folder `path` is called, and that it was used now."""
        data = json.dumps({"id": name, "used": time.time()})
        write_file(self._temporary, path + ".json", data.encode())

    def _one(self, name: str, sharing: str) -> tuple[str, int]:
        path = self.path(name)
        return path, locks.take(path + ".lock", locks.ALONE if sharing == "locked" else locks.TOGETHER)

    def _private(self, name: str) -> tuple[str, int]:
        for number in range(MOST_PRIVATE):
            path = self.path(f"{name}#{number}" if number else name)
            lock = locks.attempt(path + ".lock")
            if lock is not None:
                return path, lock
        return self._one(name, "locked")


def _read(path: str) -> CacheMount | None:
    """One of them; by its mark where a full disk or a kill took its name.  None if it was just removed."""
    try:
        value = json.loads(read_regular(path + ".json"))
        return CacheMount(str(value["id"]), path, float(value["used"]), _busy(path))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    try:
        return CacheMount(os.path.basename(path), path, os.stat(path).st_mtime, _busy(path))
    except FileNotFoundError:
        return None


def _busy(path: str) -> bool:
    try:
        lock = locks.attempt_existing(path + ".lock")
    except FileNotFoundError:
        return False
    if lock is None:
        return True
    locks.release(lock)
    return False


def _mark(name: str) -> str:
    return hex_of(name.encode("utf-8", "surrogateescape"))[:32]
