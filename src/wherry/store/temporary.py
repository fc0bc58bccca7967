"""Work in progress, and what is on its way out: the folder ``tmp/``.

    <pid>-<random>, <pid>-<random>.lock   a folder that belongs to a process, which holds the lock
    <pid>-<random>.blob, .new             a file that is written before it is renamed to its place
    key-<digest>.lock                     a step of a build that somebody makes
    container-<id>.lock                   a container that is being made or removed
    <pid>-<random>.gone                   what was removed: anybody may delete the rest of it

Whoever opens the store sweeps it: what has a lock that nobody holds is what a killed process left.
"""

from __future__ import annotations

import contextlib
import os

from wherry.layers.remove import remove_tree
from wherry.store import locks
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

GONE = ".gone"
LOCKED = (".lock", ".blob", ".new")


@contextlib.contextmanager
def temporary_folder(parent: str) -> Iterator[str]:
    """A fresh empty folder in `parent`, removed at the end, swept later if the process is killed."""
    name = _fresh(parent)
    # The lock exists, held, before the folder does: a sweep never sees a folder of a living process free.
    lock = locks.create(name + ".lock")
    try:
        os.mkdir(name, 0o700)
        yield name
    finally:
        # What cannot be removed now, because something still writes to it, is left to the next sweep.
        with contextlib.suppress(OSError):
            remove_tree(name)
            os.unlink(name + ".lock")
        locks.release(lock)


@contextlib.contextmanager
def scratch_folder(parent: str) -> Iterator[str]:
    """As temporary_folder(); where nothing can be written in `parent`, a folder of the system's."""
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder(parent))
        except OSError:
            import tempfile

            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="wherry-"))
        yield folder


def write_file(parent: str, path: str, data: bytes) -> None:
    """Give a file these bytes.  Is atomic: whatever happens, it has the old ones or the new ones."""
    write_pieces(parent, path, (data,))


def write_pieces(parent: str, path: str, pieces: Iterable[bytes]) -> None:
    """As write_file(), with bytes that come one after the other."""
    name = _fresh(parent) + ".new"
    lock = locks.create(name)
    try:
        for data in pieces:
            view = memoryview(data)
            while view:
                view = view[os.write(lock, view) :]
        put_in_place(name, path, parent)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
    finally:
        locks.release(lock)


def put_in_place(name: str, path: str, parent: str) -> None:
    """Rename a file, also to where a folder has got into its place: no file can replace one.

    What such a folder holds is not ours: it is moved to ``lost/`` beside `parent`.
    """
    try:
        os.rename(name, path)
    except IsADirectoryError:
        _make_way(path, parent)
        os.rename(name, path)


def _make_way(folder: str, parent: str) -> None:
    """Is idempotent, and two processes may do it at once."""
    with contextlib.suppress(FileNotFoundError):
        try:
            os.rmdir(folder)
        except OSError:  # it holds something
            lost = os.path.join(os.path.dirname(parent), "lost")
            os.makedirs(lost, mode=0o700, exist_ok=True)
            os.rename(folder, f"{lost}/{os.path.basename(folder)}-{os.urandom(6).hex()}")


def discard(path: str, parent: str) -> None:
    """Remove a folder that others may look into: it is gone in one rename into `parent`, then deleted.

    Is idempotent.  What a kill, or a process that still writes to it, leaves over is deleted by a sweep.
    """
    delete(move_away(path, parent))


def move_away(path: str, parent: str) -> str:
    """The first half of discard(): the new name, for delete()."""
    gone = _fresh(parent) + GONE
    with contextlib.suppress(FileNotFoundError):
        os.rename(path, gone)
    return gone


def delete(gone: str) -> None:
    """Delete what nobody looks for any more; one process at a time does it, others do not wait."""
    with contextlib.suppress(OSError):
        if os.path.islink(gone):  # it cannot be locked, and is gone at once
            os.unlink(gone)
            return
        lock = locks.attempt_existing(gone)
        if lock is None:
            return
        try:
            remove_tree(gone)
        finally:
            locks.release(lock)


def sweep(parent: str, settle: Callable[[str], None] = lambda name: None) -> None:
    """Remove what killed processes left.  Costs one listing when there is nothing.

    What cannot be removed is left to the next sweep: nobody fails for what another left.  `settle` is told
    the name of each lock that nobody holds any more, without ``.lock``, and may raise OSError to keep it.
    """
    for entry in os.listdir(parent):
        path = os.path.join(parent, entry)
        if entry.endswith(GONE):
            delete(path)
        elif entry.endswith(LOCKED):
            _sweep_one(path, settle)


def _sweep_one(path: str, settle: Callable[[str], None]) -> None:
    """Remove a file that no living process has locked, and the folder that it stands for."""
    with contextlib.suppress(OSError):
        lock = locks.attempt_existing(path)
        if lock is None:
            return
        try:
            settle(os.path.basename(path).removesuffix(".lock"))
            remove_tree(path.removesuffix(".lock"))
            os.unlink(path)
        finally:
            locks.release(lock)


def _fresh(parent: str) -> str:
    return os.path.join(parent, f"{os.getpid()}-{os.urandom(6).hex()}")


@contextlib.contextmanager
def hold(path: str, wait: Callable[[bool], None]) -> Iterator[None]:
    """Hold a lock file alone.  While another thread or process does, `wait` is called again and again, with
    True the first time; it may raise.  The file is gone afterwards, or swept if we are killed."""
    first = True
    while (lock := locks.attempt(path)) is None:
        wait(first)
        first = False
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # where nothing can be written there is none
            os.unlink(path)
        locks.release(lock)


def is_held(path: str) -> bool:
    """Whether a living process has a file locked."""
    try:
        lock = locks.attempt_existing(path, locks.TOGETHER)
    except OSError:
        return False
    if lock is None:
        return True
    locks.release(lock)
    return False
