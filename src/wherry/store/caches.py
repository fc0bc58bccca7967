"""Cache mounts: folders that outlive a build, by the name that RUN --mount=type=cache gives them.

caches/<mark>        the folder
caches/<mark>.lock   held while a step uses it: shared, or alone
caches/<mark>.json   {"id": its name, "used": when a step last used it}
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PRIVATE = 100


class CacheMount(NamedTuple):
    """One of them: `used` in Unix seconds, `busy` while a step uses it."""

    id: str
    path: str
    used: float
    busy: bool


class CacheMounts:
    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "caches")

    def all(self) -> list[CacheMount]:
        """By their names; of a private one there may be several."""
        found = []
        for name in os.listdir(self._folder) if os.path.isdir(self._folder) else ():
            path = os.path.join(self._folder, name.removesuffix(".json"))
            if not name.endswith(".json") or not os.path.isdir(path):
                continue
            try:
                with open(path + ".json", encoding="utf-8") as file:
                    value = json.load(file)
                found.append(CacheMount(str(value["id"]), path, float(value["used"]), _busy(path)))
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return sorted(found)

    def path(self, name: str) -> str:
        """Where the shared folder of a name lies, whether it exists or not."""
        return os.path.join(self._folder, _mark(name))

    @contextlib.contextmanager
    def use(self, name: str, sharing: str) -> Iterator[str]:
        """The folder of a cache, made by the caller where it does not exist yet.

        "locked" waits until nobody else uses it, "private" takes another where somebody does, "shared"
        goes beside others.  Whatever ends this process lets go of it.
        """
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        path, lock = self._private(name) if sharing == "private" else self._one(name, sharing)
        try:
            self.record(path, name)
            yield path
        finally:
            os.close(lock)

    def record(self, path: str, name: str) -> None:
        """Write down what the folder `path` is called, and that it was used now."""
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump({"id": name, "used": time.time()}, file)

    def _one(self, name: str, sharing: str) -> tuple[str, int]:
        path = os.path.join(self._folder, _mark(name))
        lock = _open(path)
        fcntl.flock(lock, fcntl.LOCK_EX if sharing == "locked" else fcntl.LOCK_SH)
        return path, lock

    def _private(self, name: str) -> tuple[str, int]:
        for number in range(MOST_PRIVATE):
            path = os.path.join(self._folder, _mark(f"{name}#{number}" if number else name))
            lock = _open(path)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            return path, lock
        return self._one(name, "locked")


def _busy(path: str) -> bool:
    lock = _open(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _open(path: str) -> int:
    return os.open(path + ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)


def _mark(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]
