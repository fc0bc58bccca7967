"""Device nodes where nothing keeps a process from using them, because nothing can be mounted `nodev`.

They lie there as nodes of no device (block 0:0, which gives ENXIO to whoever opens it) and are what they
were again in what is taken from there.
"""

from __future__ import annotations

import os
import stat

from wherry.layers.copying import copy_node
from wherry.layers.entry import BLOCK, CHARACTER
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.layers.copying import Device

# Those that every container has, and terminals: character devices by (major, minor).
HARMLESS = frozenset({(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2)})
NONE: Device = (BLOCK, (0, 0))


class Nodes:
    """The disarmed nodes of a root: what they were, by inode."""

    def __init__(self, known: dict[int, Device] | None = None) -> None:
        self.known = known or {}

    def copy_in(self, source: str, target: str) -> None:
        """copy_node() into the root."""
        status = os.lstat(source)
        if not is_armed(status):
            copy_node(source, target)
            return
        copy_node(source, target, device=NONE)
        if os.path.lexists(target):
            self.known[os.lstat(target).st_ino] = _device(status)

    def copy_out(self, source: str, target: str) -> None:
        """copy_node() out of the root."""
        status = os.lstat(source)
        disarmed = stat.S_ISBLK(status.st_mode) and status.st_rdev == 0
        copy_node(source, target, device=self.known.get(status.st_ino) if disarmed else None)

    def as_json(self) -> dict[str, tuple[str, int, int]]:
        return {str(inode): (kind.decode(), *numbers) for inode, (kind, numbers) in self.known.items()}

    @classmethod
    def of_json(cls, value: dict[str, tuple[str, int, int]]) -> Nodes:
        """Of what as_json() gave."""
        return cls({int(i): (kind.encode(), (major, minor)) for i, (kind, major, minor) in value.items()})


def is_armed(status: os.stat_result) -> bool:
    """Whether it is a node of a device that a container may not have."""
    if stat.S_ISBLK(status.st_mode):
        return status.st_rdev != 0
    return stat.S_ISCHR(status.st_mode) and status.st_rdev != 0 and _device(status)[1] not in HARMLESS


def remove_armed(path: str) -> None:
    """Take such nodes out of a folder; what else is in it stays."""
    for folder, _, names in os.walk(path):
        for name in names:
            host = os.path.join(folder, name)
            if is_armed(os.lstat(host)):
                os.unlink(host)


def _device(status: os.stat_result) -> Device:
    kind = BLOCK if stat.S_ISBLK(status.st_mode) else CHARACTER
    return kind, (os.major(status.st_rdev), os.minor(status.st_rdev))
