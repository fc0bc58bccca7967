"""PURE: checks of what a Dockerfile says."""

from __future__ import annotations

import re

from wherry.dockerfile.ast import (
    Arg,
    Cmd,
    Copy,
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
)  # fmt: skip
from wherry.dockerfile.expand import ExpansionError, expand, used
from wherry.dockerfile.lint.options import CheckOptions, parse_check
from wherry.dockerfile.lint.rules import finding
from wherry.dockerfile.lint.text import check_text
from wherry.errors import nearest
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wherry.dockerfile.ast import Dockerfile, Instruction, Stage
    from wherry.dockerfile.lint.rules import Finding

SENSITIVE = (
    "apikey",
    "auth",
    "credential",
    "credentials",
    "key",
    "password",
    "pword",
    "passwd",
    "secret",
    "token",
)
SECRET = re.compile(rf"(?:_|^)(?:{'|'.join(SENSITIVE)})(?:_|$)", re.IGNORECASE)
PUBLIC = re.compile(r"(?:_|^)public(?:_|$)", re.IGNORECASE)
# A variable without what stands in for it where it is not set.
BARE = re.compile(
    r"\$(?:(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<braced>[A-Za-z_][A-Za-z0-9_]*)(?![A-Za-z0-9_]*:?[-+?]))"
)
PREDEFINED = frozenset(
    name
    for lower in ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")
    for name in (lower, lower.upper())
)
PLATFORMS = frozenset(
    side + what for side in ("BUILD", "TARGET") for what in ("PLATFORM", "OS", "ARCH", "VARIANT")
) | {"TARGETSTAGE"}
ONCE = {Cmd: "CMD", Entrypoint: "ENTRYPOINT", Healthcheck: "HEALTHCHECK"}


class Known(NamedTuple):
    """What is known beside the file.

    `args` are those of the command line, `env` the variables of a base image (None: not known here),
    `ignored` says what .dockerignore leaves out, `names_image` whether a text can be an image's name.
    """

    args: Mapping[str, str] = {}
    env: Callable[[str], frozenset[str] | None] = lambda _: None
    ignored: Callable[[str], bool] = lambda _: False
    names_image: Callable[[str], bool] = lambda text: bool(text) and not text.endswith((":", "@", "/"))


def options_of(dockerfile: Dockerfile, known: Known = Known()) -> CheckOptions:  # noqa: B008
    """The build argument wins over the directive.  Raises DockerfileError."""
    text = known.args.get("BUILDKIT_DOCKERFILE_CHECK", dockerfile.directives.get("check", ""))
    return parse_check(text, dockerfile.name)


def check(dockerfile: Dockerfile, known: Known = Known()) -> list[Finding]:  # noqa: B008
    """All that breaks a rule and is not skipped, in the order of the lines.  Raises DockerfileError."""
    found = [*check_text(dockerfile, dockerfile.text.split("\n")), *_from(dockerfile, known)]
    scopes: dict[int, _Scope] = {}
    for stage in dockerfile.stages:
        scope = scopes[stage.number] = _Scope(dockerfile, stage, scopes, known)
        found += scope.check()
    return options_of(dockerfile, known).chosen(dict.fromkeys(found))


# -- FROM ------------------------------------------------------------------------------------------


def _from(dockerfile: Dockerfile, known: Known) -> Iterator[Finding]:
    declared = {name: default for arg in dockerfile.meta_args for name, default in arg.names}
    defaults = _defaults(dockerfile)
    for stage in dockerfile.stages:
        place = stage.origin.location
        platform = stage.origin.platform or ""
        for name in sorted(used(stage.base, dockerfile.escape) | used(platform, dockerfile.escape)):
            if name not in declared and name not in PLATFORMS:
                near = nearest(name, [*declared, *PLATFORMS])
                meant = f" (did you mean {near}?)" if near else ""
                yield finding("UndefinedArgInFrom", place.line, place.end_line, name, meant)
        if platform:
            yield from _platform(stage, platform)
        named = used(stage.base, dockerfile.escape) & set(declared)
        if named and not known.names_image(_by_default(stage.base, defaults, dockerfile.escape)):
            yield finding("InvalidDefaultArgInFrom", place.line, place.end_line, stage.base)


def _defaults(dockerfile: Dockerfile) -> dict[str, str]:
    scope: dict[str, str] = {}
    for arg in dockerfile.meta_args:
        for name, default in arg.names:
            if default is not None:
                try:
                    scope[name] = expand(default, scope, dockerfile.escape)
                except ExpansionError:
                    scope[name] = default
    return scope


def _by_default(base: str, defaults: Mapping[str, str], escape: str) -> str:
    """A base's name where no build argument is given."""
    try:
        return expand(base, defaults, escape)
    except ExpansionError:
        return ""


def _platform(stage: Stage, platform: str) -> Iterator[Finding]:
    place = stage.origin.location
    if platform in ("$TARGETPLATFORM", "${TARGETPLATFORM}"):
        yield finding("RedundantTargetPlatform", place.line, place.end_line, "$TARGETPLATFORM")
    elif "$" not in platform:
        os, _, rest = platform.lower().partition("/")
        words = [word for word in (os, rest.partition("/")[0]) if word]
        # A stage that says in its name what it is for means it.
        if not any(word in (stage.name or "") for word in words):
            yield finding("FromPlatformFlagConstDisallowed", place.line, place.end_line, platform)


# -- one stage -------------------------------------------------------------------------------------


