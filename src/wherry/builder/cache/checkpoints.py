"""A shared cache that is written while a build runs, so that one that is killed loses little more than the
steps that ran."""

from __future__ import annotations

import threading

from wherry.errors import WherryError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Checkpoints:
    """Calls `write` after steps that were made, in a thread of its own: once for all that were made while
    it wrote before.  That it fails is noted once, for the whole cache is written at the end.

    The thread begins with the first step: before, a build may still change what its process is.
    """

    def __init__(self, write: Callable[[], object], note: Callable[[str], object]) -> None:
        self._write = write
        self._note = note
        self._news = threading.Event()
        self._ended = False
        self._failed = False
        self._thread: threading.Thread | None = None
        self._turn = threading.Lock()

    def made(self) -> None:
        """There is more to write."""
        with self._turn:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()
        self._news.set()

    def close(self, *, last: bool) -> None:
        """Returns when nothing is written any more.  With `last` what came last has been written, too."""
        unwritten, self._ended = self._news.is_set(), True
        self._news.set()
        if self._thread is not None:
            self._thread.join()
        if last and unwritten:
            self._try()

    def _run(self) -> None:
        while True:
            self._news.wait()
            if self._ended:
                return
            self._news.clear()
            self._try()

    def _try(self) -> None:
        try:
            self._write()
        except (WherryError, OSError) as error:
            if not self._failed:
                self._note(f"warning: the cache is not written while the build runs: {error}")
            self._failed = True
