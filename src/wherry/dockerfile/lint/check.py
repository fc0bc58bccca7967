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
    Run,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)  # fmt: skip
from wherry.dockerfile.expand import ExpansionError, expand, expand_document, expand_words
from wherry.dockerfile.lint.near import did_you_mean
from wherry.dockerfile.lint.options import CheckOptions, parse_check
from wherry.dockerfile.lint.rules import finding
from wherry.dockerfile.lint.text import check_text, comments, keyword
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeVar

    from wherry.dockerfile.ast import Dockerfile, Instruction, Location, RunMount, Stage
    from wherry.dockerfile.lint.rules import Finding

    Expanded = TypeVar("Expanded", str, list[str])

SENSITIVE = "apikey|auth|credentials?|key|password|pword|passwd|secret|token"
SECRET = re.compile(rf"(?:_|^)(?:{SENSITIVE})(?:_|$)", re.IGNORECASE)
HARMLESS = re.compile(r"(?:_|^)(?:public|file|version)(?:_|$)", re.IGNORECASE)
PLATFORMS = [
    side + what
    for side in ("BUILD", "TARGET")
    for what in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
]
PLATFORMS.append("TARGETSTAGE")
ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386"}
# Build arguments that are for scanners, and no variables.
NO_VARIABLES = ("BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE")
ONCE = (Cmd, Entrypoint, Healthcheck)


class Known(NamedTuple):
    """What is known beside the file.

    `args` are those of the command line, `env` the variables of a base image (None: not known here),
    `ignored` says what .dockerignore leaves out, `names_image` whether a text can be an image's name.
    """

    args: Mapping[str, str] = {}
    env: Callable[[str], Mapping[str, str] | None] = lambda _: None
    ignored: Callable[[str], bool] = lambda _: False
    names_image: Callable[[str], bool] = lambda text: bool(text) and not text.endswith((":", "@", "/"))


def options_of(dockerfile: Dockerfile, known: Known = Known()) -> CheckOptions:  # noqa: B008
    """The build argument wins over the directive.  Raises DockerfileError."""
    text = known.args.get("BUILDKIT_DOCKERFILE_CHECK")
    if text is None:
        # What follows a blank says why.
        text = dockerfile.directives.get("check", "").partition(" ")[0]
    return parse_check(text, dockerfile.name)


def check(dockerfile: Dockerfile, known: Known = Known()) -> list[Finding]:  # noqa: B008
    """All that breaks a rule and is not skipped, in the order of the lines.  Raises DockerfileError."""
    options = options_of(dockerfile, known)
    above = comments(dockerfile)

    def local(place: Location) -> CheckOptions:
        return options.with_comments(above.get(place.line, ()))

    found = [*check_text(dockerfile, above, options, local), *_from(dockerfile, known, options, local)]
    scopes: dict[int, _Scope] = {}
    for stage in dockerfile.stages:
        scope = scopes[stage.number] = _Scope(dockerfile, stage, scopes, known)
        for instruction in stage.instructions:
            found += local(instruction.location).chosen(scope.check(instruction))
    return sorted(dict.fromkeys(found), key=lambda one: one.line)