class _Scope:
    """A stage, and the variables that are known in it from line to line."""

    def __init__(
        self, dockerfile: Dockerfile, stage: Stage, before: Mapping[int, _Scope], known: Known
    ) -> None:
        self._dockerfile = dockerfile
        self._stage = stage
        self._known = known
        self.shell = False
        parent = next(
            (
                before[s.number]
                for s in reversed(dockerfile.stages[: stage.number])
                if s.name == stage.base.lower()
            ),
            None,
        )
        if parent is not None:
            self.env: set[str] | None = None if parent.env is None else set(parent.env)
            self.shell = parent.shell
        else:
            base = frozenset[str]() if stage.base == "scratch" else known.env(stage.base)
            self.env = None if base is None else {*base, "PATH"}
        self._workdir = False

    def check(self) -> Iterator[Finding]:
        last: dict[type, Instruction] = {}
        for instruction in self._stage.instructions:
            yield from self._variables(instruction)
            yield from self._one(instruction)
            earlier = last.get(type(instruction))
            if earlier is not None and type(instruction) in ONCE:
                yield self._finding("MultipleInstructionsDisallowed", earlier, ONCE[type(instruction)])
            last[type(instruction)] = instruction
            self._define(instruction)

    def _finding(self, rule: str, instruction: Instruction, *details: object) -> Finding:
        place = instruction.location
        return finding(rule, place.line, place.end_line, *details)

    def _variables(self, instruction: Instruction) -> Iterator[Finding]:
        if self.env is None:
            return  # the base image is not here: it may define anything
        defined = self.env | PREDEFINED
        for name in sorted(_undefined(instruction, defined, self._dockerfile.escape)):
            near = nearest(name, sorted(self.env))
            meant = f" (did you mean ${near}?)" if near else ""
            yield self._finding("UndefinedVar", instruction, name, meant)

    def _one(self, instruction: Instruction) -> Iterator[Finding]:
        if isinstance(instruction, (Cmd, Entrypoint)) and instruction.command.shell and not self.shell:
            yield self._finding("JSONArgsRecommended", instruction, ONCE[type(instruction)])
        elif isinstance(instruction, Maintainer):
            yield self._finding("MaintainerDeprecated", instruction)
        elif isinstance(instruction, Workdir):
            if not self._workdir and not instruction.path.startswith(("/", "$")):
                yield self._finding("WorkdirRelativePath", instruction, instruction.path)
            self._workdir = True
        elif isinstance(instruction, (Env, Label)):
            yield from self._pairs(instruction)
        elif isinstance(instruction, Arg):
            for name, _ in instruction.names:
                yield from self._secret("ARG", name, instruction)
        elif isinstance(instruction, Expose):
            yield from self._ports(instruction)
        elif isinstance(instruction, Copy):
            yield from self._ignored(instruction)

    def _pairs(self, instruction: Env | Label) -> Iterator[Finding]:
        word = "ENV" if isinstance(instruction, Env) else "LABEL"
        rest = instruction.source.split(None, 1)[1] if " " in instruction.source else ""
        if "=" not in rest.split(None, 1)[0]:
            yield self._finding("LegacyKeyValueFormat", instruction, word)
        if word == "ENV":
            for name, _ in instruction.pairs:
                yield from self._secret("ENV", name, instruction)

    def _secret(self, word: str, name: str, instruction: Instruction) -> Iterator[Finding]:
        if SECRET.search(name) and not PUBLIC.search(name):
            yield self._finding("SecretsUsedInArgOrEnv", instruction, word, name)

    def _ports(self, expose: Expose) -> Iterator[Finding]:
        for word in expose.ports:
            port, _, protocol = word.partition("/")
            if protocol != protocol.lower() and "$" not in protocol:
                yield self._finding("ExposeProtoCasing", expose, word)
            if ":" in port and "$" not in port:
                yield self._finding("ExposeInvalidFormat", expose, word)

    def _ignored(self, copy: Copy) -> Iterator[Finding]:
        if copy.from_ is not None:
            return
        for word in copy.sources:
            name = word.lstrip("/").removeprefix("./")
            if "$" in word or "://" in word or name in ("", ".") or not self._known.ignored(name):
                continue
            yield self._finding("CopyIgnoredFile", copy, "Add" if copy.add else "Copy", word)

    def _define(self, instruction: Instruction) -> None:
        if isinstance(instruction, Shell):
            self.shell = True
        if self.env is None:
            return
        if isinstance(instruction, Env):
            self.env |= {name for name, _ in instruction.pairs}
        elif isinstance(instruction, Arg):
            self.env |= {name for name, _ in instruction.names}


def _undefined(instruction: Instruction, defined: set[str] | frozenset[str], escape: str) -> set[str]:
    words = _words(instruction)
    found: set[str] = set()
    for word in words:
        bare = {match["plain"] or match["braced"] for match in BARE.finditer(word)}
        found |= used(word, escape) & bare - defined
    return found


def _words(instruction: Instruction) -> list[str]:
    """What is expanded."""
    if isinstance(instruction, (Env, Label)):
        return [word for pair in instruction.pairs for word in pair]
    if isinstance(instruction, Arg):
        return [default for _, default in instruction.names if default is not None]
    if isinstance(instruction, Copy):
        flags = (instruction.chown, instruction.chmod)
        return [*instruction.sources, instruction.dest, *(flag for flag in flags if flag)]
    if isinstance(instruction, Workdir):
        return [instruction.path]
    if isinstance(instruction, User):
        return [instruction.user]
    if isinstance(instruction, Volume):
        return list(instruction.paths)
    if isinstance(instruction, Expose):
        return list(instruction.ports)
    if isinstance(instruction, Stopsignal):
        return [instruction.signal]
    return []
