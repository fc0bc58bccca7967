"""PURE: which words of a line announce a here-document.

Source: the Dockerfile reference, "Here-documents"; where it is silent, what BuildKit's parser does.  The
escape character is a backslash here, whatever the directive says.
"""

from __future__ import annotations

from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import re

_WORD = pattern(r"[0-9]*<<(-?)\s*([^<]*)\Z")
# What a word is made of; a quote that is not closed is none of these.
_PIECE = pattern(
    r"""(?sx)\\(?P<escaped>.)|'(?P<single>[^']*)'|"(?P<double>(?:\\.|[^"\\])*)"
    |(?P<space>\s)|<<[\t\r\ ]*|[^'"]"""
)
_IN_DOUBLE = pattern(r'\\(["$\\])')


class Announced(NamedTuple):
    """`expand` unless its word was quoted; `chomp`: leading tabs are left out."""

    name: str
    expand: bool
    chomp: bool


def announced(line: str) -> list[Announced]:
    """All here-documents of a line, in their order; none where a quote is open."""
    if "<<" not in line:
        return []
    words = [""]
    at = 0
    while at < len(line):
        piece = _PIECE.match(line, at)
        if piece is None:
            return []
        at = piece.end()
        if piece["space"]:
            words.append("")
        else:
            words[-1] += piece[0]
    found = (heredoc_word(word) for word in words)
    return [one for one in found if one is not None]


def heredoc_word(word: str) -> Announced | None:
    """What a word announces, None where it is no here-document's."""
    match = _WORD.match(word) if "<<" in word else None
    if match is None:
        return None
    name, quoted, at = "", False, 0
    while at < len(match[2]):
        piece = _PIECE.match(match[2], at)
        if piece is None or piece["space"]:
            return None
        at = piece.end()
        quoted = quoted or piece["single"] is not None or piece["double"] is not None
        name += _plain(piece)
    return Announced(name, not quoted, match[1] == "-") if name else None


def _plain(piece: re.Match[str]) -> str:
    if piece["escaped"] is not None:
        return piece["escaped"]
    if piece["single"] is not None:
        return piece["single"]
    if piece["double"] is not None:
        return _IN_DOUBLE.sub(r"\1", piece["double"])
    return "" if piece[0] == "\\" else piece[0]
