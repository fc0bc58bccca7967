"""PURE: from the text to logical lines: directives, comments, continuations, heredocs.

Source: the Dockerfile reference, "Format", "Parser directives", "Here-documents"; where it is silent, what
BuildKit's parser does.
"""

from __future__ import annotations

import re

from wherry.dockerfile.ast import Heredoc, Location
from wherry.errors import DockerfileError
from wherry.typed import NamedTuple

_DIRECTIVE = re.compile(r"#[ \t]*([a-zA-Z][a-zA-Z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*\Z")
_HEREDOC = re.compile(r"[0-9]*<<(-?)([^<]*)\Z")
KNOWN_DIRECTIVES = ("escape", "syntax", "check")
WITH_HEREDOCS = ("RUN", "COPY", "ADD", "ONBUILD")
SPACES = " \t\v\f\r"
LARGEST = 1 << 24
"""Bytes of a Dockerfile or a .dockerignore."""
MOST_INSTRUCTIONS = 1 << 18


class LogicalLine(NamedTuple):
    """One instruction: its text with continuations joined and the here-documents that follow it."""

    text: str
    location: Location
    heredocs: tuple[Heredoc, ...]


def split(text: str, name: str) -> tuple[dict[str, str], list[LogicalLine]]:
    """The directives at the top, and the logical lines.  Raises DockerfileError."""
    lines = text.removeprefix("\ufeff").split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    lines = [line.removesuffix("\r") for line in lines]
    _refuse_nul(lines, name)
    directives, start = _directives(lines, name)
    return directives, _join(lines, start, directives.get("escape", "\\"), name)


def _refuse_nul(lines: list[str], name: str) -> None:
    """No program, path or variable can hold one: the file is not text."""
    for number, line in enumerate(lines, 1):
        if "\0" in line:
            place = Location(name, number, number, (line,))
            raise fail(place, "a NUL byte", column=line.index("\0") + 1, hint="is this a Dockerfile?")


def fail(location: Location, message: str, *, column: int = 0, hint: str | None = None) -> DockerfileError:
    """An error at a place."""
    return DockerfileError(
        message,
        name=location.name,
        line=location.line,
        end_line=location.end_line,
        column=column,
        source=location.lines,
        hint=hint,
    )


def _directives(lines: list[str], name: str) -> tuple[dict[str, str], int]:
    """Directives end at the first line that is not one."""
    found: dict[str, str] = {}
    for index, line in enumerate(lines):
        match = _DIRECTIVE.match(line.strip())
        key = match[1].lower() if match else ""
        if match is None or key not in KNOWN_DIRECTIVES:
            return found, index
        place = Location(name, index + 1, index + 1, (line,))
        if key in found:
            raise fail(place, f"only one {key} parser directive can be used")
        if key == "escape" and match[2] not in ("\\", "`"):
            raise fail(place, f"invalid escape character {match[2]!r}: it must be \\ or `")
        found[key] = match[2]
    return found, len(lines)


def _join(lines: list[str], start: int, escape: str, name: str) -> list[LogicalLine]:
    result: list[LogicalLine] = []
    index = start
    while index < len(lines):
        first = lines[index].lstrip()
        if not first or first.startswith("#"):
            index += 1
            continue
        begin = index
        pieces = []
        piece, goes_on = _continued(first, escape)
        pieces.append(piece)
        index += 1
        while goes_on and index < len(lines):
            line = lines[index]
            index += 1
            # Comments and blank lines inside an instruction do not end it.
            stripped = line.lstrip()
            if stripped and not stripped.startswith("#"):
                piece, goes_on = _continued(line, escape)
                pieces.append(piece)
        text = "".join(pieces)
        if not text.strip():
            continue
        heredocs: list[Heredoc] = []
        words = text.split(None, 1)
        if words and words[0].upper() in WITH_HEREDOCS and "<<" in text:
            index = _heredocs(lines, begin, index, text, escape, name, heredocs)
        location = Location(name, begin + 1, index, tuple(lines[begin:index]))
        if len(result) == MOST_INSTRUCTIONS:
            raise fail(location, f"more than {MOST_INSTRUCTIONS} instructions")
        result.append(LogicalLine(text.rstrip(SPACES), location, tuple(heredocs)))
    return result


def _continued(line: str, escape: str) -> tuple[str, bool]:
    """The line without its continuation character, and whether it had one.

    Two escape characters at the end are one escaped escape character, not a continuation.
    """
    bare = line.rstrip(" \t")
    if bare.endswith(escape) and not bare.endswith(escape * 2):
        return bare[:-1], True
    return line, False


def _heredocs(
    lines: list[str], begin: int, index: int, text: str, escape: str, name: str, found: list[Heredoc]
) -> int:
    """Read the here-documents that `text` announces; the index of the line after them."""
    for word in shell_words(text, escape):
        parsed = heredoc_word(word)
        if parsed is None:
            continue
        marker, expand, chomp = parsed
        content: list[str] = []
        while True:
            if index >= len(lines):
                place = Location(name, begin + 1, begin + 1, (lines[begin],))
                raise fail(
                    place,
                    f"unterminated heredoc: no line {marker} ends it",
                    hint=f"end the document with {marker} alone on a line",
                )
            line = lines[index].lstrip("\t") if chomp else lines[index]
            index += 1
            if line == marker:
                break
            content.append(line + "\n")
        found.append(Heredoc(marker, "".join(content), expand, chomp))
    return index


def heredoc_word(word: str) -> tuple[str, bool, bool] | None:
    """(name, expand, chomp) if a shell word announces a here-document."""
    match = _HEREDOC.match(word)
    if match is None or not match[2]:
        return None
    raw = match[2]
    name = raw.replace('"', "").replace("'", "").replace("\\", "")
    if not name or any(c in SPACES for c in name):
        return None
    return name, name == raw, match[1] == "-"


def shell_words(text: str, escape: str) -> list[str]:
    """Split at white space outside quotes, quotes and escapes kept as written."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    position = 0
    while position < len(text):
        char = text[position]
        if char == escape and quote != "'" and position + 1 < len(text):
            word.append(text[position : position + 2])
            position += 2
            continue
        position += 1
        if quote:
            if char == quote:
                quote = ""
            word.append(char)
        elif char in SPACES or char == "\n":
            if word:
                words.append("".join(word))
                word = []
        else:
            if char in "\"'":
                quote = char
            word.append(char)
    if word:
        words.append("".join(word))
    return words