class _Seen(dict[str, str]):
    """Variables that note which of them were asked for."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.matched: dict[str, None] = {}
        self.missing: dict[str, None] = {}

    def get(self, key: str, default: object = None) -> str | None:  # type: ignore[override]
        (self.matched if key in self else self.missing).setdefault(key)
        return super().get(key)


# -- FROM ------------------------------------------------------------------------------------------


def _from(
    dockerfile: Dockerfile, known: Known, options: CheckOptions, local: Callable[[Location], CheckOptions]
) -> Iterator[Finding]:
    names = [name for arg in dockerfile.meta_args for name, _ in arg.names]
    scope = _meta(dockerfile, known.args)
    defaults = _meta(dockerfile, {})
    for stage in dockerfile.stages:
        place = stage.origin.location
        yield from local(place).chosen(_undeclared(dockerfile, stage, scope, names))
        if stage.origin.platform:
            yield from local(place).chosen(_platform(dockerfile, stage, scope))
        base = _expanded(stage.base, defaults, dockerfile.escape)
        if base is not None and not known.names_image(base):
            yield from options.chosen(
                [finding("InvalidDefaultArgInFrom", place.line, place.end_line, stage.base)]
            )


def _undeclared(
    dockerfile: Dockerfile, stage: Stage, scope: Mapping[str, str], names: list[str]
) -> Iterator[Finding]:
    place = stage.origin.location
    for word in (stage.base, stage.origin.platform or ""):
        seen = _Seen(scope)
        _expanded(word, seen, dockerfile.escape)
        for name in sorted(seen.missing):
            if name not in names:
                meant = did_you_mean(name, [*names, *PLATFORMS])
                yield finding("UndefinedArgInFrom", place.line, place.end_line, name, meant)


def _meta(dockerfile: Dockerfile, args: Mapping[str, str]) -> dict[str, str]:
    """The arguments before the first FROM; those of the platforms stand for themselves."""
    scope = {name: args.get(name, f"<{name}>") for name in PLATFORMS}
    for arg in dockerfile.meta_args:
        for name, default in arg.names:
            value = args.get(name, default)
            if value is not None:
                scope[name] = value if name in args else _expanded(value, scope, dockerfile.escape) or ""
    return scope


def _expanded(word: str, env: Mapping[str, str], escape: str) -> str | None:
    """None for a word that means nothing: the build says so."""
    try:
        return expand(word, env, escape)
    except ExpansionError:
        return None


def _platform(dockerfile: Dockerfile, stage: Stage, scope: Mapping[str, str]) -> Iterator[Finding]:
    place, text = stage.origin.location, stage.origin.platform or ""
    seen = _Seen(scope)
    platform = _expanded(text, seen, dockerfile.escape)
    if (
        list(seen.matched) == ["TARGETPLATFORM"]
        and not seen.missing
        and platform == scope["TARGETPLATFORM"]
    ):
        yield finding("RedundantTargetPlatform", place.line, place.end_line, text)
    elif platform and not seen.matched and not seen.missing:
        words = [ALIASES.get(word, word) for word in platform.lower().split("/")[:2]]
        # A stage that says in its name what it is for means it.
        if not any(word in (stage.name or "") for word in words):
            yield finding("FromPlatformFlagConstDisallowed", place.line, place.end_line, platform)


# -- one stage -------------------------------------------------------------------------------------


class _Scope:
    """A stage, and the variables that are known in it from line to line.

    `certain` says whether they are all: of a base that is not here nothing is known.
    """

    def __init__(
        self, dockerfile: Dockerfile, stage: Stage, before: Mapping[int, _Scope], known: Known
    ) -> None:
        self._escape = dockerfile.escape
        self._meta = _meta(dockerfile, known.args)
        self._known = known
        self._last: dict[type, Instruction] = {}
        self.values: dict[str, str] = {"PATH": ""}
        self.declared: set[str] = set()
        self.shell = self.moved = False
        self.certain = True
        parent = next(
            (
                before[s.number]
                for s in reversed(dockerfile.stages[: stage.number])
                if s.name == stage.base.lower()
            ),
            None,
        )
        if parent is not None:
            self.values = dict(parent.values)
            self.declared = set(parent.declared)
            self.shell, self.moved, self.certain = parent.shell, parent.moved, parent.certain
        elif stage.base != "scratch":
            base = known.env(stage.base)
            self.certain = base is not None
            self.values |= base or {}

    def check(self, instruction: Instruction) -> Iterator[Finding]:
        """Also takes over what the instruction defines."""
        seen = _Seen(self.values)
        expanded = self._expand(instruction, seen)
        if self.certain:
            for name in seen.missing:
                if name not in self.declared and name not in NO_VARIABLES:
                    meant = did_you_mean(name, self.values, "$")
                    yield self._finding("UndefinedVar", instruction, name, meant)
        yield from self._one(instruction, expanded)
        earlier = self._last.get(type(instruction))
        if earlier is not None and isinstance(instruction, ONCE):
            yield self._finding("MultipleInstructionsDisallowed", earlier, keyword(instruction))
        self._last[type(instruction)] = instruction
        self._define(instruction, expanded)

    def _finding(self, rule: str, instruction: Instruction, *details: object) -> Finding:
        place = instruction.location
        return finding(rule, place.line, place.end_line, *details)

    def _expand(self, instruction: Instruction, seen: _Seen) -> list[str]:
        """The words that have variables, expanded; what EXPOSE lacks is not reported."""
        if isinstance(instruction, Copy):
            for document in instruction.heredocs:
                if document.expand:
                    _quietly(expand_document, document.text, seen)
        if isinstance(instruction, Expose):
            found = (_quietly(expand_words, word, self.values, self._escape) for word in instruction.ports)
            return [word for words in found for word in words or ()]
        words = _words(instruction, self._known.args)
        return [_expanded(word, seen, self._escape) or "" for word in words]

    def _one(self, instruction: Instruction, expanded: list[str]) -> Iterator[Finding]:
        if isinstance(instruction, (Cmd, Entrypoint)) and instruction.command.shell and not self.shell:
            yield self._finding("JSONArgsRecommended", instruction, keyword(instruction))
        elif isinstance(instruction, Workdir):
            path = expanded[0]
            unknown = not self.certain and instruction.path.startswith("$")
            if not self.moved and not path.startswith("/") and not unknown:
                yield self._finding("WorkdirRelativePath", instruction, path)
            self.moved = True
        elif isinstance(instruction, (Env, Label)):
            rest = instruction.source.split(None, 1)[1] if " " in instruction.source else ""
            if "=" not in rest.split(None, 1)[0]:
                yield self._finding("LegacyKeyValueFormat", instruction, keyword(instruction))
            if isinstance(instruction, Env):
                yield from self._secrets("ENV", expanded[::2], instruction)
        elif isinstance(instruction, Arg):
            yield from self._secrets("ARG", [name for name, _ in instruction.names], instruction)
        elif isinstance(instruction, Expose):
            yield from self._ports(instruction, expanded)
        elif isinstance(instruction, Copy):
            yield from self._ignored(instruction, expanded)

    def _secrets(self, word: str, names: list[str], instruction: Instruction) -> Iterator[Finding]:
        for name in names:
            if SECRET.search(name) and not HARMLESS.search(name):
                yield self._finding("SecretsUsedInArgOrEnv", instruction, word, name)

    def _ports(self, expose: Expose, words: list[str]) -> Iterator[Finding]:
        for word in words:
            before, _, port = word.rpartition(":")
            protocol = port.partition("/")[2]
            if protocol != protocol.lower():
                yield self._finding("ExposeProtoCasing", expose, word)
            if before:
                yield self._finding("ExposeInvalidFormat", expose, word)

    def _ignored(self, copy: Copy, words: list[str]) -> Iterator[Finding]:
        if copy.from_ is not None:
            return
        for word in words[: len(copy.sources)]:
            if "://" not in word and self._known.ignored(name := _cleaned(word)):
                yield self._finding("CopyIgnoredFile", copy, "Add" if copy.add else "Copy", name)

    def _define(self, instruction: Instruction, expanded: list[str]) -> None:
        if isinstance(instruction, Shell):
            self.shell = True
        elif isinstance(instruction, Env):
            self.values |= zip(expanded[::2], expanded[1::2], strict=True)
        elif isinstance(instruction, Arg):
            defaults = iter(expanded)
            for name, default in instruction.names:
                self.declared.add(name)
                given = self._known.args.get(name)
                if given is None:
                    given = next(defaults) if default is not None else self._meta.get(name)
                if given is not None:
                    self.values[name] = given


def _quietly(expander: Callable[..., Expanded], *args: object) -> Expanded | None:
    try:
        return expander(*args)
    except ExpansionError:
        return None


def _cleaned(path: str) -> str:
    import posixpath

    return "/" + posixpath.normpath(path).lstrip("/") if path.startswith("/") else posixpath.normpath(path)


def _words(instruction: Instruction, args: Mapping[str, str]) -> list[str]:
    """What is expanded.  A default that a build argument replaces is not."""
    if isinstance(instruction, (Env, Label)):
        return [word for pair in instruction.pairs for word in pair]
    if isinstance(instruction, Arg):
        return [default for name, default in instruction.names if default is not None and name not in args]
    if isinstance(instruction, Copy):
        flags = (instruction.chown, instruction.chmod, instruction.checksum)
        return [*instruction.sources, instruction.dest, *(flag for flag in flags if flag)]
    if isinstance(instruction, Run):
        return [word for mount in instruction.mounts for word in _of_mount(mount)]
    if isinstance(instruction, Workdir):
        return [instruction.path]
    if isinstance(instruction, User):
        return [instruction.user]
    if isinstance(instruction, Volume):
        return list(instruction.paths)
    if isinstance(instruction, Stopsignal):
        return [instruction.signal]
    return []


def _of_mount(mount: RunMount) -> list[str]:
    return [mount.written] if mount.written else []
