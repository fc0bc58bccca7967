"""PURE: where a pattern of ``*``, ``?`` and characters matches in a value: ``${v#p}``, ``${v/p/r}``.

Between its stars a pattern is made of pieces of fixed length.  The first place for the first piece, then
the first for each that follows, and the last place for the last one: that is the longest match, found
without going back, so time is at most the pattern's length times the value's, at the speed of comparing
strings.
"""

from __future__ import annotations

from wherry.dockerfile.glob import ANY, MANY, Token
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Piece(NamedTuple):
    """What stands between two stars: its length, and (offset, text) of its literal parts, longest first."""

    size: int
    parts: tuple[tuple[int, str], ...]

    def at(self, value: str, start: int) -> bool:
        """Whether it matches at `start`."""
        return start + self.size <= len(value) and all(
            value.startswith(text, start + offset) for offset, text in self.parts
        )

    def find(self, value: str, start: int, last: int) -> int:
        """The first place from `start` to `last`, or -1."""
        last = min(last, len(value) - self.size)
        if not self.parts:
            return start if start <= last else -1
        offset, text = self.parts[0]
        while start <= last:
            found = value.find(text, start + offset)
            if found < 0 or found - offset > last:
                return -1
            start = found - offset
            if self.at(value, start):
                return start
            start += 1
        return -1

    def rfind(self, value: str, start: int) -> int:
        """The last place from `start`, or -1."""
        last = len(value) - self.size
        if not self.parts:
            return last if start <= last else -1
        offset, text = self.parts[0]
        while start <= last:
            found = value.rfind(text, start + offset, last + offset + len(text))
            if found < 0:
                return -1
            last = found - offset
            if self.at(value, last):
                return last
            last -= 1
        return -1


Pieces = tuple[Piece, ...]


def pieces(tokens: Sequence[Token]) -> Pieces:
    """A pattern cut at its stars: n stars make n + 1 pieces."""
    found: list[list[Token]] = [[]]
    for token in tokens:
        if token is MANY:
            found.append([])
        else:
            found[-1].append(token)
    return tuple(map(_piece, found))


def _piece(tokens: list[Token]) -> Piece:
    parts: list[tuple[int, list[str]]] = []
    for offset, token in enumerate(tokens):
        if token is ANY:
            continue
        if not offset or tokens[offset - 1] is ANY:
            parts.append((offset, []))
        parts[-1][1].append(str(token))
    joined = ((offset, "".join(text)) for offset, text in parts)
    return Piece(len(tokens), tuple(sorted(joined, key=lambda part: -len(part[1]))))


def prefix(pattern: Pieces, value: str, *, longest: bool) -> int | None:
    """The length of the longest or shortest beginning of a value that the pattern matches, or None."""
    return _end(pattern, value, 0, longest=longest) if pattern[0].at(value, 0) else None


def search(pattern: Pieces, value: str, start: int) -> tuple[int, int] | None:
    """(begin, end) of the first match from `start`, the longest there; None for none.

    If what follows the first place of the first piece does not fit there, it fits nowhere later.
    """
    begin = pattern[0].find(value, start, len(value))
    if begin < 0:
        return None
    end = _end(pattern, value, begin, longest=True)
    return None if end is None else (begin, end)


def _end(pattern: Pieces, value: str, begin: int, *, longest: bool) -> int | None:
    """Where a match ends whose first piece is at `begin`."""
    first, *middle = pattern
    at = begin + first.size
    if not middle:
        return at
    last = middle.pop()
    for piece in middle:
        found = piece.find(value, at, len(value))
        if found < 0:
            return None
        at = found + piece.size
    found = last.rfind(value, at) if longest else last.find(value, at, len(value))
    return None if found < 0 else found + last.size
