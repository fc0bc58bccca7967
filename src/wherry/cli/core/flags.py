"""Command-line parsing with Docker's (pflag's) rules, from a description of the command.

Why not argparse: importing it costs more than a whole cached build may spend on its arguments, and it
cannot do what docker users' hands do (`run IMAGE -c x` leaves `-c` to the container; `-itd` bundles;
`--rm=false`; `-p8080:80`).  The same description gives `--help` and the shell completion.
"""

from __future__ import annotations

from wherry.booleans import FALSE, TRUE
from wherry.errors import CommandLineError, UsageError, nearest
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.runtime import Runtime

LAYERS = "layers"
COLUMNS = 80
"""The width of help."""
LEFT = 30
"""Columns for an option's name and value; what is longer has its help on the next line."""


class Flag(NamedTuple):
    """One option.  `kind` is "bool", "string", "int" or "list" (a string that may be repeated).

    `aliases` are the names that it had: they are taken, and shown nowhere.  A bool's value may be that of a
    list, `gives`, where it has a slash: ``--push=HOST/NAME`` is ``--push --tag=HOST/NAME``.  As a word of
    its own it is that only where the command has one argument too many without it.
    """

    name: str
    kind: str
    help: str
    short: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: str | bool | int | None = None
    aliases: tuple[str, ...] = ()
    gives: str = ""


class Command(NamedTuple):
    """What a command takes.  Its summary stands in the table of commands (`cli.commands`).

    `usage` is what follows the name in ``Usage:``.  With `interspersed` false everything from the first
    positional argument on is positional, as for ``docker run``.  `max_args` -1 means any number.  One that
    writes layers, or reads them whatever their modes, `needs` LAYERS: for a plain user it begins in a user
    namespace.
    """

    name: str
    usage: str
    flags: tuple[Flag, ...] = ()
    min_args: int = 0
    max_args: int = 0
    interspersed: bool = True
    description: str = ""
    needs: str = ""


class Options:
    """The parsed command line: flags by name (dashes as in the name), positional arguments in `args`.

    `runtime` says who asks: cli.main sets it before a command runs.
    """

    runtime: Runtime

    def __init__(self, values: dict[str, object], args: list[str]) -> None:
        self._values = values
        self.args = args

    def flag(self, name: str) -> bool:
        return bool(self._values[name])

    def string(self, name: str) -> str | None:
        value = self._values[name]
        return None if value is None else str(value)

    def integer(self, name: str) -> int | None:
        value = self._values[name]
        return value if isinstance(value, int) else None

    def strings(self, name: str) -> list[str]:
        value = self._values[name]
        return list(value) if isinstance(value, list) else []


HELP = Flag("help", "bool", "Print usage", short="h")
FORMAT = Flag("format", "string", "Output", choices=("table", "json"), default="table")
"""Of commands that have no rows for a template.  ``--json`` is short for ``--format json`` everywhere."""
# Where -h means something else.
LONG_HELP = HELP._replace(short="")


def _flags(command: Command) -> tuple[Flag, ...]:
    taken = any(flag.short == HELP.short for flag in command.flags)
    return (*command.flags, LONG_HELP if taken else HELP)


def parse(command: Command, argv: Sequence[str]) -> Options | None:
    """Parse what follows the command's name.  None means that help was asked for.

    Raises UsageError with pflag's words for an unknown flag, a missing or malformed value, and a wrong
    number of arguments.
    """
    flags = _flags(command)
    by_name = {name: f for f in flags for name in (f.name, *f.aliases)}
    by_short = {f.short: f for f in flags if f.short}
    values: dict[str, object] = {f.name: _default(f) for f in flags}
    args: list[str] = []
    after: dict[int, Flag] = {}
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            args += rest
            break
        if len(word) < 2 or word[0] != "-":
            args.append(word)
            if not command.interspersed:
                args += rest
                break
        elif word.startswith("--"):
            name, has_value, value = word[2:].partition("=")
            flag = by_name.get(name)
            if name == "json" and not has_value and flag is None and "format" in by_name:
                flag, has_value, value = by_name["format"], "=", "json"
            if flag is None:
                raise _unknown(command, f"unknown flag: --{name}", name, [f.name for f in flags])
            if not has_value:
                if flag.gives and rest and not rest[0].startswith("-"):
                    after[len(args)] = flag
                value = _following(flag, f"--{name}", rest)
            _assign(values, flag, f"--{name}", value)
        else:
            _bundle(command, word, by_short, values, rest)
        if values["help"]:
            return None
    if len(args) == command.max_args + 1:
        _give(values, after, args)
    _count(command, args)
    return Options(values, args)


def _give(values: dict[str, object], after: dict[int, Flag], args: list[str]) -> None:
    """Take the argument that can only be the value of the flag before it."""
    for place, flag in after.items():
        if "/" in args[place]:
            _assign(values, flag, f"--{flag.name}", args.pop(place))
            return


def _default(flag: Flag) -> object:
    if flag.kind == "list":
        return []
    if flag.kind == "bool":
        return bool(flag.default)
    return flag.default


