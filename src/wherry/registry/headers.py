"""PURE: what registries say in the headers of their answers.

Sources: RFC 9110 (challenges, 11.6.1; Retry-After, 10.2.3; Content-Range, 14.4), RFC 8288 (Link),
the distribution's token specification.
"""

from __future__ import annotations

from wherry.digits import whole
from wherry.pattern import pattern
from wherry.typed import NamedTuple

_TOKEN = pattern(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_QUOTED = pattern(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = pattern(r"\\(.)")
_RANGE = pattern(r"(?:bytes[= ])?\s*([0-9]+)-([0-9]+)")
_NEXT = pattern(r'<([^>]*)>\s*;[^,]*\brel="?next"?', 2)  # re.IGNORECASE
LONGEST = 8192
"""Characters of a header that are looked at."""


class Challenge(NamedTuple):
    """A way to be let in; `scheme` and the names of parameters in lower case."""

    scheme: str
    parameters: dict[str, str]


def challenges(text: str) -> list[Challenge]:
    """What a WWW-Authenticate header asks for, in its order; what cannot be understood is left out."""
    found: list[Challenge] = []
    text = text[:LONGEST]
    place = 0
    while place < len(text):
        if text[place] in " ,\t":
            place += 1
            continue
        word = _TOKEN.match(text, place)
        if word is None:
            break
        place = word.end()
        if text[place : place + 1] == "=" and found:
            value, place = _value(text, place + 1)
            found[-1].parameters[word[0].lower()] = value
        else:
            found.append(Challenge(word[0].lower(), {}))
    return found


def _value(text: str, place: int) -> tuple[str, int]:
    quoted = _QUOTED.match(text, place)
    if quoted is not None:
        return _ESCAPE.sub(r"\1", quoted[1]), quoted.end()
    word = _TOKEN.match(text, place)
    return (word[0], word.end()) if word is not None else ("", len(text))


def next_page(link: str) -> str | None:
    """Where a Link header says that the list goes on."""
    found = _NEXT.search(link[:LONGEST])
    return found[1] if found is not None else None


def retry_after(text: str, now: float) -> float | None:
    """Seconds to wait, by a number or a date; None where it says nothing."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None


def first_of_range(text: str) -> int | None:
    """The first byte of a Content-Range (``bytes 7-9/10``)."""
    found = _RANGE.match(text)
    return whole(found[1]) if found is not None else None


def received(text: str) -> int:
    """How many bytes of an upload have arrived, by its Range header (``0-41`` is 42; none is 0)."""
    found = _RANGE.match(text)
    # Some registries say 0-0 where nothing has arrived, which one byte would be, too: it is sent again.
    last = whole(found[2]) if found is not None else 0
    return last + 1 if last else 0
