"""Which ways there are here to watch what processes look for, tried out rather than guessed."""

from __future__ import annotations

import contextlib
import os

from wherry.sandbox.notified import Notified
from wherry.sandbox.process import Watch
from wherry.sandbox.traced import Traced
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

NOTIFIED, TRACED = "notified", "traced"
WAYS: dict[str, Callable[[str], Notified | Traced]] = {NOTIFIED: Notified, TRACED: Traced}
"""The better one first: a tracer is slower, and takes from setuid programs what they give."""


def watch(watcher: Notified | Traced) -> Watch:
    """Who is told, for a Process."""
    return Watch(watcher.path, isinstance(watcher, Traced))


def works(way: str, path: str) -> bool:
    """Whether a process can be watched, by a socket at `path`, and goes on while it is."""
    try:
        with WAYS[way](path) as watcher:
            child = os.fork()
            if child == 0:
                os._exit(_grandchild(watch(watcher)))
            _, status = os.waitpid(child, 0)
            return status == 0 and watcher.heard
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _grandchild(told: Watch) -> int:
    """The exit code of a process that is watched.  Not our child: both of our threads would wait for it."""
    child = os.fork()
    if child == 0:
        try:
            _try(told)
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] and 1


def _try(told: Watch) -> None:
    from wherry.sandbox.watched import beginning

    begin = beginning(told)
    begin()
    os.stat("/")
