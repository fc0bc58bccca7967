"""PURE: a Dockerfile as values.  One tuple a kind of instruction; words are not expanded yet.

Source: the Dockerfile reference.  Every instruction has `location` (where) and `source` (its text with
continuation lines joined, as progress and history show it).
"""

from __future__ import annotations

from wherry.typed import NamedTuple


class Location(NamedTuple):
    """1-based lines, both ends included, and the lines as written."""

    name: str
    line: int
    end_line: int
    lines: tuple[str, ...] = ()


class Heredoc(NamedTuple):
    """`expand` unless its word was quoted; `content` is as written and ends with a newline, or is empty."""

    name: str
    content: str
    expand: bool
    chomp: bool

    @property
    def text(self) -> str:
        """The content; with `chomp` its lines begin behind their tabs."""
        if not self.chomp:
            return self.content
        return "".join(line.lstrip("\t") for line in self.content.splitlines(keepends=True))


class Command(NamedTuple):
    """What RUN, CMD, ENTRYPOINT and HEALTHCHECK start: with `shell` one string for the shell, else argv."""

    words: tuple[str, ...]
    shell: bool
    heredocs: tuple[Heredoc, ...] = ()


class RunMount(NamedTuple):
    """RUN --mount.  Values as written; None where not given.

    One with variables waits for them: of it only `from_` is known, and `written`.
    """

    type: str = "bind"
    id: str | None = None
    source: str | None = None
    target: str | None = None
    from_: str | None = None
    readonly: bool | None = None
    sharing: str | None = None
    mode: str | None = None
    uid: str | None = None
    gid: str | None = None
    size: str | None = None
    required: bool = False
    env: str | None = None
    written: str = ""


class From(NamedTuple):
    location: Location
    source: str
    base: str
    name: str | None
    platform: str | None


class Run(NamedTuple):
    location: Location
    source: str
    command: Command
    mounts: tuple[RunMount, ...] = ()
    network: str | None = None
    security: str | None = None
    device: str | None = None


class Cmd(NamedTuple):
    location: Location
    source: str
    command: Command


class Entrypoint(NamedTuple):
    location: Location
    source: str
    command: Command


class Copy(NamedTuple):
    """COPY and ADD; `add` tells which.  Flags that only one has keep their defaults in the other."""

    location: Location
    source: str
    add: bool
    sources: tuple[str, ...]
    dest: str
    heredocs: tuple[Heredoc, ...] = ()
    from_: str | None = None
    chown: str | None = None
    chmod: str | None = None
    link: bool = False
    parents: bool = False
    exclude: tuple[str, ...] = ()
    keep_git_dir: bool = False
    checksum: str | None = None
    unpack: bool | None = None


class Env(NamedTuple):
    location: Location
    source: str
    pairs: tuple[tuple[str, str], ...]


class Label(NamedTuple):
    location: Location
    source: str
    pairs: tuple[tuple[str, str], ...]


class Arg(NamedTuple):
    """Names with their default, None without one."""

    location: Location
    source: str
    names: tuple[tuple[str, str | None], ...]


class Workdir(NamedTuple):
    location: Location
    source: str
    path: str


class User(NamedTuple):
    location: Location
    source: str
    user: str


class Expose(NamedTuple):
    location: Location
    source: str
    ports: tuple[str, ...]


class Volume(NamedTuple):
    location: Location
    source: str
    paths: tuple[str, ...]


class Stopsignal(NamedTuple):
    location: Location
    source: str
    signal: str


class Shell(NamedTuple):
    location: Location
    source: str
    words: tuple[str, ...]


class Healthcheck(NamedTuple):
    """`command` None is ``HEALTHCHECK NONE``.  Durations in nanoseconds, 0 where not given."""

    location: Location
    source: str
    command: Command | None
    interval: int = 0
    timeout: int = 0
    start_period: int = 0
    start_interval: int = 0
    retries: int = 0


class Maintainer(NamedTuple):
    location: Location
    source: str
    name: str


class Onbuild(NamedTuple):
    """`text` is the instruction to be run by images that start from this one."""

    location: Location
    source: str
    text: str


Instruction = (
    Run
    | Cmd
    | Entrypoint
    | Copy
    | Env
    | Label
    | Arg
    | Workdir
    | User
    | Expose
    | Volume
    | Stopsignal
    | Shell
    | Healthcheck
    | Maintainer
    | Onbuild
)


class Stage(NamedTuple):
    """From one FROM to the next.  `base` is not expanded; `name` is in lower case."""

    number: int
    origin: From
    instructions: tuple[Instruction, ...]

    @property
    def base(self) -> str:
        return self.origin.base

    @property
    def name(self) -> str | None:
        return self.origin.name


class Dockerfile(NamedTuple):
    """`directives` are those at the top (escape, syntax, check); `text` is all of it, as it was read."""

    name: str
    directives: dict[str, str]
    meta_args: tuple[Arg, ...]
    stages: tuple[Stage, ...]
    text: str = ""

    @property
    def escape(self) -> str:
        return self.directives.get("escape", "\\")
