"""PURE: from logical lines to typed instructions.  Source: the Dockerfile reference."""

from __future__ import annotations

from wherry.digits import whole
from wherry.dockerfile.ast import (
    Arg,
    Cmd,
    Command,
    Copy,
    Dockerfile,
    Entrypoint,
    Env,
    Expose,
    From,
    Healthcheck,
    Label,
    Location,
    Maintainer,
    Onbuild,
    Run,
    Shell,
    Stage,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from wherry.dockerfile.flags import Flags, boolean, duration, one, parse_mount, take_flags
from wherry.dockerfile.heredocs import heredoc_word
from wherry.dockerfile.lines import LARGEST, LogicalLine, fail, json_array, shell_words, split, words_of
from wherry.errors import DockerfileError, nearest
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.dockerfile.ast import Heredoc, Instruction

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_STAGE_NAME = f"{_LETTERS}0123456789_.-"
_NETWORKS = ("default", "none", "host")
_SECURITY = ("sandbox", "insecure")


def parse(data: bytes | str, name: str = "Dockerfile") -> Dockerfile:
    """Read a Dockerfile.  Whatever the bytes are: a Dockerfile or a DockerfileError.  Linear time."""
    if len(data) > LARGEST:
        raise DockerfileError(
            f"{name} has more than {LARGEST} bytes", name=name, hint="is this a Dockerfile?"
        )
    text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
    directives, lines = split(text, name)
    escape = directives.get("escape", "\\")
    meta: list[Arg] = []
    stages: list[tuple[From, list[Instruction]]] = []
    for line in lines:
        try:
            instruction = parse_line(line, escape)
        except DockerfileError as error:
            error.before = Dockerfile(name, directives, tuple(meta), _stages(stages), text)
            raise
        if isinstance(instruction, From):
            stages.append((instruction, []))
        elif stages:
            stages[-1][1].append(instruction)
        elif isinstance(instruction, Arg):
            meta.append(instruction)
        else:
            raise fail(
                line.location,
                "no build stage in current context",
                hint="a Dockerfile begins with FROM; only ARG may come before it",
            )
    if not stages:
        raise DockerfileError(
            "file with no instructions" if not lines else "no build stage in current context",
            name=name,
            line=lines[-1].location.line if lines else 0,
            hint="a Dockerfile begins with FROM",
        )
    return Dockerfile(name, directives, tuple(meta), _stages(stages), text)


def _stages(found: list[tuple[From, list[Instruction]]]) -> tuple[Stage, ...]:
    return tuple(Stage(i, origin, tuple(steps)) for i, (origin, steps) in enumerate(found))


def parse_line(line: LogicalLine, escape: str) -> From | Instruction:
    """One instruction.  Raises DockerfileError."""
    keyword = line.text.split(None, 1)[0]
    rest = line.text[len(keyword) :]
    upper = keyword.upper()
    parser = PARSERS.get(upper)
    if parser is None:
        near = nearest(upper, list(PARSERS))
        shown = keyword[:60]
        raise fail(
            line.location,
            f"unknown instruction: {shown}",
            column=line.location.lines[0].find(keyword) + 1 if line.location.lines else 0,
            hint=f"did you mean {near}?" if near else None,
        )
    flags, rest = take_flags(upper, rest, escape, line.location)
    source = f"{upper} {line.text[len(keyword) :].strip()}".rstrip()
    return parser(_Line(upper, rest.strip(), flags, line.heredocs, line.location, source, escape))


class _Line:
    """What the parser of one kind gets."""

    def __init__(
        self,
        keyword: str,
        rest: str,
        flags: Flags,
        heredocs: tuple[Heredoc, ...],
        location: Location,
        source: str,
        escape: str,
    ) -> None:
        self.keyword = keyword
        self.rest = rest
        self.flags = flags
        self.heredocs = heredocs
        self.location = location
        self.source = source
        self.escape = escape

    def fail(self, message: str, hint: str | None = None) -> DockerfileError:
        return fail(self.location, message, hint=hint)

    def words(self) -> list[str]:
        return shell_words(self.rest, self.escape)

    def need(self) -> None:
        if not self.rest:
            raise self.fail(f"{self.keyword} requires at least one argument")

    def exactly_one(self) -> str:
        if not self.rest:
            raise self.fail(f"{self.keyword} requires exactly one argument")
        return self.rest


def _json_words(line: _Line) -> tuple[str, ...] | None:
    """The exec form, or None where the text is not a JSON array (then it is the shell form)."""
    value = json_array(line.rest)
    if value is None:
        return None
    words = tuple(word for word in value if isinstance(word, str))
    if len(words) != len(value):
        raise line.fail("when using JSON array syntax, arrays must be comprised of strings only")
    return words


def _command(line: _Line) -> Command:
    words = _json_words(line)
    if words is None:
        return Command((line.rest,), True, line.heredocs)
    return Command(words, False)


def _from(line: _Line) -> From:
    words = line.rest.split()
    name = None
    if len(words) == 3 and words[1].lower() == "as":
        name = words[2].lower()
        if name[0] not in _LETTERS or name.strip(_STAGE_NAME):
            raise line.fail(
                f'invalid name for build stage: "{words[2]}"',
                "a name begins with a letter; letters, digits, '-', '_' and '.' follow",
            )
    elif len(words) != 1:
        near = " did you mean AS?" if len(words) == 3 else ""
        raise line.fail("FROM requires either one or three arguments", f"FROM image [AS name].{near}")
    return From(line.location, line.source, words[0], name, one(line.flags, "platform"))


def _run(line: _Line) -> Run:
    if not line.rest and not line.heredocs:
        raise line.fail("RUN requires at least one argument")
    command = _command(line)
    if not command.shell and not command.words:
        raise line.fail("RUN requires at least one argument")
    network, security = one(line.flags, "network"), one(line.flags, "security")
    for flag, value, known in (("network", network, _NETWORKS), ("security", security, _SECURITY)):
        if value is not None and value not in known:
            raise line.fail(f"invalid value {value!r} for --{flag}", f"one of {', '.join(known)}")
    mounts = tuple(parse_mount(text, line.location) for text in line.flags.get("mount", ()))
    return Run(line.location, line.source, command, mounts, network, security, one(line.flags, "device"))


def _cmd(line: _Line) -> Cmd:
    return Cmd(line.location, line.source, _command(line))


def _entrypoint(line: _Line) -> Entrypoint:
    line.need()
    return Entrypoint(line.location, line.source, _command(line))


def _copy(line: _Line) -> Copy:
    json_words = _json_words(line)
    words = list(json_words) if json_words is not None else words_of(line.rest)
    if len(words) < 2:
        given = "no arguments were provided" if not words else "only one was provided"
        raise line.fail(
            f"{line.keyword} requires at least two arguments, but {given}",
            f"{line.keyword} SOURCE... DESTINATION",
        )
    for flag in ("chmod", "chown", "from", "checksum"):
        if one(line.flags, flag) == "":
            raise line.fail(f"--{flag} needs a value")
    if heredoc_word(words[-1]) is not None:
        raise line.fail(f"{line.keyword} cannot accept a heredoc as a destination")
    sources = [word for word in words[:-1] if heredoc_word(word) is None]
    return Copy(
        line.location,
        line.source,
        line.keyword == "ADD",
        tuple(sources),
        words[-1],
        line.heredocs,
        one(line.flags, "from"),
        one(line.flags, "chown"),
        one(line.flags, "chmod"),
        boolean(line.flags, "link") or False,
        boolean(line.flags, "parents") or False,
        tuple(line.flags.get("exclude", ())),
        boolean(line.flags, "keep-git-dir") or False,
        one(line.flags, "checksum"),
        boolean(line.flags, "unpack"),
    )


def _pairs(line: _Line) -> tuple[tuple[str, str], ...]:
    """``name=value name=value`` or the old ``name value with spaces``."""
    line.need()
    words = line.words()
    if "=" not in words[0]:
        parts = line.rest.split(None, 1)
        if len(parts) < 2:
            raise line.fail(
                f"{line.keyword} must have two arguments", f"write it as {line.keyword} {parts[0]}=value"
            )
        return ((parts[0], parts[1]),)
    pairs = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise line.fail(
                f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value',
                "put quotes around a value with spaces",
            )
        if not key:
            raise line.fail(f"{line.keyword} names can not be blank")
        pairs.append((key, value))
    return tuple(pairs)


def _env(line: _Line) -> Env:
    return Env(line.location, line.source, _pairs(line))


def _label(line: _Line) -> Label:
    return Label(line.location, line.source, _pairs(line))


def _arg(line: _Line) -> Arg:
    line.need()
    names: list[tuple[str, str | None]] = []
    for word in line.words():
        key, equals, value = word.partition("=")
        if not key:
            raise line.fail("ARG names can not be blank")
        names.append((key, value if equals else None))
    return Arg(line.location, line.source, tuple(names))


def _workdir(line: _Line) -> Workdir:
    return Workdir(line.location, line.source, line.exactly_one())


def _user(line: _Line) -> User:
    return User(line.location, line.source, line.exactly_one())


def _expose(line: _Line) -> Expose:
    line.need()
    return Expose(line.location, line.source, tuple(words_of(line.rest)))


def _volume(line: _Line) -> Volume:
    line.need()
    words = _json_words(line)
    paths = words if words is not None else tuple(words_of(line.rest))
    if not paths or not all(path.strip() for path in paths):
        raise line.fail("VOLUME specified can not be an empty string")
    return Volume(line.location, line.source, tuple(path.strip() for path in paths))


def _stopsignal(line: _Line) -> Stopsignal:
    return Stopsignal(line.location, line.source, line.exactly_one())


def _shell(line: _Line) -> Shell:
    words = _json_words(line)
    if not words:
        raise line.fail("SHELL requires the arguments to be in JSON form", 'SHELL ["/bin/bash", "-c"]')
    return Shell(line.location, line.source, words)


def _healthcheck(line: _Line) -> Healthcheck:
    line.need()
    kind, _, rest = line.rest.partition(" ")
    kind = kind.upper()
    if kind == "NONE":
        if rest.strip():
            raise line.fail("HEALTHCHECK NONE takes no arguments")
        if line.flags:
            raise line.fail("HEALTHCHECK NONE takes no flags")
        return Healthcheck(line.location, line.source, None)
    if kind != "CMD":
        near = nearest(kind, ["CMD", "NONE"])
        raise line.fail(
            f'Unknown type "{kind}" in HEALTHCHECK (try CMD)', f"did you mean {near}?" if near else None
        )
    line.rest = rest.strip()
    if not line.rest:
        raise line.fail("Missing command after HEALTHCHECK CMD")
    times = {
        name: duration(value, name, line.location)
        for name in ("interval", "timeout", "start-period", "start-interval")
        if (value := one(line.flags, name)) is not None
    }
    word = one(line.flags, "retries") or "0"
    retries = whole(word)
    if retries is None:
        raise line.fail(f"--retries must be a number, not {word!r}")
    return Healthcheck(
        line.location,
        line.source,
        _command(line),
        times.get("interval", 0),
        times.get("timeout", 0),
        times.get("start-period", 0),
        times.get("start-interval", 0),
        retries,
    )


def _maintainer(line: _Line) -> Maintainer:
    return Maintainer(line.location, line.source, line.exactly_one())


def _onbuild(line: _Line) -> Onbuild:
    line.need()
    keyword = line.rest.split(None, 1)[0].upper()
    if keyword == "ONBUILD":
        raise line.fail("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if keyword in ("FROM", "MAINTAINER"):
        raise line.fail(f"{keyword} isn't allowed as an ONBUILD trigger")
    # What it triggers must be an instruction itself, now rather than in somebody's build.
    parse_line(LogicalLine(line.rest, line.location, line.heredocs), line.escape)
    return Onbuild(line.location, line.source, line.rest)


def parse_trigger(text: str, place: Location, escape: str) -> Instruction:
    """What ONBUILD of an image asks for, as an instruction at `place`, a FROM.  Raises DockerfileError."""
    if not text.strip():
        raise fail(place, "an ONBUILD trigger of the base image is empty")
    instruction = parse_line(LogicalLine(text, place, ()), escape)
    if isinstance(instruction, (From, Maintainer, Onbuild)):
        raise fail(place, f"an ONBUILD trigger of the base image is not allowed: {text}")
    return instruction


PARSERS: dict[str, Callable[[_Line], From | Instruction]] = {
    "ADD": _copy,
    "ARG": _arg,
    "CMD": _cmd,
    "COPY": _copy,
    "ENTRYPOINT": _entrypoint,
    "ENV": _env,
    "EXPOSE": _expose,
    "FROM": _from,
    "HEALTHCHECK": _healthcheck,
    "LABEL": _label,
    "MAINTAINER": _maintainer,
    "ONBUILD": _onbuild,
    "RUN": _run,
    "SHELL": _shell,
    "STOPSIGNAL": _stopsignal,
    "USER": _user,
    "VOLUME": _volume,
    "WORKDIR": _workdir,
}
