"""A directory's changes, by inotify: the directory is watched, never the file, since files are replaced."""

from __future__ import annotations

import os
import select
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inotify_simple import INotify

POLL = 0.5
"""Seconds between looks where the kernel gives us no watch (fs.inotify.max_user_watches)."""


class Watch:
    """Waits for something to change in `folder`, which may be absent, come and go.

    A change may be reported by mistake; none is missed: without inotify the caller is woken every POLL
    seconds.  `writing` holds the names of files that somebody has open and is writing.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._inotify: INotify | None = None
        self._identity: tuple[int, int] | None = None
        self.writing: set[str] = set()
        self._seen: set[str] = set()
        self._arm()

    def wait(self, timeout: float, also: int | None = None) -> set[str]:
        """The names that changed, empty after `timeout` seconds; "" stands for "look at everything".

        Returns early when the file descriptor `also` can be read.
        """
        if self._inotify is None and not self._arm():
            select.select([also] if also is not None else [], [], [], min(timeout, POLL))
            return {""}
        assert self._inotify is not None  # noqa: S101
        if self._seen:
            names, self._seen = self._seen, set()
            return names
        end = time.monotonic() + timeout
        while True:
            left = max(0.0, end - time.monotonic())
            watched = [self._inotify.fileno(), *([also] if also is not None else [])]
            ready = select.select(watched, [], [], left)[0]
            names = self._take() if self._inotify.fileno() in ready else set()
            if names or not ready or also in ready:
                return names if self._still_there() else names | {""}

    def look(self) -> set[str]:
        """The names that changed since wait() returned, or are being written; wait() tells them again."""
        if self._inotify is not None:
            self._seen |= self._take()
        return self._seen | self.writing

    def close(self) -> None:
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _arm(self) -> bool:
        from inotify_simple import INotify, flags

        self.writing.clear()
        self._seen.clear()
        try:
            self._inotify = INotify()
            self._inotify.add_watch(
                self._folder,
                flags.CREATE | flags.MODIFY | flags.CLOSE_WRITE | flags.MOVED_TO | flags.MOVED_FROM
                | flags.DELETE | flags.ATTRIB | flags.DELETE_SELF | flags.MOVE_SELF | flags.ONLYDIR,
            )  # fmt: skip
            status = os.stat(self._folder)
            self._identity = (status.st_dev, status.st_ino)
        except OSError:
            self.close()
            return False
        return True

    def _take(self) -> set[str]:
        from inotify_simple import flags

        assert self._inotify is not None  # noqa: S101
        names = set()
        for event in self._inotify.read(timeout=0):
            if event.mask & flags.MODIFY:
                self.writing.add(event.name)  # its CLOSE_WRITE comes
                continue
            self.writing.discard(event.name)
            names.add(event.name)
        return names

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
