"""Building one stage: its instructions in order, each from the cache or run."""

from __future__ import annotations

from wherry.builder.context.sources import ViewSource
from wherry.builder.plan import keys
from wherry.builder.plan.graph import expanded, expanded_words, needed_by
from wherry.builder.plan.instruction import expand_instruction, is_step, step_label, steps_of
from wherry.builder.plan.state import State, proxies, shown_arg
from wherry.builder.plan.values import StageResult
from wherry.builder.progress import Silent
from wherry.builder.steps.copy import copy_step
from wherry.builder.steps.run import run_step
from wherry.builder.steps.workdir import is_root, workdir_step
from wherry.dockerfile.ast import (
    Arg,
    Copy,
    Onbuild,
    Run,
    Workdir,
)
from wherry.dockerfile.expand import ExpansionError, expand_document
from wherry.dockerfile.lines import fail
from wherry.errors import UsageError
from wherry.layers.view import View
from wherry.oci.config import DEFAULT_PATH, LARGEST_CONFIG, History
from wherry.oci.digest import chain_above, chain_id
from wherry.oci.times import rfc3339
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from wherry.builder.context.folder import Context
    from wherry.builder.execute.session import Session
    from wherry.builder.execute.worker import Worker
    from wherry.builder.plan.graph import PlannedStage
    from wherry.builder.plan.keys import Key
    from wherry.builder.progress import Step
    from wherry.builder.steps.stage import Stage
    from wherry.dockerfile.ast import Heredoc, Instruction, Location
    from wherry.store.cache import CacheRecord

STEPS: Mapping[type, Callable[[Stage, Any], bool]] = {Copy: copy_step, Run: run_step, Workdir: workdir_step}
"""What makes a layer of an instruction that is a step, and says whether that came from the cache."""
LARGEST_BUILD = 1 << 28
"""Characters of the configurations and histories of all stages of a build."""


