"""PURE: which stages a target needs, in which order, and what each takes from which."""

from __future__ import annotations

from wherry.dockerfile.ast import Copy, Onbuild, Run
from wherry.dockerfile.expand import LARGEST, ExpansionError, expand, expand_words
from wherry.dockerfile.lines import fail
from wherry.dockerfile.parser import parse_trigger
from wherry.errors import NotFoundError, nearest
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from wherry.dockerfile.ast import Dockerfile, Instruction, Location, Stage


class PlannedStage(NamedTuple):
    """`parent` is the stage that FROM names, or None and `base` the image (or "scratch").

    `needs` are the numbers of all stages that must be built before this one.  `triggers` of the stage's
    instructions, the first ones, are what ONBUILD of its base asks for.  `platform` is FROM's, as written
    but expanded; "" where it has none.
    """

    stage: Stage
    base: str
    parent: int | None
    needs: tuple[int, ...]
    triggers: int = 0
    platform: str = ""


class Plan(NamedTuple):
    """`order` lists the needed stages so that each comes after what it needs; the last is the target."""

    stages: dict[int, PlannedStage]
    order: tuple[int, ...]


def make_plan(
    dockerfile: Dockerfile,
    target: str | None,
    scope: Mapping[str, str],
    *,
    elsewhere: Container[str] = (),
    onbuild: Callable[[str, str, Location], Sequence[str]] = lambda *_: (),
) -> Plan:
    """Decide what is to be built for `target` (a stage's name or number; None for the last stage).

    `scope` is meta_scope().  Names in `elsewhere` (in lower case) are no stages, whatever the Dockerfile
    says.  `onbuild` gives the ONBUILD triggers of an image, by its name and platform.

    Stages that it does not need are not in the plan.  Raises DockerfileError, NotFoundError.
    """
    chosen = _target(dockerfile, target)
    names = Names(dockerfile, elsewhere)
    planned: dict[int, PlannedStage] = {}
    order: list[int] = []
    # Stages only refer to earlier ones, so one backward pass finds all that are needed.
    needed = {chosen}
    for number in range(chosen, -1, -1):
        if number in needed:
            planned[number] = _stage(names, dockerfile.stages[number], scope, onbuild)
            needed.update(planned[number].needs)
            order.append(number)
    return Plan(planned, tuple(reversed(order)))


def meta_scope(
    dockerfile: Dockerfile, args: Mapping[str, str], platforms: Mapping[str, str] = {}
) -> dict[str, str]:
    """The arguments before the first FROM, and those of the platforms, as FROM lines see them."""
    scope = {name: args.get(name, value) for name, value in platforms.items()}
    size = 0
    for arg in dockerfile.meta_args:
        for name, default in arg.names:
            if name in args:
                scope[name] = args[name]
            elif default is not None:
                scope[name] = expanded(default, scope, dockerfile.escape, arg.location)
                size += len(scope[name])
        if size > LARGEST:
            raise fail(arg.location, f"the values of all ARGs so far have more than {LARGEST} characters")
    return scope


def expanded(word: str, scope: Mapping[str, str], escape: str, place: Location) -> str:
    """Expand a word; an error points at the instruction."""
    if "$" not in word and "'" not in word and '"' not in word and escape not in word:
        return word
    try:
        return expand(word, scope, escape)
    except ExpansionError as error:
        raise fail(place, f"failed to process {word!r}: {error}") from None


def expanded_words(text: str, scope: Mapping[str, str], escape: str, place: Location) -> list[str]:
    """Like expanded(), but a value with white space gives several words."""
    try:
        return expand_words(text, scope, escape)
    except ExpansionError as error:
        raise fail(place, f"failed to process {text!r}: {error}") from None


class Names:
    """What names mean in a Dockerfile; those in `elsewhere` are no stages."""

    def __init__(self, dockerfile: Dockerfile, elsewhere: Container[str] = ()) -> None:
        self.dockerfile = dockerfile
        self.elsewhere = elsewhere
        self._stages: dict[str, list[int]] = {}
        for stage in dockerfile.stages:
            if stage.name is not None:
                self._stages.setdefault(stage.name, []).append(stage.number)

    def stage(self, text: str, before: int) -> int | None:
        """The number of the stage that a name or a number stands for in the stage `before`, or None."""
        if text.lower() in self.elsewhere:
            return None
        known = self._stages.get(text.lower(), ())
        if known and known[0] < before:
            from bisect import bisect_left

            return known[bisect_left(known, before) - 1]
        # No number of a stage has more digits, and int() takes only so many.
        if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < before:
            return int(text)
        return None


def find_stage(dockerfile: Dockerfile, text: str, before: int) -> int | None:
    """See Names.stage()."""
    return Names(dockerfile).stage(text, before)


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


def _stage(
    names: Names,
    stage: Stage,
    scope: Mapping[str, str],
    onbuild: Callable[[str, str, Location], Sequence[str]],
) -> PlannedStage:
    place = stage.origin.location
    escape = names.dockerfile.escape
    base = expanded(stage.base, scope, escape, place)
    platform = expanded(stage.origin.platform or "", scope, escape, place)
    if not base:
        raise fail(
            place,
            f"base name ({stage.base}) should not be blank",
            hint="declare the argument with a default before the first FROM, or give --build-arg",
        )
    if stage.origin.platform and not platform:
        raise fail(
            place,
            f"empty platform value from expression {stage.origin.platform}",
            hint="declare the argument with a default before the first FROM, or give --build-arg",
        )
    parent = names.stage(base, stage.number) if not base.isdigit() else None
    if parent is None:
        texts = onbuild(base, platform, place)
    else:
        texts = [i.text for i in names.dockerfile.stages[parent].instructions if isinstance(i, Onbuild)]
    triggers = tuple(parse_trigger(text, place, escape) for text in texts)
    stage = stage._replace(instructions=(*triggers, *stage.instructions))
    needs = set() if parent is None else {parent}
    for instruction in stage.instructions:
        needs |= needed_by(names, stage, instruction)
    return PlannedStage(stage, base, parent, tuple(sorted(needs)), len(triggers), platform)


def needed_by(names: Names, stage: Stage, instruction: Instruction) -> set[int]:
    """The stages that an instruction takes files from.  Raises DockerfileError."""
    if isinstance(instruction, Copy):
        froms = [instruction.from_] if instruction.from_ is not None else []
    elif isinstance(instruction, Run):
        froms = [mount.from_ or "" for mount in instruction.mounts]
    else:
        return set()
    return set().union(*(_reference(names, name, stage, instruction.location) for name in froms))


def _reference(names: Names, text: str, stage: Stage, place: Location) -> set[int]:
    """The stage that --from names: none if it names an image."""
    if "$" in text:
        raise fail(
            place,
            "variable expansion is not supported for --from",
            hint="define a stage with FROM ${NAME} AS stage, and copy from that",
        )
    if text.lower() in names.elsewhere:
        return set()
    if text.isascii() and text.isdigit() and (len(text) > 9 or int(text) >= stage.number):
        raise fail(place, f"invalid stage index {text}: stages before this one are 0 to {stage.number - 1}")
    if stage.name is not None and text.lower() == stage.name:
        raise fail(place, f"invalid from flag value {text}: a stage cannot copy from itself")
    found = names.stage(text, stage.number)
    return set() if found is None else {found}
