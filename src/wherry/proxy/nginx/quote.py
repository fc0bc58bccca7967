"""PURE: how one parameter is written in an nginx configuration.  Nothing else in wherry quotes for nginx.

nginx has no escape for ``$`` and none for a control character other than tab, CR and LF, splits at blanks,
``;``, ``{`` and ``}``, and takes ``#`` at the beginning of a word for a comment (ngx_conf_read_token).
Data therefore never holds a ``$`` or a control character: such text is refused, not repaired.
"""

from __future__ import annotations

import re

LONGEST = 2048
"""Bytes of one parameter; nginx refuses more than its 4096-byte buffer with "too long parameter"."""

_PLAIN = re.compile(r"[A-Za-z0-9_./:*=-]+\Z")
_PLAIN_CODE = re.compile(r"(?:\(?[$^]?[A-Za-z0-9_./:*=-]*|~\*?|\))\Z")
_PRINTABLE = re.compile(r"[\x20-\x7e]*\Z")
_MAP_WORDS = frozenset({"default", "hostnames", "include", "volatile"})


class Unquotable(ValueError):
    """This text must not stand in an nginx configuration."""


class Code(str):
    """A parameter with nginx variables or a regular expression in it, written by wherry itself.

    Only literals of this package become Code; data that came from outside is a plain str.
    """

    __slots__ = ()


def quote(text: str) -> str:
    """`text` as one nginx parameter.  Raises Unquotable for what nginx could read as anything else.

    Printable ASCII only; a ``$`` or a line feed only in Code.
    """
    if len(text) > LONGEST:
        raise Unquotable(f"longer than {LONGEST} bytes")
    if isinstance(text, Code):
        if text and _PLAIN_CODE.match(text):
            return text
        return "\\n".join(_in_quotes(line)[1:-1] for line in text.split("\n")).join('""')
    if _PLAIN.match(text):
        return text
    if "$" in text:
        raise Unquotable("a $ would be read as a variable")
    return _in_quotes(text)


def _in_quotes(text: str) -> str:
    if not _PRINTABLE.match(text):
        raise Unquotable("control characters and characters outside ASCII cannot be written")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def map_key(text: str) -> str:
    """`text` as a source value of a ``map``, where some words and first characters mean something else.

    ``include`` as a host's name would read a file; ``~`` would begin a regular expression.  A backslash in
    front takes that meaning away (ngx_http_map_module, "special parameters").
    """
    if text in _MAP_WORDS or text[:1] in ("~", "\\"):
        return "\\" + text
    return text


def exactly(text: str) -> str:
    """A regular expression that matches `text` and nothing else, case-sensitively, anchored."""
    return "~^" + re.escape(text) + "\\z"
