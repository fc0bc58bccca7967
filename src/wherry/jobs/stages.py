"""PURE: which stages of a Dockerfile are worth a pod of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wherry.dockerfile.ast import Copy, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.builder.plan.graph import Names, Plan


class StagePod(NamedTuple):
    """A stage to be built by itself, after those of `needs`, which have pods, too."""

    number: int
    name: str
    needs: frozenset[int] = frozenset()


def apart(plan: Plan) -> tuple[StagePod, ...]:
    """The stages that run something and that the target's own pod need not wait for one after the other.

    A stage that only one other stage needs, and that is all which that one needs of such, is built with it.
    Fewer than two leave nothing to do side by side: then there is none.
    """
    *others, _target = plan.order
    working = [number for number in others if _runs(plan, number)]
    needs = {number: _needed(plan, number, frozenset(working)) for number in working}
    needed_by = {number: [n for n in working if number in needs[n]] for number in working}
    joined = {n for n in working if len(needed_by[n]) == 1 and needs[needed_by[n][0]] == {n}}
    alone = [number for number in working if number not in joined]
    if len(alone) < 2:
        return ()
    return tuple(
        StagePod(
            number,
            plan.stages[number].stage.name or str(number),
            frozenset(_without(needs, joined, number)),
        )
        for number in alone
    )


def images(plan: Plan, names: Names) -> list[str]:
    """The images that a build begins with or copies from, as they are written."""
    found = [s.base for s in plan.stages.values() if s.parent is None and s.base != "scratch"]
    for planned in plan.stages.values():
        for instruction in planned.stage.instructions:
            froms = [instruction.from_] if isinstance(instruction, Copy) else []
            froms += [m.from_ for m in instruction.mounts] if isinstance(instruction, Run) else []
            found += [text for text in froms if text and names.stage(text, planned.stage.number) is None]
    return [name for name in dict.fromkeys(found) if name.lower() not in names.elsewhere]


def _runs(plan: Plan, number: int) -> bool:
    return any(isinstance(instruction, Run) for instruction in plan.stages[number].stage.instructions)


def _needed(plan: Plan, number: int, working: frozenset[int]) -> set[int]:
    """The nearest stages below that run something."""
    found: set[int] = set()
    for needed in plan.stages[number].needs:
        found |= {needed} if needed in working else _needed(plan, needed, working)
    return found


def _without(needs: dict[int, set[int]], joined: set[int], number: int) -> Iterator[int]:
    """What a stage needs of those that have pods: one that is built with it hands its own needs on."""
    for needed in needs[number]:
        if needed in joined:
            yield from _without(needs, joined, needed)
        else:
            yield needed
