"""What a process expects in its root, put there as files where nothing can be mounted.

Whatever kills wherry leaves the root in a folder that the next command sweeps: nothing has to survive.
"""

from __future__ import annotations

import functools
import os
import stat

from wherry.layers.disarm import remove_armed
from wherry.layers.remove import remove_tree
from wherry.layers.rootpath import resolve
from wherry.sandbox.devices import DEVICE_MODE, make_node
from wherry.sandbox.files import file_contents
from wherry.sandbox.process import Mount
from wherry.sandbox.spec import DEVICES, LINKS
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.sandbox.process import Process

TMPFS_MODE = 0o1777


class RootfsSetup:
    """Device nodes, files of /etc and movable mounts in the root for a while; leaving puts back what was
    there."""

    def __init__(self, root: str, process: Process) -> None:
        self._root = root
        self._process = process
        self._made: list[str] = []
        self._saved: list[tuple[str, bytes, os.stat_result]] = []
        self._times: dict[str, tuple[int, int]] = {}  # of folders that things are put into
        self._moved: list[_Moved] = []

    def __enter__(self) -> None:
        for name, numbers in DEVICES.items():
            self._make(f"/dev/{name}", functools.partial(_usable_node, numbers=numbers))
        for name, target in LINKS.items():
            self._make(f"/dev/{name}", functools.partial(os.symlink, target))
        for target, text in file_contents(self._process).items():
            host = resolve(self._root, target)
            if os.path.isfile(host):
                with open(host, "rb") as file:
                    self._saved.append((host, file.read(), os.stat(host)))
                write(host, text)
            else:
                self._make(target, functools.partial(write, text=text))
        for mount in self._process.mounts:
            self._move_in(mount)
        self._set_times()

    def __exit__(self, *_: object) -> None:
        # What the step changed in a folder shows in its time, what is done here must not.
        self._times = {folder: _times(folder) for folder in self._times if os.path.isdir(folder)}
        for moved in reversed(self._moved):
            moved.back()
        for path in reversed(self._made):
            try:
                if stat.S_ISDIR(os.lstat(path).st_mode):
                    os.rmdir(path)
                else:
                    os.unlink(path)
            except OSError:
                # The step took it away, or put something of its own there: that is the step's.
                pass
        for path, data, status in self._saved:
            _restore(path, data, status)
        self._set_times()

    def _set_times(self) -> None:
        for folder, times in self._times.items():
            if os.path.isdir(folder):
                os.utime(folder, ns=times)

    def _move_in(self, mount: Mount) -> None:
        path = resolve(self._root, mount.target)
        self._parents(path)
        aside = ""
        if os.path.lexists(path):
            aside = f"{self._root}.aside{len(self._moved)}"
            os.rename(path, aside)
        self._moved.append(_Moved(mount, path, aside))
        if mount.kind == "bind":
            if not self._process.privileged:
                remove_armed(mount.source)
            os.rename(mount.source, path)
        else:
            os.mkdir(path)
            os.chmod(path, TMPFS_MODE)

    def _parents(self, path: str) -> None:
        """The folders above `path`; those that are new go away again."""
        missing = []
        folder = os.path.dirname(path)
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        self._remember(folder)
        for folder in reversed(missing):
            os.mkdir(folder)
            self._made.append(folder)

    def _make(self, target: str, make: Callable[[str], None]) -> None:
        path = resolve(self._root, target, follow_last=False)
        if os.path.lexists(path):
            return
        self._parents(path)
        try:
            make(path)
        except PermissionError:
            return
        self._made.append(path)

    def _remember(self, folder: str) -> None:
        if folder not in self._times:
            self._times[folder] = _times(folder)


class _Moved(NamedTuple):
    """A mount that lies at `path`, and where what it hides waits ("" where that is nothing)."""

    mount: Mount
    path: str
    aside: str

    def back(self) -> None:
        """A step that took it away, or put something else there, changed a mount: nobody looks for that."""
        if self.mount.kind == "bind" and os.path.lexists(self.path):
            os.rename(self.path, self.mount.source)
        remove_tree(self.path)
        if self.aside:
            os.rename(self.aside, self.path)


def _usable_node(path: str, numbers: tuple[int, int]) -> None:
    """A device node; a file in place of /dev/null where the file system is `nodev` (as in a container of
    wherry's own), and nothing in place of others.  Raises PermissionError where nothing was made."""
    make_node(path, numbers)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except PermissionError:
        os.unlink(path)
        if numbers != DEVICES["null"]:
            raise
        write(path, "")
        os.chmod(path, DEVICE_MODE)
    except OSError:
        pass  # a terminal that nobody has is one all the same


def _times(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_atime_ns, status.st_mtime_ns


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)


def _restore(path: str, data: bytes, status: os.stat_result) -> None:
    """The old bytes and times.  As with Docker, what a step writes to these files is not kept."""
    try:
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    except OSError:
        pass
