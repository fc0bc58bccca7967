"""PURE: from the text to logical lines: directives, comments, continuations, heredocs.

Source: the Dockerfile reference, "Format", "Parser directives", "Here-documents"; where it is silent, what
BuildKit's parser does.
"""

from __future__ import annotations

from wherry import jsontext as json
from wherry.dockerfile.ast import Heredoc, Location
from wherry.dockerfile.heredocs import announced
from wherry.errors import DockerfileError
from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.dockerfile.heredocs import Announced

KNOWN_DIRECTIVES = ("escape", "syntax", "check")
WITH_HEREDOCS = ("RUN", "COPY", "ADD")
_FLAGS = pattern(r"\A(?:\s*--\S+)*\s*")
SPACES = " \t\v\f\r"
TO_SPACE = dict.fromkeys(map(ord, SPACES), " ")
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
    raw = lines
    lines = [line.removesuffix("\r") for line in lines]
    _refuse_nul(lines, name)
    directives, start = _directives(lines, name)
    return directives, _join(raw, lines, start, directives.get("escape", "\\"), name)


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
    """Directives end at the first line that is not one.  Behind a shebang `escape` is only a comment."""
    found: dict[str, str] = {}
    shebang = bool(lines) and lines[0].startswith("#!")
    for index, line in enumerate(lines):
        if shebang and index == 0:
            continue
        key, value = _directive(line.strip())
        if key not in KNOWN_DIRECTIVES or not value:
            return found, index
        place = Location(name, index + 1, index + 1, (line,))
        if key in found:
            raise fail(place, f"only one {key} parser directive can be used")
        if key == "escape" and shebang:
            continue
        if key == "escape" and value not in ("\\", "`"):
            raise fail(place, f"invalid escape character {value!r}: it must be \\ or `")
        found[key] = value
    return found, len(lines)


def _directive(line: str) -> tuple[str, str]:
    """The name, in lower case, and the value of ``# name = value``; "" where a line is no comment."""
    if not line.startswith("#"):
        return "", ""
    name, _, value = line[1:].partition("=")
    name = name.strip(" \t")
    return name.lower() if name.isascii() else "", value.strip(" \t")


def _join(raw: list[str], lines: list[str], start: int, escape: str, name: str) -> list[LogicalLine]:
    """`raw` are the lines with what ends them on Windows, which stays in here-documents."""
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
        if "<<" in text and _takes_heredocs(text):
            index = _heredocs(raw, begin, index, announced(text), name, heredocs)
        location = Location(name, begin + 1, index, tuple(lines[begin:index]))
        if len(result) == MOST_INSTRUCTIONS:
            raise fail(location, f"more than {MOST_INSTRUCTIONS} instructions")
        result.append(LogicalLine(text.rstrip(SPACES), location, tuple(heredocs)))
    return result


def _takes_heredocs(text: str) -> bool:
    """COPY, ADD and RUN that have not the exec form, ONBUILD of such ones, too."""
    words = text.split(None, 1)
    if words[0].upper() == "ONBUILD" and len(words) > 1:
        words = words[1].split(None, 1)
    return words[0].upper() in WITH_HEREDOCS and not (
        len(words) > 1 and json_array(_FLAGS.sub("", words[1])) is not None
    )


def json_array(text: str) -> list[object] | None:
    """The exec form: a JSON array and nothing else; None for any other text."""
    if not text.startswith("["):
        return None
    try:
        value = json.loads(text)
        if "N" in text or "I" in text:
            _refuse_constants(text)
    except (ValueError, RecursionError):
        return None
    assert isinstance(value, list)  # noqa: S101
    return value


def _refuse_constants(text: str) -> None:
    """Raises ValueError for NaN and the like, which Python's json takes."""
    from json import loads

    def refuse(name: str) -> object:
        raise ValueError(name)

    loads(text, parse_constant=refuse)


def _continued(line: str, escape: str) -> tuple[str, bool]:
    """The line without its continuation character, and whether it had one.

    Two escape characters at the end are one escaped escape character, not a continuation.
    """
    bare = line.rstrip(" \t")
    if bare.endswith(escape) and not bare.endswith(escape * 2):
        return bare[:-1], True
    return line, False


def _heredocs(
    raw: list[str], begin: int, index: int, documents: list[Announced], name: str, found: list[Heredoc]
) -> int:
    """Read the here-documents that a line announces; the index of the line after them."""
    for marker, expand, chomp in documents:
        content: list[str] = []
        while True:
            if index >= len(raw):
                place = Location(name, begin + 1, len(raw), tuple(raw[begin : begin + 1]))
                raise fail(
                    place,
                    f"unterminated heredoc <<{marker}: no line {marker} ends it",
                    hint=f"end the document with {marker} alone on a line",
                )
            line = raw[index]
            index += 1
            end = line.rstrip("\r")
            if (end.lstrip("\t") if chomp else end) == marker:
                break
            content.append(line + "\n")
        found.append(Heredoc(marker, "".join(content), expand, chomp))
    return index


def words_of(text: str) -> list[str]:
    """Split at white space alone: quotes and escape characters are part of the words."""
    return [word for word in text.translate(TO_SPACE).split(" ") if word]


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