class StageBuilder:
    """Goes through a stage."""

    def __init__(
        self,
        session: Session,
        planned: PlannedStage,
        base: StageResult,
        meta: Mapping[str, str],
    ) -> None:
        self._session = session
        self.options = session.options
        self.store = session.store
        self._stage = planned.stage
        self._triggers = planned.triggers
        self.platform = base.platform
        self.cache = session.cache.of(planned.stage.number)
        self._meta = meta
        self._escape = session.dockerfile.escape
        self.state = State(base.config, base.author)
        self._written = 0
        session.written += self.state.inherited
        # Triggers are for whoever starts from the image, and not for those who start from that one.
        self.state.config.pop("OnBuild", None)
        self._extra = base.extra
        self._origin = base.origin
        if "PATH" not in self.state.env:
            self.state.set_env("PATH", DEFAULT_PATH)
        self.state.inherit(base.args)
        self.step: Step = Silent()
        self.diff_ids = list(base.diff_ids)
        self._chain = (0, "")  # of so many layers
        self.history = list(base.history)
        self.predefined = proxies(session.options.args)

    def run(self) -> StageResult:
        alone = len(self._session.dockerfile.stages) == 1
        place, total = 1, steps_of(self._stage)
        for number, instruction in enumerate(self._stage.instructions, 2):
            if self._is_step(instruction):
                place += 1
                self._step(instruction, number, step_label(self._stage, place, total, alone=alone))
            else:
                self._configure(instruction)
            self._check_size(instruction.location)
        return StageResult(
            tuple(self.diff_ids),
            tuple(self.history),
            self.state.config,
            self.state.author,
            self.state.args,
            self._extra,
            self.platform,
            self._origin,
        )

    def _is_step(self, instruction: Instruction) -> bool:
        return is_step(instruction) and not (
            isinstance(instruction, Workdir) and is_root(self, instruction)
        )

    def _step(self, instruction: Instruction, number: int, label: str) -> None:
        for needed in needed_by(self._session.bases.names, self._stage, instruction):
            self._session.schedule[needed]  # waits for it: a step that waits has not begun
        trigger = "ONBUILD " if number - 2 < self._triggers else ""
        self.step = self._session.progress.begin(f"[{label}] {trigger}{shown(instruction.source)}")
        try:
            with self._session.record.step(self, self._stage, number, label, instruction) as outcome:
                outcome.cached = STEPS[type(instruction)](self, instruction)
        except BaseException as error:
            if self.stopping or isinstance(error, KeyboardInterrupt):
                self.step.cancel()
            else:
                self.step.fail()
            raise
        self.step.end(cached=outcome.cached)

    # -- the configuration -------------------------------------------------------------------------

    def _configure(self, instruction: Instruction) -> None:
        if isinstance(instruction, Arg):
            self._arg(instruction)
            return
        if isinstance(instruction, Onbuild):
            # As in BuildKit, it leaves no line in the history.
            self.state.config.setdefault("OnBuild", []).append(instruction.text)
            return
        try:
            created_by = self.state.apply(self._expanded(instruction))
        except UsageError as error:
            raise fail(instruction.location, error.message, hint=error.hint) from None
        self.remember(created_by, None)

    def _arg(self, arg: Arg) -> None:
        """A value from the command line, else the default, else the value from before the first FROM."""
        given = self.options.args
        listed = []
        value: str | None
        for name, default in arg.names:
            self._session.used_args.add(name)
            if name in given:
                value = given[name]
            elif default is not None:
                value = self.expand(default, arg.location)
            else:
                value = self._meta.get(name)
            self.state.set_arg(name, value)
            listed.append(name if value is None else f"{name}={shown_arg(name, value)}")
        self.remember(f"ARG {' '.join(listed)}", None)

    def _expanded(self, instruction: Instruction) -> Instruction:
        place = instruction.location
        return expand_instruction(
            instruction, lambda word: self.expand(word, place), lambda word: self.expand_words(word, place)
        )

    def expand(self, word: str, place: Location) -> str:
        return expanded(word, self.state.variables, self._escape, place)

    def expand_words(self, text: str, place: Location) -> list[str]:
        """Like expand(), but a value with white space gives several words."""
        return expanded_words(text, self.state.variables, self._escape, place)

    def document(self, heredoc: Heredoc, place: Location) -> bytes:
        """What a here-document holds: variables are replaced unless its word was quoted."""
        text = heredoc.text
        if heredoc.expand:
            try:
                text = expand_document(text, self.state.variables)
            except ExpansionError as error:
                raise fail(place, f"failed to process <<{heredoc.name}: {error}") from None
        return text.encode("utf-8", "surrogateescape")

    def remember(self, created_by: str, created: float | None) -> None:
        self._written += len(created_by)
        self._session.written += len(created_by)
        self.history.append(
            History(
                created="" if created is None else rfc3339(created),
                created_by=created_by,
                comment="wherry",
                empty_layer=created is None,
            )
        )

    def _check_size(self, place: Location) -> None:
        """A few lines can double a value, and stages that are made of each other a whole configuration."""
        if self._written > LARGEST_CONFIG:
            raise fail(place, f"the history of the image has more than {LARGEST_CONFIG} characters")
        if self._session.written > LARGEST_BUILD:
            raise fail(place, f"the configurations of all stages have more than {LARGEST_BUILD} characters")

    # -- steps that make layers --------------------------------------------------------------------

    @property
    def scratch(self) -> str:
        """The name of a folder for this stage's file system, where its next step goes on."""
        return f"stage{self._stage.number}"

    def scratch_folder(self) -> str:
        """A new folder for files that are needed while a step is made."""
        return self._session.new_folder()

    def context(self) -> Context:
        return self._session.context()

    def worker(self) -> Worker:
        return self._session.worker()

    def note(self, text: str) -> None:
        self._session.progress.note(text)

    def named_folder(self, name: str) -> Context | None:
        return self._session.bases.folder(name)

    def named_layers(self, name: str, place: Location) -> tuple[tuple[str, ...], str]:
        return self._session.bases.layers(name, place, self._session.schedule)

    def need(self, diff_ids: Sequence[str]) -> None:
        self._session.shared.need(diff_ids)

    def is_here(self) -> bool:
        return self._session.shared.is_here(self.diff_ids)

    def used(self, uri: str, digest: str) -> None:
        self._session.materials.append((uri, digest))

    @property
    def stopping(self) -> bool:
        """Whether steps end because another one failed."""
        return self._session.schedule.stopping

    @property
    def chain(self) -> str:
        known, chain = self._chain
        for diff_id in self.diff_ids[known:]:  # layers are only added
            chain = chain_above(chain, diff_id)
        self._chain = len(self.diff_ids), chain
        return self._marked(chain)

    def chain_of(self, diff_ids: Sequence[str]) -> str:
        """What layers are for a key; without any it is that of a layer that depends on none below it."""
        return self._marked(chain_id(diff_ids))

    def _marked(self, chain: str) -> str:
        return keys.REPRODUCIBLE + chain if self.options.reproducible else chain

    def view(self) -> View:
        self.need(self.diff_ids)
        links = [self.store.layers.link(diff_id) for diff_id in self.diff_ids]
        return View(links, seen=self._session.seen)

    def view_source(self, view: View, label: str) -> ViewSource:
        """Another file system to copy from; its times count where an image must not depend on luck."""
        return ViewSource(view, label, times=self.options.reproducible)

    def layer(self, key: Key, created_by: str, make: Callable[[], str]) -> bool:
        """Take the layer from the cache or make it.  Whether it came from the cache."""
        record = self.cache.get(key)
        cached = record is not None
        if record is None:
            record, cached = self._made(key, make)
        self.add(record, created_by)
        if not cached:
            self._session.made()
        return cached

    def _made(self, key: Key, make: Callable[[], str]) -> tuple[CacheRecord, bool]:
        """The layer that nobody had made, and whether somebody has meanwhile: two that need the same step
        at once, in two stages or in two builds, make it once."""
        self.worker()
        self.need(self.diff_ids)
        self.step.working()
        with self.cache.alone(key, self._wait):
            record = self.cache.get(key)
            if record is not None:
                return record, True
            with self._session.schedule.slot():
                return self.cache.put(key, make()), False

    def _wait(self, first: bool) -> None:
        if first:
            self.step.output(b"waiting for another build that makes the same step\n")
        self._session.schedule.pause(0.02)

    def layer_by(
        self, quick: Key, content: Callable[[], Key], created_by: str, make: Callable[[], str]
    ) -> bool:
        """Like layer(), with a quick key that is looked up before what the content's key reads is read."""
        record = self.cache.get(quick)
        if record is not None:
            self.add(record, created_by)
            return True
        key = content()
        cached = self.layer(key, created_by, make)
        self.cache.alias(quick, key, self.diff_ids[-1])
        return cached

    def add(self, record: CacheRecord, created_by: str) -> None:
        """The stage has one more layer."""
        self.diff_ids.append(record.value)
        self._session.reached[record.value] = None
        self.remember(created_by, record.created)
