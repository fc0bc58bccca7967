"""PURE: what builds did, as `wherry explain` reads it."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class StepKey(NamedTuple):
    """A cache key that a step looked up, and what it was made of (`builder.plan.keys`).

    None of a hit: the cache itself has it, unless it was found in a shared one.
    """

    digest: str
    components: dict[str, Any] | None


class StepRecord(NamedTuple):
    """What became of one step.

    `label` is its place (``builder 2/4``), `outcome` one of "base" (a FROM), "hit", "ran", "failed",
    "stopped"; `why` is "no-cache" or "no-cache-filter" where the cache was not to be asked.  `args` are the
    names of the build arguments in its environment, `keys` what it looked up, the last one the most exact.
    `size` is that of its layer, as Docker counts; `origin` names the shared cache that had it.  `line` and
    `end_line` are where it stands in the Dockerfile, 0 in records that do not tell.
    """

    stage: int
    number: int
    label: str
    kind: str
    source: str
    outcome: str
    why: str
    seconds: float
    layer: str
    size: int
    args: tuple[str, ...]
    keys: tuple[StepKey, ...]
    origin: str = ""
    line: int = 0
    end_line: int = 0

    @property
    def missed(self) -> bool:
        return self.outcome not in ("hit", "base")


class BuildRecord(NamedTuple):
    """`began` in Unix seconds; `context` and `dockerfile` absolute where they are files; `outcome` is
    "done", "failed" or "stopped"."""

    id: str
    began: float
    seconds: float
    context: str
    dockerfile: str
    target: str
    names: tuple[str, ...]
    outcome: str
    image: str
    steps: tuple[StepRecord, ...]

    @property
    def lineage(self) -> tuple[str, str, str]:
        """Builds of the same thing."""
        return self.context, self.dockerfile, self.target


def with_parts(record: BuildRecord, parts: Iterable[BuildRecord]) -> BuildRecord:
    """A build that found in the cache what others had just made for it: such steps as they were there."""
    made = {_place(step): step for part in parts for step in part.steps if step.missed}
    steps = tuple(
        made.get(_place(step), step) if step.outcome == "hit" and step.keys else step
        for step in record.steps
    )
    return record._replace(steps=steps)


def _place(step: StepRecord) -> tuple[int, int, tuple[str, ...]]:
    return step.stage, step.number, tuple(key.digest for key in step.keys[-1:])


def as_json(record: BuildRecord) -> dict[str, Any]:
    """What read() reads."""
    return {**record._asdict(), "steps": [step._asdict() for step in record.steps]}


def read(value: dict[str, Any]) -> BuildRecord:
    """A record from its JSON.  Raises KeyError, TypeError for one that is not as it should be."""
    steps = tuple(_step(step) for step in value["steps"])
    return BuildRecord(**{**value, "names": tuple(value["names"]), "steps": steps})


def _step(value: dict[str, Any]) -> StepRecord:
    keys = tuple(StepKey(*key) for key in value["keys"])
    return StepRecord(**{**value, "args": tuple(value["args"]), "keys": keys})
