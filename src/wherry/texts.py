"""Many texts as bytes, some at a time: what 200,000 files are is never one string in memory."""

from __future__ import annotations

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PIECE = 1 << 17


def encoded(texts: Iterable[str]) -> Iterator[bytes]:
    """The texts one after the other, as UTF-8, in pieces of about PIECE bytes."""
    taken: list[str] = []
    size = 0
    for text in texts:
        taken.append(text)
        size += len(text)
        if size >= PIECE:
            yield "".join(taken).encode("utf-8", "surrogateescape")
            taken.clear()
            size = 0
    if taken:
        yield "".join(taken).encode("utf-8", "surrogateescape")
