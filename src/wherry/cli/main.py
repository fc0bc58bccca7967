"""The entry point: global flags, one command, errors in two lines.

Global flags stand before the command (``wherry --root DIR build .``): ``--version``, ``--help``;
``--root``, ``--isolation`` and ``--debug`` may stand after its name, too.
"""

from __future__ import annotations

import gc
import os
import sys

from wherry.cli.commands import ALIASES, COMMANDS, FOREIGN, below, find, groups
from wherry.cli.core.flags import LAYERS, Command, Flag, help_text, parse, table_of_words
from wherry.cli.core.output import OutputError, settle, shown_streams
from wherry.cli.core.printable import printable, width
from wherry.cli.core.surroundings import fix_surroundings, runtime
from wherry.errors import (
    CommandLineError,
    DockerfileError,
    NeedsNamespace,
    StepError,
    WherryError,
    from_os,
    nearest,
)
from wherry.runtime import COLLECT_AFTER
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from wherry.cli.core.flags import Options
    from wherry.runtime import Runtime

GLOBAL = Command(
    "",
    "[OPTIONS] COMMAND",
    (
        Flag("root", "string", "Where images and containers are kept", metavar="DIR"),
        Flag(
            "isolation",
            "string",
            "How processes are isolated",
            choices=("auto", "oci", "chroot"),
        ),
        Flag("debug", "bool", "Show tracebacks", short="D"),
        Flag("version", "bool", "Print the version and exit", short="v"),
    ),
    max_args=-1,
    interspersed=False,
    description="From a Dockerfile to served traffic, without a daemon",
)

ANYWHERE = {"root", "isolation", "debug"}
"""Global flags that may stand after the command's name, too, as docker's may."""
LONGEST_LINE = 2000
"""Characters of a line of an error."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; the console script passes it to sys.exit."""
    # What is imported lives to the end: the collector has nothing to find in it.
    gc.set_threshold(COLLECT_AFTER)
    if argv is None:
        fix_surroundings()
    with shown_streams():
        try:
            return _main(list(sys.argv[1:] if argv is None else argv))
        finally:
            settle()


def _main(words: list[str]) -> int:
    debug = os.environ.get("WHERRY_DEBUG", "") not in ("", "0")
    try:
        options = parse(GLOBAL, words)
        if options is None or (options.args in ([], ["help"]) and not options.flag("version")):
            print(_overview())
            return 0
        debug = debug or options.flag("debug")
        who = runtime(options.string("root"), options.string("isolation"))
        rest = ["version"] if options.flag("version") else options.args
        if rest[0] == "help":
            rest = [*rest[1:], "--help"]
        name, rest = _command(rest)
        module = load(name)
        chosen = _options(module.COMMAND, rest)
        if chosen is None:
            print(help_text(module.COMMAND))
            return 0
        debug = debug or chosen.flag("debug")
        try:
            return _run(module, chosen, who)
        except NeedsNamespace as need:
            from wherry.cli.core.userns import begin_again

            begin_again(words, who, need.beside)
    except WherryError as error:
        if debug:
            raise
        report(error)
        return error.exit_code
    except KeyboardInterrupt:
        if debug:
            raise
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`wherry images | head -1`): not an error of ours.
        return 141
    except Exception as error:
        if debug:
            raise
        report(from_os(error) if isinstance(error, OSError) else _fault(error))
        return 1


def _options(command: Command, words: Sequence[str]) -> Options | None:
    """What follows a command's name, with the global flags that may stand there; None: help is wanted."""
    taken = {flag.name for flag in command.flags}
    general = tuple(f._replace(short="") for f in GLOBAL.flags if f.name in ANYWHERE - taken)
    return parse(command._replace(flags=(*command.flags, *general)), words)


def _run(module: ModuleType, options: Options, who: Runtime) -> int:
    root, isolation = (options.string(flag.name) for flag in GLOBAL.flags[:2])
    if root is not None or isolation is not None:
        who = runtime(root or who.store, isolation or who.isolation)
    if module.COMMAND.needs == LAYERS:
        who.need_layers()
    options.runtime = who
    code: int = module.run(options)
    sys.stdout.flush()
    return code


