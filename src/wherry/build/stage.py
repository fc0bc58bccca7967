"""Building one stage: its instructions in order, each from the cache or run."""

from __future__ import annotations

import datetime
import posixpath
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.build import keys
from wherry.build.copy import plan_copy, write_layer
from wherry.build.plan import expanded
from wherry.build.sources import ContextSource, ViewSource
from wherry.build.state import PREDEFINED, State
from wherry.dockerfile.ast import Arg, Copy, Env, Expose, Label, Run, Stopsignal, User, Volume, Workdir
from wherry.dockerfile.lines import fail
from wherry.errors import ContextError, DockerfileError, SandboxError, UsageError
from wherry.layers.view import View
from wherry.oci.config import DEFAULT_PATH, History
from wherry.oci.digest import chain_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wherry.build.keys import Key
    from wherry.build.sources import Source
    from wherry.build.worker import Build
    from wherry.dockerfile.ast import Instruction, Location, Stage


class StageResult(NamedTuple):
    """What a stage made.  `history` of steps that made no layer have no time: the image's is theirs."""

    diff_ids: tuple[str, ...]
    history: tuple[History, ...]
    config: dict[str, Any]
    author: str
    args: dict[str, str]
    extra: dict[str, Any]


class StageBuilder:
    """Goes through a stage.  `finished` are the stages that it may copy from."""

    def __init__(
        self,
        build: Build,
        stage: Stage,
        base: StageResult,
        finished: Mapping[int, StageResult],
        meta: Mapping[str, str],
    ) -> None:
        self._build = build
        self._stage = stage
        self._finished = finished
        self._meta = meta
        self._escape = build.dockerfile.escape
        self.state = State(base.config, base.author)
        self.state.args.update(base.args)
        self._extra = base.extra
        if "PATH" not in self.state.env:
            self.state.set_env("PATH", DEFAULT_PATH)
        self.diff_ids = list(base.diff_ids)
        self.history = list(base.history)
        self._last_key = ""
        self._predefined = {n: v for n, v in build.options.args.items() if n in PREDEFINED}

    def run(self) -> StageResult:
        label = self._stage.name or f"stage-{self._stage.number}"
        only = len(self._build.dockerfile.stages) == 1
        total = len(self._stage.instructions) + 1
        for number, instruction in enumerate(self._stage.instructions, 2):
            prefix = f"{number}/{total}" if only else f"{label} {number}/{total}"
            self._step(instruction, f"[{prefix}] {instruction.source}")
        return StageResult(
            tuple(self.diff_ids),
            tuple(self.history),
            self.state.config,
            self.state.author,
            dict(self.state.args),
            self._extra,
        )

    def _step(self, instruction: Instruction, label: str) -> None:
        progress = self._build.progress
        if isinstance(instruction, Run):
            step: Callable[[], bool] = lambda: self._run(instruction)  # noqa: E731
        elif isinstance(instruction, Copy):
            step = lambda: self._copy(instruction)  # noqa: E731
        elif isinstance(instruction, Workdir):
            step = lambda: self._workdir(instruction)  # noqa: E731
        else:
            self._configure(instruction)
            return
        progress.begin(label)
        try:
            cached = step()
        except BaseException:
            progress.fail()
            raise
        progress.end(cached=cached)

    # -- the configuration -------------------------------------------------------------------------

    def _configure(self, instruction: Instruction) -> None:
        if isinstance(instruction, Arg):
            self._arg(instruction)
            return
        try:
            created_by = self.state.apply(self._expanded(instruction))
        except UsageError as error:
            raise fail(instruction.location, error.message, hint=error.hint) from None
        self._remember(created_by, None)

    def _arg(self, arg: Arg) -> None:
        """A value from the command line, else the default, else the value from before the first FROM."""
        given = self._build.options.args
        for written, default in arg.names:
            name = self._expand(written, arg.location)
            self._build.used_args.add(name)
            if name in given:
                self.state.args[name] = given[name]
            elif default is not None:
                self.state.args[name] = self._expand(default, arg.location)
            elif name in self._meta:
                self.state.args[name] = self._meta[name]
        self._remember(arg.source, None)

    def _expanded(self, instruction: Instruction) -> Instruction:
        """Variables replaced where Docker replaces them: never in RUN, CMD, ENTRYPOINT."""
        place = instruction.location
        if isinstance(instruction, (Env, Label)):
            pairs = tuple((self._expand(n, place), self._expand(v, place)) for n, v in instruction.pairs)
            return instruction._replace(pairs=pairs)
        if isinstance(instruction, Workdir):
            return instruction._replace(path=self._expand(instruction.path, place))
        if isinstance(instruction, User):
            return instruction._replace(user=self._expand(instruction.user, place))
        if isinstance(instruction, Stopsignal):
            return instruction._replace(signal=self._expand(instruction.signal, place))
        if isinstance(instruction, Volume):
            return instruction._replace(paths=tuple(self._expand(p, place) for p in instruction.paths))
        if isinstance(instruction, Expose):
            words = [w for word in instruction.ports for w in self._expand(word, place).split()]
            return instruction._replace(ports=tuple(words))
        return instruction

    def _expand(self, word: str, place: Location) -> str:
        return expanded(word, {**self._predefined, **self.state.variables()}, self._escape, place)

    def _remember(self, created_by: str, created: float | None) -> None:
        self.history.append(
            History(
                created="" if created is None else rfc3339(created),
                created_by=created_by,
                comment="wherry",
                empty_layer=created is None,
            )
        )

    # -- steps that make layers --------------------------------------------------------------------

    @property
    def _chain(self) -> str:
        return chain_id(self.diff_ids)

    def _view(self) -> View:
        return View([self._build.store.layers.link(diff_id) for diff_id in self.diff_ids])

    def _layer(self, key: Key, created_by: str, make: Callable[[], str]) -> bool:
        """Take the layer from the cache or make it.  Whether it came from the cache."""
        self._last_key = key.digest
        record = self._build.cached(key.digest)
        if record is None:
            diff_id = make()
            record = self._build.remember(key, diff_id)
            cached = False
        else:
            cached = True
        self.diff_ids.append(record.value)
        self._remember(created_by, record.created)
        return cached

    def _run(self, run: Run) -> bool:
        argv = self.state.argv(run.command)
        env = self.state.run_env()
        network = run.network if run.network not in (None, "default") else "host"
        assert network is not None  # noqa: S101
        key = keys.run_key(self._chain, argv, env, self.state.user, self.state.workdir, network)
        shown = " ".join(argv)
        args = [f"{n}={v}" for n, v in sorted(self.state.args.items())]
        if args:
            shown = f"|{len(args)} {' '.join(args)} {shown}"
        environment = [*(f"{n}={v}" for n, v in self._predefined.items()), *env]
        return self._layer(
            key,
            f"RUN {shown}",
            lambda: self._build.worker().run(
                run, self.diff_ids, argv, environment, self.state.user, self.state.workdir, network
            ),
        )

    def _copy(self, copy: Copy) -> bool:
        place = copy.location
        words = [self._expand(word, place) for word in copy.sources]
        dest = self._expand(copy.dest, place)
        owner_text = self._expand(copy.chown or "", place)
        mode_text = self._expand(copy.chmod or "", place)
        target = posixpath.join("/", self.state.workdir, dest)
        name = "ADD" if copy.add else "COPY"
        created_by = " ".join([name, *_copy_flags(copy, owner_text, mode_text), *words, dest])
        quick = None
        source: Source
        if copy.from_ is None:
            source = ContextSource(self._build.context())
        else:
            diff_ids, label = self._build.source_of(copy, self._finished)
            links = [self._build.store.layers.link(diff_id) for diff_id in diff_ids]
            source = ViewSource(View(links), label)
            quick = keys.copy_from_key(
                self._chain, chain_id(diff_ids), words, target, owner_text, mode_text
            )
            record = self._build.cached(quick.digest)
            if record is not None:
                self.diff_ids.append(record.value)
                self._remember(created_by, record.created)
                return True
        try:
            cached = self._copy_content(copy, source, words, dest, owner_text, mode_text, created_by)
        except (ContextError, SandboxError) as error:
            raise fail(place, f"{name} failed: {error.message}", hint=error.hint) from None
        if quick is not None:
            content = self._build.cached(self._last_key)
            self._build.remember(quick, self.diff_ids[-1], content.created if content else None)
        return cached

    def _copy_content(
        self,
        copy: Copy,
        source: Source,
        words: list[str],
        dest: str,
        owner_text: str,
        mode_text: str,
        created_by: str,
    ) -> bool:
        view = self._view()
        owner = self._owner(owner_text, view)
        mode = _mode(mode_text, copy)
        plan = plan_copy(source, words, dest, self.state.workdir, view, unpack=copy.add)
        target = posixpath.join("/", self.state.workdir, dest)
        key = keys.copy_key(self._chain, plan.content, target, owner, mode, unpack=copy.add)

        def make() -> str:
            return self._build.worker().tree(lambda tree: write_layer(plan, view, tree, owner, mode), view)

        return self._layer(key, created_by, make)

    def _owner(self, text: str, view: View) -> tuple[int, int]:
        if not text:
            return 0, 0
        from wherry.sandbox.users import resolve_owner

        def read(path: str) -> str:
            node = view.find(path)
            if node is None or not stat.S_ISREG(node.status.st_mode):
                return ""
            with open(node.path, encoding="utf-8", errors="replace") as file:
                return file.read(1 << 22)

        return resolve_owner(text, read)

    def _workdir(self, workdir: Workdir) -> bool:
        """A folder that the image lacks becomes a layer of its own; otherwise only a line of history."""
        created_by = self.state.apply(self._expanded(workdir))
        path = self.state.workdir
        view = self._view()
        node = view.find(path)
        if node is not None and node.is_folder:
            self._remember(created_by, None)
            return True
        if node is not None:
            raise fail(workdir.location, f"{path} is not a directory")
        key = keys.workdir_key(self._chain, path)
        return self._layer(key, created_by, lambda: self._build.worker().folder(view.resolve(path), view))


def _copy_flags(copy: Copy, owner: str, mode: str) -> list[str]:
    flags = (("from", copy.from_), ("chown", owner), ("chmod", mode))
    return [f"--{name}={value}" for name, value in flags if value]


def _mode(text: str, copy: Copy) -> int | None:
    if not text:
        return None
    try:
        mode = int(text, 8)
    except ValueError:
        raise _bad_mode(text, copy) from None
    if not 0 <= mode <= 0o7777:
        raise _bad_mode(text, copy)
    return mode


def _bad_mode(text: str, copy: Copy) -> DockerfileError:
    return fail(copy.location, f"invalid chmod parameter: '{text}'", hint="an octal number such as 0755")


def rfc3339(seconds: float) -> str:
    """As Docker writes times: UTC, with fractions."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
