"""PURE: which stages a target needs, in which order, and what each takes from which."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wherry.dockerfile.ast import Copy, Run
from wherry.dockerfile.expand import ExpansionError, expand
from wherry.dockerfile.lines import fail
from wherry.errors import NotFoundError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.dockerfile.ast import Dockerfile, Instruction, Location, Stage


class PlannedStage(NamedTuple):
    """`parent` is the stage that FROM names, or None and `base` the image (or "scratch").

    `needs` are the numbers of all stages that must be built before this one.
    """

    stage: Stage
    base: str
    parent: int | None
    needs: tuple[int, ...]


class Plan(NamedTuple):
    """`order` lists the needed stages so that each comes after what it needs; the last is the target."""

    stages: dict[int, PlannedStage]
    order: tuple[int, ...]


def make_plan(dockerfile: Dockerfile, target: str | None, args: Mapping[str, str]) -> Plan:
    """Decide what is to be built for `target` (a stage's name or number; None for the last stage).

    Stages that it does not need are not in the plan.  Raises DockerfileError, NotFoundError.
    """
    chosen = _target(dockerfile, target)
    scope = meta_scope(dockerfile, args)
    planned: dict[int, PlannedStage] = {}
    order: list[int] = []
    # Stages only refer to earlier ones, so one backward pass finds all that are needed.
    wanted = {chosen}
    for number in range(chosen, -1, -1):
        if number in wanted:
            planned[number] = _stage(dockerfile, dockerfile.stages[number], scope)
            wanted.update(planned[number].needs)
            order.insert(0, number)
    return Plan(planned, tuple(order))


def meta_scope(dockerfile: Dockerfile, args: Mapping[str, str]) -> dict[str, str]:
    """The arguments before the first FROM, as FROM lines see them."""
    scope: dict[str, str] = {}
    for arg in dockerfile.meta_args:
        for name, default in arg.names:
            if name in args:
                scope[name] = args[name]
            elif default is not None:
                scope[name] = expanded(default, scope, dockerfile.escape, arg.location)
    return scope


def expanded(word: str, scope: Mapping[str, str], escape: str, place: Location) -> str:
    """Expand a word; an error points at the instruction."""
    if "$" not in word and "'" not in word and '"' not in word and escape not in word:
        return word
    try:
        return expand(word, scope, escape)
    except ExpansionError as error:
        raise fail(place, f"failed to process {word!r}: {error}") from None


def find_stage(dockerfile: Dockerfile, text: str, before: int) -> int | None:
    """The stage that a name or number means, among those before `before`; the latest of a name counts."""
    for stage in reversed(dockerfile.stages[:before]):
        if stage.name is not None and stage.name == text.lower():
            return stage.number
    if text.isascii() and text.isdigit() and int(text) < before:
        return int(text)
    return None


def _target(dockerfile: Dockerfile, target: str | None) -> int:
    if target is None:
        return len(dockerfile.stages) - 1
    found = find_stage(dockerfile, target, len(dockerfile.stages))
    if found is None:
        names = [stage.name for stage in dockerfile.stages if stage.name]
        near = nearest(target, names)
        known = f"stages are {', '.join(names)}" if names else "no stage of this Dockerfile has a name"
        raise NotFoundError(
            f"target stage {target} could not be found in {dockerfile.name}",
            hint=f"did you mean {near}?" if near else known,
        )
    return found


def _stage(dockerfile: Dockerfile, stage: Stage, scope: Mapping[str, str]) -> PlannedStage:
    place = stage.origin.location
    base = expanded(stage.base, scope, dockerfile.escape, place)
    if not base:
        raise fail(
            place,
            f"base name ({stage.base}) should not be blank",
            hint="declare the argument with a default before the first FROM, or give --build-arg",
        )
    parent = find_stage(dockerfile, base, stage.number) if not base.isdigit() else None
    needs = set() if parent is None else {parent}
    for instruction in stage.instructions:
        needs |= needed_by(dockerfile, stage, instruction)
    return PlannedStage(stage, base, parent, tuple(sorted(needs)))


def needed_by(dockerfile: Dockerfile, stage: Stage, instruction: Instruction) -> set[int]:
    """The stages that an instruction takes files from.  Raises DockerfileError."""
    if isinstance(instruction, Copy):
        names = [instruction.from_] if instruction.from_ is not None else []
    elif isinstance(instruction, Run):
        names = [mount.from_ or "" for mount in instruction.mounts]
    else:
        return set()
    return set().union(*(_reference(dockerfile, name, stage, instruction.location) for name in names))


def _reference(dockerfile: Dockerfile, text: str, stage: Stage, place: Location) -> set[int]:
    """The stage that --from names: none if it names an image."""
    if "$" in text:
        raise fail(
            place,
            "variable expansion is not supported for --from",
            hint="define a stage with FROM ${NAME} AS stage, and copy from that",
        )
    if text.isascii() and text.isdigit() and int(text) >= stage.number:
        raise fail(place, f"invalid stage index {text}: stages before this one are 0 to {stage.number - 1}")
    if stage.name is not None and text.lower() == stage.name:
        raise fail(place, f"invalid from flag value {text}: a stage cannot copy from itself")
    found = find_stage(dockerfile, text, stage.number)
    return set() if found is None else {found}