def _bundle(
    command: Command,
    word: str,
    by_short: dict[str, Flag],
    values: dict[str, object],
    rest: list[str],
) -> None:
    """``-it``, ``-p8080:80``, ``-p=8080:80``, ``-itp 8080:80``."""
    letters = word[1:]
    for index, letter in enumerate(letters):
        flag = by_short.get(letter)
        if flag is None:
            raise _unknown(command, f"unknown shorthand flag: '{letter}' in {word}", "", [])
        tail = letters[index + 1 :]
        if flag.kind == "bool" and not tail.startswith("="):
            values[flag.name] = True
            continue
        value = tail.removeprefix("=") if tail else _following(flag, f"-{letter}", rest)
        _assign(values, flag, f"-{letter}", value)
        return


def _following(flag: Flag, shown: str, rest: list[str]) -> str:
    if flag.kind == "bool":
        return "true"
    if not rest:
        raise UsageError(f"flag needs an argument: {shown}")
    return rest.pop(0)


def _assign(values: dict[str, object], flag: Flag, shown: str, value: str) -> None:
    if flag.kind == "bool" and flag.gives and "/" in value:
        values[flag.name] = True
        _append(values, flag.gives, value)
    elif flag.kind == "bool":
        if value not in TRUE | FALSE:
            raise UsageError(
                f'invalid argument "{value}" for {shown}: not true or false',
                hint=f"{shown}=REGISTRY/NAME, or --{flag.gives} NAME" if flag.gives else None,
            )
        values[flag.name] = value in TRUE
    elif flag.kind == "list":
        _append(values, flag.name, value)
    elif flag.kind == "int":
        try:
            values[flag.name] = int(value)
        except ValueError:
            raise UsageError(f'invalid argument "{value}" for {shown}: not a number') from None
    else:
        if flag.choices and value not in flag.choices:
            near = nearest(value, list(flag.choices))
            raise UsageError(
                f'invalid argument "{value}" for {shown}: one of {", ".join(flag.choices)}',
                hint=f"did you mean {near}?" if near else None,
            )
        values[flag.name] = value


def _append(values: dict[str, object], name: str, value: str) -> None:
    held = values[name]
    assert isinstance(held, list)  # noqa: S101
    held.append(value)


def _unknown(command: Command, message: str, name: str, known: list[str]) -> UsageError:
    near = nearest(name, known) if name else None
    meant = f"did you mean --{near}? " if near else ""
    return UsageError(message, hint=f"{meant}See 'wherry {command.name} --help'.")


def _count(command: Command, args: list[str]) -> None:
    low, high = command.min_args, command.max_args
    if len(args) >= low and (high < 0 or len(args) <= high):
        return
    if low == high:
        expected = "no arguments" if low == 0 else f"exactly {low} argument{'s' * (low > 1)}"
    elif len(args) < low:
        expected = f"at least {low} argument{'s' * (low > 1)}"
    else:
        expected = f"at most {high} argument{'s' * (high > 1)}"
    raise CommandLineError(
        f'"wherry {command.name}" requires {expected}, got {len(args)}.',
        hint=f"Usage: wherry {command.name} {command.usage}. See 'wherry {command.name} --help'.",
    )


def help_text(command: Command) -> str:
    """What ``wherry COMMAND --help`` prints, laid out as the docker CLI does, in 80 columns."""
    from wherry.cli.commands import COMMANDS

    usage = f"Usage:  wherry {command.name}".rstrip()
    lines = [*wrapped(f"{usage} {command.usage}".rstrip(), " " * (len(usage) + 1)), ""]
    for text in (COMMANDS.get(command.name, ("", ""))[1], command.description):
        lines += [*wrapped(text), ""] if text else []
    rows = []
    for flag in flags_of(command):
        short = f"-{flag.short}, " if flag.short else "    "
        kind = flag.metavar if flag.kind == "bool" else " " + (flag.metavar or flag.kind)
        extra = f" ({' | '.join(flag.choices)})" if flag.choices else ""
        rows.append((f"  {short}--{flag.name}{kind}", flag.help + extra))
    return "\n".join([*lines, "Options:", *table_of_words(rows)])


def flags_of(command: Command) -> list[Flag]:
    """Its flags in the order in which its help has them."""
    return sorted(_flags(command), key=lambda flag: flag.name)


def table_of_words(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Words and what each means, side by side in 80 columns."""
    widths = [len(left) for left, _ in rows if len(left) <= LEFT]
    margin = " " * (max(widths, default=LEFT) + 3)
    lines = []
    for left, right in rows:
        if len(left) > LEFT:
            lines += wrapped(left, " " * 8)
            left = ""
        first, *rest = wrapped(margin + right, margin)
        lines += [f"{left:<{len(margin)}}{first[len(margin) :]}", *rest]
    return lines


def _paragraphs(text: str) -> list[str]:
    """Lines that go on are one; those that are indented stay as they are."""
    found: list[str] = []
    for line in text.split("\n"):
        if found and line and found[-1] and not line.startswith(" ") and not found[-1].startswith(" "):
            found[-1] += " " + line
        else:
            found.append(line)
    return found


def wrapped(text: str, indent: str = "") -> list[str]:
    """Lines of at most 80 columns, the first as it begins, the others behind `indent`."""
    import textwrap

    return [
        part
        for line in ([text] if indent else _paragraphs(text))
        for part in textwrap.wrap(
            line,
            COLUMNS,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        or [""]
    ]
