"""PURE: an image as it is compared."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from wherry.packages.package import Package

FILE, FOLDER, SYMLINK = "file", "folder", "symlink"
DEVICE, FIFO, SOCKET = "device", "fifo", "socket"


class File(NamedTuple):
    """One file of the merged file system.

    `mode` are its permissions without the type, `size` bytes (of a symlink those of its target; 0 for what
    is neither file nor symlink).  `detail` is a symlink's target, or a device's ``b 8:1``.  `place` is its
    file on the host: the same place is the same content.
    """

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    detail: str = ""
    place: str = ""


class Layer(NamedTuple):
    """`size` in bytes, as ``wherry history`` counts them; `created_by` is its command, or ""."""

    diff_id: str
    size: int
    created_by: str = ""


class Libc(NamedTuple):
    """A C library: ``glibc``, ``musl`` or ``uclibc``, its version or "", the path of its loader."""

    name: str
    version: str
    loader: str


class Program(NamedTuple):
    """What the image starts: its path, and for an ELF file the loader that it needs, "" for a static one.

    `script` is the path of a script that `path` is the interpreter of.
    """

    path: str
    loader: str = ""
    script: str = ""
    is_elf: bool = True


class Subject(NamedTuple):
    """One image.

    `files` are by their path without a leading slash; `system` is the distribution by its own words.
    `unread` are package databases that are there and cannot be read.
    """

    name: str
    id: str
    platform: str
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]
    files: Mapping[str, File]
    system: str = ""
    packages: tuple[Package, ...] = ()
    unread: tuple[str, ...] = ()
    users: Mapping[str, int] = {}
    groups: Mapping[str, int] = {}
    libcs: tuple[Libc, ...] = ()
    program: Program | None = None

    @property
    def size(self) -> int:
        """Bytes, as ``wherry images`` counts: each layer in full."""
        return sum(layer.size for layer in self.layers)
