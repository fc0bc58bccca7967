"""A writable root file system over layers, and what was changed in it.

Two ways with one promise: `Overlay` mounts (root, or a plain user in a user namespace), `Copied` makes a
real copy and compares it with an index taken before (where nothing may be mounted).
"""

from __future__ import annotations

import contextlib
import os

from wherry.layers.entry import NEW
from wherry.layers.remove import remove_tree
from wherry.layers.view import View
from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class MountPoint(NamedTuple):
    """Where something is going to be mounted: a path without leading slash, and whether it is a folder."""

    path: str
    folder: bool = True


SYSTEM = (
    *map(MountPoint, ("dev", "etc", "proc", "sys")),
    *(MountPoint(f"etc/{name}", folder=False) for name in ("hostname", "hosts", "resolv.conf")),
)


class Snapshot(Protocol):
    """`root` is usable until close()."""

    root: str

    def changes(self, since: int | None = None) -> str:
        """A folder in overlay form with what differs from the layers, for the caller to take away.

        What was written at or after the moment `since` (ns) is clamped (layers.timestamps), in the folder
        and in `root`.  To be called once, when no process uses `root` any more.
        """

    def close(self) -> None:
        """Let go of `root`; the work folder keeps the state that changes() did not take."""


class Snapshots(Protocol):
    name: str  # "overlay" or "copy"

    def open(self, layers: Sequence[str], work: str, places: Sequence[MountPoint] = SYSTEM) -> Snapshot:
        """A root over `layers` (trees in overlay form, lowest first), its state kept in `work`.

        The `places`, parents before what they hold, can be mounted on and leave nothing in changes().

        `work` may be a fresh folder, or one that was used before: with the same layers, to go on with
        what was changed; with more layers on top, after changes() became the first of those.
        """

    def view(self, layers: Sequence[str], work: str) -> View:
        """What open() would show, to be read only: nothing is mounted or copied for it."""

    def copy_changes(self, layers: Sequence[str], work: str, tree: str) -> None:
        """Fill the empty folder `tree`, in overlay form, with what differs from the layers in `work`, which
        stays as it is; it may be in use.  Raises FileNotFoundError where a file goes meanwhile."""


class Overlay:
    """overlayfs, always with `userxattr`, so that trees have one form for root and for plain users, and
    `nodev`: device nodes in it can be made and copied, and nobody can open them."""

    name = "overlay"

    def open(self, layers: Sequence[str], work: str, places: Sequence[MountPoint] = SYSTEM) -> Snapshot:
        return _Mounted(layers, work, places)

    def view(self, layers: Sequence[str], work: str) -> View:
        upper = os.path.join(work, "upper")
        return View([*layers, upper] if os.path.isdir(upper) else layers)

    def copy_changes(self, layers: Sequence[str], work: str, tree: str) -> None:
        from wherry.layers.squash import squash

        upper = os.path.join(work, "upper")
        if os.path.isdir(upper):
            squash([upper], tree)
        else:
            give_root_of(tree, layers)


class _Mounted:
    """`work` holds ``upper``, overlayfs' own ``work``, ``scaffold`` and the mount point ``root``.

    The scaffold is the lowest layer: the places where a sandbox mounts things exist there, so that none
    of them has to be made in ``upper``, where it would become a part of the image.
    """

    def __init__(self, layers: Sequence[str], work: str, places: Sequence[MountPoint]) -> None:
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
        lower = [*dict.fromkeys(reversed(layers)), _scaffold(work, places)]
        self._new = _absent(places, layers)
        options = ["userxattr", "index=off", "xino=off"]
        with _Short(lower) as names:
            options.append("lowerdir=" + ":".join(_escaped(name) for name in names))
            options.append("upperdir=" + _escaped(self._upper))
            options.append("workdir=" + _escaped(os.path.join(work, "work")))
            linux.mount("overlay", self.root, "overlay", linux.MS_NODEV, ",".join(options))

    def _make_upper(self, layers: Sequence[str]) -> None:
        """An empty upper folder; it gives the merged root its mode and owner, so it takes the lower's."""
        os.mkdir(self._upper)
        give_root_of(self._upper, layers)

    def changes(self, since: int | None = None) -> str:
        self.close()
        self._unstub()
        if since is not None:
            from wherry.layers.timestamps import clamp

            clamp(self._upper, since)
        return self._upper

    def _unstub(self) -> None:
        """Where an opaque folder hides the scaffold, a runtime made the places in ``upper`` itself."""
        for place in reversed(self._new):
            path = os.path.join(self._upper, place.path)
            with contextlib.suppress(OSError):
                if place.folder:
                    os.rmdir(path)
                elif os.path.isfile(path) and not os.path.getsize(path):
                    os.unlink(path)

    def close(self) -> None:
        from wherry import linux

        if os.path.ismount(self.root):
            linux.umount2(self.root, linux.MNT_DETACH)
        # overlayfs leaves ``work/work`` with mode 000 behind; a new mount makes it again.
        remove_tree(os.path.join(self._work, "work"))


def give_root_of(tree: str, layers: Sequence[str]) -> None:
    """The mode and owner of the layers' root."""
    mode, owner = 0o755, (0, 0)
    if layers:
        status = os.stat(layers[-1])
        mode, owner = status.st_mode & 0o7777, (status.st_uid, status.st_gid)
    os.chown(tree, *owner)
    os.chmod(tree, mode)


def _scaffold(work: str, places: Sequence[MountPoint]) -> str:
    """Made for each step: a step must not see when."""
    top = os.path.join(work, "scaffold")
    remove_tree(top)
    os.mkdir(top)
    for path, folder in places:
        host = os.path.join(top, path)
        if folder:
            os.makedirs(host, exist_ok=True)
        else:
            os.close(os.open(host, os.O_CREAT | os.O_WRONLY, 0o644))
    for path, _ in reversed(places):
        os.utime(os.path.join(top, path), (NEW, NEW))
    return top


def _absent(places: Sequence[MountPoint], layers: Sequence[str]) -> list[MountPoint]:
    """The places of the caller's own that the layers do not have."""
    view = View(layers)
    own = places[len(SYSTEM) :] if places[: len(SYSTEM)] == SYSTEM else places
    return [place for place in own if view.find(place.path, follow_last=False) is None]


class _Short:
    """The lower folders by names that fit into the page that mount(2) takes its options in.

    Where absolute names do not fit, the working folder of this thread alone is changed to their common
    parent for as long as the mount takes, and they are given relative to it.
    """

    ROOM = 3000

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._before = -1

    def __enter__(self) -> list[str]:
        if sum(len(name) + 1 for name in self._names) < self.ROOM:
            return self._names
        parent = os.path.dirname(self._names[0])
        from wherry import linux

        # Threads share their working folder; from here on this one has its own, which begins as theirs.
        linux.unshare(linux.CLONE_FS)
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
