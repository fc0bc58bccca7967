"""A writable root file system over layers, and what was changed in it.

Two ways with one promise: `Overlay` mounts (root, or a plain user in a user namespace), `Copied` makes a
real copy and compares it with an index taken before (where nothing may be mounted).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from wherry.layers.remove import remove_tree
from wherry.layers.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence


class Snapshot(Protocol):
    """`root` is usable until close()."""

    root: str

    def changes(self) -> str:
        """A folder in overlay form with what differs from the layers, for the caller to take away.

        To be called once, when no process uses `root` any more.
        """

    def close(self) -> None:
        """Let go of `root`; the work folder keeps the state that changes() did not take."""


class Snapshots(Protocol):
    name: str  # "overlay" or "copy"

    def open(self, layers: Sequence[str], work: str) -> Snapshot:
        """A root over `layers` (trees in overlay form, lowest first), its state kept in `work`.

        `work` may be a fresh folder, or one that was used before: with the same layers, to go on with
        what was changed; with more layers on top, after changes() became the first of those.
        """

    def view(self, layers: Sequence[str], work: str) -> View:
        """What open() would show, to be read only: nothing is mounted or copied for it."""


class Overlay:
    """overlayfs, always with `userxattr`, so that trees have one form for root and for plain users."""

    name = "overlay"

    def open(self, layers: Sequence[str], work: str) -> Snapshot:
        return _Mounted(layers, work)

    def view(self, layers: Sequence[str], work: str) -> View:
        upper = os.path.join(work, "upper")
        return View([*layers, upper] if os.path.isdir(upper) else layers)


class _Mounted:
    """`work` holds ``upper``, overlayfs' own ``work``, ``scaffold`` and the mount point ``root``.

    The scaffold is the lowest layer: the places where a sandbox mounts things exist there, so that none
    of them has to be made in ``upper``, where it would become a part of the image.
    """

    def __init__(self, layers: Sequence[str], work: str) -> None:
        from wherry import linux

        self._work = work
        self._upper = os.path.join(work, "upper")
        self.root = os.path.join(work, "root")
        if not os.path.isdir(self._upper):
            self._make_upper(layers)
        for folder in ("work", "root"):
            os.makedirs(os.path.join(work, folder), exist_ok=True)
        # overlayfs takes the uppermost first, and no folder twice.  A layer that comes twice (two steps
        # with the same result) is whole in its upper place, so the lower one can be left out.
        lower = [*dict.fromkeys(reversed(layers)), _scaffold(work)]
        options = ["userxattr", "index=off", "xino=off"]
        with _Short(lower) as names:
            options.append("lowerdir=" + ":".join(_escaped(name) for name in names))
            options.append("upperdir=" + _escaped(self._upper))
            options.append("workdir=" + _escaped(os.path.join(work, "work")))
            linux.mount("overlay", self.root, "overlay", 0, ",".join(options))

    def _make_upper(self, layers: Sequence[str]) -> None:
        """An empty upper folder; it gives the merged root its mode and owner, so it takes the lower's."""
        os.mkdir(self._upper)
        mode, owner = 0o755, (0, 0)
        if layers:
            status = os.stat(layers[-1])
            mode, owner = status.st_mode & 0o7777, (status.st_uid, status.st_gid)
        os.chown(self._upper, *owner)
        os.chmod(self._upper, mode)

    def changes(self) -> str:
        self.close()
        return self._upper

    def close(self) -> None:
        from wherry import linux

        if os.path.ismount(self.root):
            linux.umount2(self.root, linux.MNT_DETACH)
        # overlayfs leaves ``work/work`` with mode 000 behind; a new mount makes it again.
        remove_tree(os.path.join(self._work, "work"))


SCAFFOLD_FOLDERS = ("dev", "etc", "proc", "sys")
SCAFFOLD_FILES = ("etc/hostname", "etc/hosts", "etc/resolv.conf")


def _scaffold(work: str) -> str:
    top = os.path.join(work, "scaffold")
    if not os.path.isdir(top):
        os.mkdir(top)
        for folder in SCAFFOLD_FOLDERS:
            os.mkdir(os.path.join(top, folder))
        for name in SCAFFOLD_FILES:
            os.close(os.open(os.path.join(top, name), os.O_CREAT | os.O_WRONLY, 0o644))
    return top


class _Short:
    """The lower folders by names that fit into the page that mount(2) takes its options in.

    Where absolute names do not fit, the working folder is changed to their common parent for as long as
    the mount takes, and they are given relative to it.
    """

    ROOM = 3000

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._before = -1

    def __enter__(self) -> list[str]:
        if sum(len(name) + 1 for name in self._names) < self.ROOM:
            return self._names
        parent = os.path.dirname(self._names[0])
        self._before = os.open(".", os.O_PATH | os.O_CLOEXEC)
        os.chdir(parent)
        return [os.path.relpath(name, parent) for name in self._names]

    def __exit__(self, *_: object) -> None:
        if self._before >= 0:
            os.fchdir(self._before)
            os.close(self._before)


def _escaped(path: str) -> str:
    """A path inside mount options: overlayfs splits at ``:`` and mount at ``,``."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
