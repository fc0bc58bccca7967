"""PURE: manual pages, in man(7), from the descriptions that parse the command line.

The wheel brings them (``hatch_build.py``): ``man wherry``, ``man wherry-build``.
"""

from __future__ import annotations

from wherry.cli.core.flags import flags_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wherry.cli.core.flags import Command, Flag


def command_page(command: Command, summary: str, version: str, others: Iterable[str] = ()) -> str:
    """The page of one command; `others` are the names by which Docker's users know it."""
    name = "wherry-" + command.name.replace(" ", "-")
    lines = [
        *_head(name, summary, version),
        ".SH SYNOPSIS",
        f".B wherry {_text(command.name)}",
        _line(command.usage),
    ]
    if command.description:
        lines += [".SH DESCRIPTION", *map(_line, command.description.splitlines())]
    lines += [".SH OPTIONS", *(line for flag in flags_of(command) for line in _option(flag))]
    known = [f"wherry {other}" for other in others]
    if known:
        lines += [".SH OTHER NAMES", _line(", ".join(known))]
    return "\n".join([*lines, ".SH SEE ALSO", r".BR wherry (1)", ""])


def overview_page(command: Command, commands: Mapping[str, str], version: str) -> str:
    """The page of ``wherry`` itself: its global options, and its commands with their summaries."""
    lines = [
        *_head("wherry", command.description, version),
        ".SH SYNOPSIS",
        ".B wherry",
        _line(command.usage),
        ".SH OPTIONS",
        *(line for flag in flags_of(command) for line in _option(flag)),
        ".SH COMMANDS",
    ]
    for name, summary in sorted(commands.items()):
        page = "wherry-" + name.replace(" ", "-")
        lines += [".TP", rf".BR {_text(page)} (1)", _line(summary)]
    return "\n".join([*lines, ""])


def _head(name: str, summary: str, version: str) -> list[str]:
    title = _text(name).upper().replace("\\-", "-")
    return [
        f'.TH {title} 1 "" "wherry {_text(version)}"',
        ".SH NAME",
        rf"{_text(name)} \- {_text(summary)}",
    ]


def _option(flag: Flag) -> list[str]:
    kind = _text(flag.metavar) if flag.kind == "bool" else f" \\fI{_text(flag.metavar or flag.kind)}\\fR"
    short = rf"\fB\-{flag.short}\fR, " if flag.short else ""
    choices = f" ({'|'.join(flag.choices)})" if flag.choices else ""
    return [".TP", rf"{short}\fB\-\-{_text(flag.name)}\fR{kind}", _line(flag.help + choices)]


def _line(text: str) -> str:
    """A line of text, which no first character makes a request of roff's."""
    shown = _text(text)
    return rf"\&{shown}" if shown.startswith((".", "'")) else shown


def _text(text: str) -> str:
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return "".join(c if c.isascii() else rf"\[u{ord(c):04X}]" for c in text)
