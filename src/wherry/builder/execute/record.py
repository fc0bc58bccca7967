"""What a build did, step by step, kept in the store for `wherry explain` (`store.buildrecord`)."""

from __future__ import annotations

import contextlib
import os
import time

from wherry.builder.plan.instruction import step_label, steps_of
from wherry.errors import NeedsNamespace
from wherry.oci.digest import chain_id
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from wherry.builder.execute.step_cache import StageCache
    from wherry.builder.options import BuildOptions
    from wherry.builder.plan.graph import PlannedStage
    from wherry.builder.plan.state import State
    from wherry.builder.plan.values import StageResult
    from wherry.dockerfile.ast import Dockerfile, From, Instruction, Stage
    from wherry.store import ImageRecord, Store

    Step = dict[str, Any]


class InStage(Protocol):
    """What a step's stage tells of it."""

    cache: StageCache
    state: State

    @property
    def stopping(self) -> bool:
        """Whether steps end because another one failed."""


class Outcome:
    """What a step sets when it is done."""

    cached = False


class Recorder:
    """Gathers the steps of one build; stages may be built by several threads at once."""

    def __init__(self, store: Store, dockerfile: Dockerfile, options: BuildOptions) -> None:
        self._store = store
        self._options = options
        self._alone = len(dockerfile.stages) == 1
        self._steps: list[Step] = []
        self._image = ""

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """The record is written at the end, however the build ends, as far as it came."""
        wall, began = time.time(), time.monotonic()
        outcome = "failed"
        try:
            yield
            outcome = "done"
        except KeyboardInterrupt:
            outcome = "stopped"
            raise
        except NeedsNamespace:
            self._steps.clear()  # the build begins again, and leaves its record then
            raise
        finally:
            if self._steps:
                self._store.builds.add(self._record(wall, time.monotonic() - began, outcome))

    def image(self, record: ImageRecord) -> ImageRecord:
        """The image that the build gave."""
        self._image = record.id
        return record

    def made(self, stages: Sequence[int]) -> list[Step]:
        """The steps of some stages that gave layers, in the order of the layers."""
        steps = [step for step in self._steps if step["layer"] and step["stage"] in stages]
        return sorted(steps, key=lambda step: (stages.index(step["stage"]), step["number"]))

    def base(self, planned: PlannedStage, base: StageResult) -> None:
        """What a stage starts from."""
        made_of = {
            "kind": "from",
            "name": planned.base,
            "image": base.origin if planned.parent is None else "",
            "stage": planned.parent,
            "chain": chain_id(base.diff_ids),
        }
        stage = planned.stage
        label = step_label(stage, 1, steps_of(stage), alone=self._alone)
        step = self._step(stage, 1, label, stage.origin)
        step.update(kind="from", outcome="base", keys=[("", made_of)])
        self._steps.append(step)

    @contextlib.contextmanager
    def step(
        self, builder: InStage, stage: Stage, number: int, label: str, instruction: Instruction
    ) -> Iterator[Outcome]:
        """Around one step: how it ended, how long it took, what it asked the cache for."""
        cache = builder.cache
        cache.begin()
        outcome = Outcome()
        began = time.monotonic()
        ended = "failed"
        try:
            yield outcome
            ended = "hit" if outcome.cached else "ran"
        except BaseException as error:
            # What was ended because another step failed has not failed itself.
            if isinstance(error, KeyboardInterrupt) or builder.stopping:
                ended = "stopped"
            raise
        finally:
            step = self._step(stage, number, label, instruction)
            step.update(kind=type(instruction).__name__.lower(), outcome=ended, why=cache.why)
            step["seconds"] = round(time.monotonic() - began, 4)
            hit = ended == "hit"
            known = hit and not cache.origin  # by the cache of this store
            step["keys"] = [(key.digest, None if known else key.components) for key in cache.keys]
            if cache.layer is not None:
                step.update(layer=cache.layer.diff_id, size=cache.layer.size)
            if cache.origin:
                step["origin"] = cache.origin
            if step["kind"] == "run":
                env = builder.state.env
                step["args"] = sorted(name for name in builder.state.args if name not in env)
            self._steps.append(step)
            if not hit:
                cache.keep_file_manifests()

    @staticmethod
    def _step(stage: Stage, number: int, label: str, instruction: Instruction | From) -> Step:
        return {
            "stage": stage.number,
            "number": number,
            "label": label,
            "source": shown(instruction.source),
            "line": instruction.location.line,
            "end_line": instruction.location.end_line,
            "why": "",
            "seconds": 0,
            "layer": "",
            "size": 0,
            "args": (),
        }

    def _record(self, began: float, seconds: float, outcome: str) -> dict[str, Any]:
        context, dockerfile, names = self._options.origin
        return {
            "id": os.urandom(4).hex(),
            "began": began,
            "seconds": round(seconds, 4),
            "context": context,
            "dockerfile": dockerfile,
            "target": self._options.target or "",
            "names": names,
            "outcome": outcome,
            "image": self._image,
            "steps": sorted(self._steps, key=lambda step: (step["stage"], step["number"])),
        }
