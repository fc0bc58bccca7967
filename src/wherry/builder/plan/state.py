"""PURE: what instructions do to an image's configuration.

Source: the Dockerfile reference; the JSON names are those of the OCI image-spec, config.md.
"""

from __future__ import annotations

import posixpath

from wherry import jsontext as json
from wherry.builder.plan.go_format import go_health, go_words
from wherry.digits import whole
from wherry.dockerfile.ast import (
    Cmd,
    Command,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Label,
    Maintainer,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from wherry.errors import UsageError
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from wherry.dockerfile.ast import Instruction

DEFAULT_SHELL = ("/bin/sh", "-c")
# Known to every build without ARG; not part of any key (Dockerfile reference, "Predefined ARGs").
PREDEFINED = frozenset(
    name
    for lower in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
    for name in (lower, lower.upper())
)


def shown_arg(name: str, value: str) -> str:
    """The value of an argument for histories and keys: a proxy's without who may use it."""
    return shown(value) if name in PREDEFINED else value


def proxies(args: Mapping[str, str]) -> dict[str, str]:
    """What a RUN gets of the build arguments without ARG: each name in capitals and in small letters."""
    given = {name.lower(): args[name] for name in sorted(args) if name in PREDEFINED}
    return {name: value for lower, value in given.items() for name in (lower.upper(), lower)}


class State:
    """A stage's configuration while its instructions are applied, one after the other.

    `inherited` is the number of characters of what it begins with.
    """

    def __init__(self, config: dict[str, Any], author: str = "") -> None:
        text = json.dumps(config)
        self.config: dict[str, Any] = json.loads(text)
        self.inherited = len(text)
        # Where each variable stands in Env, whose order is that of the first settings.
        self._env: dict[str, str] = {}
        self._places: dict[str, int] = {}
        for place, entry in enumerate(self.config.get("Env") or []):
            name, _, value = entry.partition("=")
            self._env[name] = value
            self._places.setdefault(name, place)
        self.author = author
        # What `$name` means, in the order in which it was last set: the later of ARG and ENV wins.
        self.variables: dict[str, str] = {}
        # The names that ARG declared, with and without a value, in their order.
        self.declared: dict[str, None] = {}
        self._take_env()
        self._cmd_is_own = False

    # -- what steps ask ----------------------------------------------------------------------------

    @property
    def env(self) -> Mapping[str, str]:
        """The image's environment; it changes with every ENV."""
        return self._env

    @property
    def args(self) -> dict[str, str | None]:
        """The declared arguments with what their names mean now, None without a value."""
        return {name: self.variables.get(name) for name in self.declared}

    def run_env(self, shown: Callable[[str, str], str] = lambda _, value: value) -> list[str]:
        """The environment of a RUN, its arguments as `shown` gives them."""
        return [
            f"{name}={shown(name, value) if self._env.get(name) != value else value}"
            for name, value in self.variables.items()
        ]

    @property
    def workdir(self) -> str:
        return str(self.config.get("WorkingDir") or "/")

    @property
    def user(self) -> str:
        return str(self.config.get("User") or "")

    def argv(self, command: Command) -> tuple[str, ...]:
        """What a command really starts."""
        if command.shell:
            return (*(self.config.get("Shell") or DEFAULT_SHELL), *command.words)
        return command.words

    # -- what instructions change ------------------------------------------------------------------

    def apply(self, instruction: Instruction) -> str:
        """Apply an instruction that only changes the configuration; its line for the history."""
        if isinstance(instruction, Env):
            for name, value in instruction.pairs:
                self.set_env(name, value)
            return "ENV " + " ".join(f"{n}={v}" for n, v in instruction.pairs)
        if isinstance(instruction, Label):
            self._merge("Labels", dict(instruction.pairs))
            return "LABEL " + " ".join(f"{n}={v}" for n, v in instruction.pairs)
        if isinstance(instruction, (Cmd, Entrypoint)):
            return self._program(instruction)
        if isinstance(instruction, Workdir):
            self.config["WorkingDir"] = moved(self.workdir, instruction.path)
            return f"WORKDIR {self.config['WorkingDir']}"
        if isinstance(instruction, User):
            self.config["User"] = instruction.user
            return f"USER {instruction.user}"
        if isinstance(instruction, Expose):
            ports = [port for word in instruction.ports for port in expand_ports(word)]
            self._merge("ExposedPorts", {port: {} for port in ports})
            return f"EXPOSE [{' '.join(ports)}]"
        if isinstance(instruction, Volume):
            if not all(instruction.paths):
                raise UsageError("VOLUME specified can not be an empty string")
            self._merge("Volumes", {path: {} for path in instruction.paths})
            return f"VOLUME [{' '.join(instruction.paths)}]"
        return self._rest(instruction)

    def _rest(self, instruction: Instruction) -> str:
        if isinstance(instruction, Stopsignal):
            from wherry.oci.signals import parse_signal

            parse_signal(instruction.signal)
            self.config["StopSignal"] = instruction.signal
            return f"STOPSIGNAL {instruction.signal}"
        if isinstance(instruction, Shell):
            self.config["Shell"] = list(instruction.words)
            return f"SHELL [{' '.join(instruction.words)}]"
        if isinstance(instruction, Healthcheck):
            self.config["Healthcheck"] = self._health(instruction)
            return f"HEALTHCHECK {go_health(self.config['Healthcheck'])}"
        if isinstance(instruction, Maintainer):
            self.author = instruction.name
            return f"MAINTAINER {instruction.name}"
        raise AssertionError(f"{type(instruction).__name__} is not an instruction of the configuration")

    def inherit(self, args: Mapping[str, str | None]) -> None:
        """The arguments of the stage that this one starts from; what is ENV there wins again."""
        for name, value in args.items():
            self.set_arg(name, value)
        self._take_env()

    def set_arg(self, name: str, value: str | None) -> None:
        """Declare an argument, and set it where there is a value."""
        self.declared.setdefault(name)
        if value is not None:
            self._assign(name, value)

    def _take_env(self) -> None:
        for name, value in self.env.items():
            self._assign(name, value)

    def _assign(self, name: str, value: str) -> None:
        self.variables.pop(name, None)
        self.variables[name] = value

    def set_env(self, name: str, value: str) -> None:
        """Replace in place or append: the order of the first setting stays, as in Docker."""
        self._assign(name, value)
        entries = self._member("Env", [])
        place = self._places.setdefault(name, len(entries))
        entries[place : place + 1] = [f"{name}={value}"]
        self._env[name] = value

    def _merge(self, key: str, values: dict[str, Any]) -> None:
        self._member(key, {}).update(values)

    def _member(self, key: str, empty: Any) -> Any:
        """A list or an object of the configuration, to be changed where it is."""
        if not self.config.get(key):
            self.config[key] = empty
        return self.config[key]

    def _program(self, instruction: Cmd | Entrypoint) -> str:
        argv = list(self.argv(instruction.command))
        shown = go_words(argv)
        if isinstance(instruction, Cmd):
            self.config["Cmd"] = argv
            self._cmd_is_own = True
            return f"CMD {shown}"
        self.config["Entrypoint"] = argv
        # A CMD that came with the base image was meant for the base image's entry point.
        if not self._cmd_is_own:
            self.config.pop("Cmd", None)
        return f"ENTRYPOINT {shown}"

    def _health(self, instruction: Healthcheck) -> dict[str, Any]:
        command = instruction.command
        if command is None:
            return {"Test": ["NONE"]}
        kind = "CMD-SHELL" if command.shell else "CMD"
        health: dict[str, Any] = {"Test": [kind, *command.words]}
        for name, value in (
            ("Interval", instruction.interval),
            ("Timeout", instruction.timeout),
            ("StartPeriod", instruction.start_period),
            ("StartInterval", instruction.start_interval),
            ("Retries", instruction.retries),
        ):
            if value:
                health[name] = value
        return health


def moved(workdir: str, path: str) -> str:
    """What WORKDIR makes of a path: an absolute one stays as it is written, another one is cleaned.  An
    empty one, as a variable without a value is, leaves the working directory as it is."""
    if path.startswith("/") or not path:
        return path or workdir
    return "/" + posixpath.normpath(posixpath.join("/", workdir, path)).lstrip("/")


def expand_ports(word: str) -> list[str]:
    """``80``, ``53/udp``, ``8000-8002/tcp`` -> ports with their protocol.  Raises UsageError.

    As in BuildKit an address or a port of the host before it counts for nothing, but it is one.
    """
    before, _, port = word.rpartition(":")
    address, _, host = before.rpartition(":")
    numbers, _, protocol = port.partition("/")
    protocol = (protocol or "tcp").lower()
    bounds = _bounds(numbers)
    if bounds is None or protocol not in ("tcp", "udp", "sctp"):
        raise UsageError(f"invalid containerPort: {word}", hint="write it as 8080, 53/udp or 8000-8010")
    if address and not _is_address(address):
        raise UsageError(f"invalid IP address: {address}", hint="EXPOSE takes ports alone")
    first, last = bounds
    if host:
        of_host = _bounds(host)
        if of_host is None or (last != first and of_host[1] - of_host[0] != last - first):
            raise UsageError(f"invalid hostPort: {host}", hint="EXPOSE takes ports alone")
    return [f"{port}/{protocol}" for port in range(first, last + 1)]


def _bounds(numbers: str) -> tuple[int, int] | None:
    """The first and the last port of a range; None for another text."""
    low, dash, high = numbers.partition("-")
    first, last = whole(low, 65535), whole(high if dash else low, 65535)
    return (first, last) if first is not None and last is not None and first <= last else None


def _is_address(text: str) -> bool:
    import ipaddress

    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return True
