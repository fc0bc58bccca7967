"""PURE: the files of one layer."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from wherry.programs.symbols import Symbols

FOLDER, FILE, SYMLINK, DEVICE, FIFO = "folder", "file", "symlink", "device", "fifo"


class Content(Protocol):
    """The bytes of a file; each call may raise OSError or CorruptError."""

    def end(self) -> bytes:
        """Something short that files with the same bytes have in common, cheaper than digest().  The end,
        since files of one kind often begin alike."""

    def beginning(self) -> bytes:
        """The same, of other bytes."""

    def digest(self) -> str:
        """The SHA-256 of all bytes, in hex."""

    def read(self, most: int) -> bytes:
        """The first bytes.  Raises UnsupportedError where they are not at hand."""

    def symbols(self) -> Symbols | None:
        """What `strip` would take; None where there is nothing of it, or that is not known."""


class File(NamedTuple):
    """One name in a layer.

    `path` has no leading slash, and bytes that are no UTF-8 as lone surrogates.  `type` is one of the words
    above.  `size` are the bytes that Docker counts: a file's, or those of a symlink's target.  `body` tells
    bytes of the layer apart: hard links have it in common.  `mtime` in Unix seconds.
    """

    path: str
    type: str
    size: int
    mode: int
    uid: int
    gid: int
    mtime: int
    target: str
    body: int
    content: Content | None = None


class LayerFiles(NamedTuple):
    """`whiteouts` are the paths that the layer removes, `opaque` the folders of which it hides all that lay
    there."""

    files: tuple[File, ...]
    whiteouts: tuple[str, ...] = ()
    opaque: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """As Docker counts: hard links once."""
        return sum({file.body: file.size for file in self.files}.values())