def load(name: str) -> ModuleType:
    """Import the module of one command; nothing else is imported."""
    full = "wherry.cli." + COMMANDS[name][0]
    __import__(full)  # importlib would import `warnings`, too
    return sys.modules[full]


def _command(words: list[str]) -> tuple[str, list[str]]:
    """Split ``["proxy", "run", …]`` into the command's name and its arguments."""
    found = find(words)
    if found is not None:
        return found[0], words[found[1] :]
    group, known = words[0], below(words[0])
    if known and (len(words) == 1 or words[1] in ("--help", "-h")):
        print(_overview([f"{group} {name}" for name in known], group))
        raise SystemExit(0)
    if known:
        shown, prefix, foreign = words[1], f"wherry {group}", f"{group} {words[1]}" in FOREIGN
    else:
        shown, prefix, foreign = group, "wherry", group in FOREIGN
        known = [*groups(), *(name for name in COMMANDS if " " not in name)]
    if foreign:
        raise CommandLineError(
            f"docker has the command '{shown}', wherry has not", hint=f"See '{prefix} --help'."
        )
    near = nearest(shown, known)
    raise CommandLineError(
        f"'{shown}' is not a {prefix} command.",
        hint=f"did you mean '{prefix} {near}'?" if near else f"See '{prefix} --help'.",
    )


def _overview(names: Sequence[str] = (), group: str = "") -> str:
    """Of all commands, or of those of a group, by their full names."""
    chosen = names or list(COMMANDS)
    rows = table_of_words([(f"  {n}", COMMANDS[ALIASES.get(n, n)][1]) for n in chosen])
    return "\n".join(
        [
            f"Usage:  wherry {group} COMMAND" if group else help_text(GLOBAL),
            "",
            "Commands:",
            *rows,
            "",
            f"Run 'wherry {group}{' ' if group else ''}COMMAND --help' for more information on a command.",
        ]
    )


def report(error: WherryError) -> None:
    """Print an error as people read it: what happened, where in the Dockerfile, what to do next."""
    # A name with a line end in it could not be told from our own next line.
    message = error.message if isinstance(error, StepError) else _indented(error.message)
    lines = [f"error: {message}"]
    if isinstance(error, DockerfileError) and error.line:
        span = f"{error.line}" if error.end_line == error.line else f"{error.line}-{error.end_line}"
        column = f":{error.column}" if error.column else ""
        lines[0] = f"error: {error.name}:{span}{column}: {message}"
        for number, text in enumerate(error.source, error.line):
            lines.append(f"  {number:>4} | {_cut(text)}")
            if number == error.line and error.column and len(error.source) == 1:
                before = width(printable(text[: error.column - 1].expandtabs(1)))
                lines.append("       | " + " " * before + "^")
    if error.hint:
        lines.append(f"hint: {printable(error.hint)}")
    text = "\n".join(lines)
    if "://" in text:
        from wherry.remote.urls import shown

        text = shown(text)
    try:
        sys.stdout.flush()
    except (OutputError, BrokenPipeError):
        pass  # said, or of no more use
    print(text, file=sys.stderr)


def _indented(message: str) -> str:
    return "\n  ".join(printable(_cut(line)) for line in message.split("\n"))


def _cut(line: str) -> str:
    """What quotes a line of megabytes is still read by people."""
    return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…"


def _fault(error: Exception) -> WherryError:
    """An unexpected error, or an incomplete installation."""
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("wherry"):
        return WherryError(
            f"the Python package {error.name} is not installed",
            hint="pip install wherry brings it",
        )
    if isinstance(error, UnicodeEncodeError):
        return WherryError(
            f"{str(error.object)[:80]!r} is not UTF-8, as the names of images and containers are"
        )
    if isinstance(error, MemoryError):
        return WherryError("out of memory")
    return WherryError(
        f"{type(error).__name__}: {error}", hint="this is a fault of wherry's own; --debug shows where"
    )
