"""One file of a layer, as tars and trees have it in common."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os

# Types, by the letter that ustar gives them (POSIX pax, "ustar Interchange Format").
FILE, LINK, SYMLINK, CHARACTER, BLOCK, FOLDER, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"

# OCI image-spec, layer.md, "Whiteouts": in tars by name, in trees in overlayfs' own form.
WHITEOUT = b".wh."
OPAQUE = b".wh..wh..opq"

XATTR_OPAQUE = "user.overlay.opaque"
XATTR_WHITEOUT = "user.overlay.whiteout"


# The time (seconds) of what a step of a reproducible build wrote: see `timeless`.  1980-01-02T00:00:01Z:
# zip archives can hold it in every time zone, and no tool is known that gives this second to files.
NEW = 315_619_201


class Entry(NamedTuple):
    """`name` has no leading or trailing slash, "" is the root.  `mode` is the permission bits (with
    setuid, setgid, sticky), `mtime` in whole seconds, `size` in bytes (files only), `target` what a
    symlink holds or the name that a hard link repeats, `xattrs` (name, value) sorted by name.
    """

    name: bytes
    type: bytes
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    mtime: int = 0
    target: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[bytes, bytes], ...] = ()


SAME: dict[int, int] = {}
"""Modes and devices, each number once: every file has one of the same few."""


class Status(NamedTuple):
    """What is kept of many files' statuses: half of what os.stat_result takes, by the same names."""

    st_mode: int
    st_ino: int
    st_dev: int
    st_nlink: int
    st_uid: int
    st_gid: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int
    st_rdev: int

    @classmethod
    def of(cls, status: os.stat_result) -> Status:
        mode, inode, device, links, uid, gid, size = status[:7]
        mode, device = SAME.setdefault(mode, mode), SAME.setdefault(device, device)
        moments = status.st_mtime_ns, status.st_ctime_ns
        values = mode, inode, device, links, uid, gid, size, *moments, status.st_rdev
        return tuple.__new__(cls, values)  # cls() takes twice as long, and contexts have many files


if TYPE_CHECKING:
    AnyStatus = Status | os.stat_result


def kept_xattr(name: str) -> bool:
    """Whether an extended attribute belongs to the image: capabilities, ACLs and the user's own.

    ``trusted.*`` and ``user.overlay.*`` are overlayfs' notes to itself; ``security.selinux`` and the like
    describe this host.
    """
    if name.startswith("user."):
        return not name.startswith("user.overlay.")
    return name == "security.capability" or name.startswith("system.posix_acl_")
