"""A directory's changes, by inotify: the directory is watched, never the file, since files are replaced."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import time

from wherry import linux
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

POLL = 0.5
"""Seconds between looks where the kernel gives us no watch (fs.inotify.max_user_watches)."""
WATCHED = (
    linux.IN_CREATE
    | linux.IN_MODIFY
    | linux.IN_CLOSE_WRITE
    | linux.IN_MOVED_TO
    | linux.IN_MOVED_FROM
    | linux.IN_DELETE
    | linux.IN_ATTRIB
    | linux.IN_DELETE_SELF
    | linux.IN_MOVE_SELF
    | linux.IN_ONLYDIR
)
EVENT = struct.Struct("iIII")
"""struct inotify_event: the watch, what happened, a cookie, and how long the name is that follows."""
MOST = 1 << 16
"""Bytes of events that are read at a time."""


class Watch:
    """Waits for something to change in `folder`, which may be absent, come and go.

    A change may be reported by mistake; none is missed: without inotify the caller is woken every POLL
    seconds.  `writing` holds the names of files that somebody has open and is writing.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._inotify = -1
        self._identity: tuple[int, int] | None = None
        self.writing: set[str] = set()
        self._seen: set[str] = set()
        self._arm()

    def wait(self, timeout: float, also: int | None = None) -> set[str]:
        """The names that changed, empty after `timeout` seconds; "" stands for "look at everything".

        Returns early when the file descriptor `also` can be read.
        """
        if self._inotify < 0 and not self._arm():
            select.select([also] if also is not None else [], [], [], min(timeout, POLL))
            return {""}
        if self._seen:
            names, self._seen = self._seen, set()
            return names
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            watched = [self._inotify, *([also] if also is not None else [])]
            ready = select.select(watched, [], [], left)[0]
            names = self._take() if self._inotify in ready else set()
            if names or not ready or also in ready:
                return names if self._still_there() else names | {""}

    def look(self) -> set[str]:
        """The names that changed since wait() returned, or are being written; wait() tells them again."""
        if self._inotify >= 0:
            self._seen |= self._take()
        return self._seen | self.writing

    def close(self) -> None:
        if self._inotify >= 0:
            os.close(self._inotify)
            self._inotify = -1

    def _arm(self) -> bool:
        self.writing.clear()
        self._seen.clear()
        try:
            self._inotify = linux.inotify_init()
            linux.inotify_add_watch(self._inotify, self._folder, WATCHED)
            status = os.stat(self._folder)
            self._identity = (status.st_dev, status.st_ino)
        except OSError:
            self.close()
            return False
        return True

    def _take(self) -> set[str]:
        names = set()
        for happened, name in self._events():
            if happened & linux.IN_MODIFY:
                self.writing.add(name)  # its CLOSE_WRITE comes
                continue
            self.writing.discard(name)
            names.add(name)
        return names

    def _events(self) -> Iterator[tuple[int, str]]:
        """What there is; of the folder itself, and where there were too many, without a name."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._inotify, MOST):
                at = 0
                while at < len(data):
                    _, happened, _, length = EVENT.unpack_from(data, at)
                    at += EVENT.size + length
                    yield happened, os.fsdecode(data[at - length : at].rstrip(b"\0"))

    def _still_there(self) -> bool:
        """Whether the watch is on what the path names now; otherwise begin again."""
        try:
            status = os.stat(self._folder)
        except OSError:
            status = None
        if status is not None and (status.st_dev, status.st_ino) == self._identity:
            return True
        self.close()
        self._arm()
        return False
