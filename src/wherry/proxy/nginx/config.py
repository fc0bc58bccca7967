"""PURE: an nginx configuration as a tree of directives, and its text."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

from wherry.proxy.nginx.quote import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

REMEMBERED = 1 << 15
"""Lines that were quoted before: of ten thousand routes all but one are the same at the next change."""


class Directive(NamedTuple):
    """One directive; `block` is None for a simple one (ends with ``;``).

    Parameters, and a name that came from data (the entries of a map), are quoted when written; only
    `quote.Code` may hold variables.
    """

    name: str
    args: tuple[str, ...] = ()
    block: tuple[Directive, ...] | None = None


def simple(name: str, *args: str | int) -> Directive:
    return Directive(name, tuple(a if isinstance(a, str) else str(a) for a in args))


def block(name: str, args: Iterable[str], children: Iterable[Directive]) -> Directive:
    return Directive(name, tuple(args), tuple(children))


def text(directives: Iterable[Directive]) -> str:
    """The configuration's text: one directive a line, four blanks a level, no comments.

    Raises quote.Unquotable before anything is returned.
    """
    lines: list[str] = []
    _write(lines, directives, "")
    return "\n".join(lines) + "\n"


@functools.lru_cache(REMEMBERED, typed=True)  # typed: Code and str of the same letters differ
def _words(*words: str) -> str:
    return " ".join(map(quote, words))


def _write(lines: list[str], directives: Iterable[Directive], indent: str) -> None:
    for name, args, children in directives:
        head = indent + _words(name, *args)
        if children is None:
            lines.append(head + ";")
        else:
            lines.append(head + " {")
            _write(lines, children, indent + "    ")
            lines.append(indent + "}")
