"""PURE: checks of how a Dockerfile is written: casing, continuations, comments."""

from __future__ import annotations

import re

from wherry.dockerfile.ast import Arg, Maintainer
from wherry.dockerfile.lint.rules import finding
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wherry.dockerfile.ast import Dockerfile, From, Instruction, Location, Stage
    from wherry.dockerfile.lint.options import CheckOptions
    from wherry.dockerfile.lint.rules import Finding

RESERVED = ("context", "scratch")
AS = re.compile(r"\s(as)\s+(\S+)\s*$", re.IGNORECASE)


def check_text(
    dockerfile: Dockerfile,
    above: Mapping[int, Sequence[str]],
    options: CheckOptions,
    local: Callable[[Location], CheckOptions],
) -> Iterator[Finding]:
    """`above` is comments(); `local` gives the options of one instruction."""
    yield from options.chosen(_casing(dockerfile))
    for instruction in _all(dockerfile):
        place = instruction.location
        yield from options.chosen(_continuation(instruction, dockerfile.escape))
        chosen = local(place).chosen
        if isinstance(instruction, Maintainer):
            yield from chosen([finding("MaintainerDeprecated", place.line, place.end_line)])
        elif isinstance(instruction, Arg):
            names = [name for name, _ in instruction.names]
            yield from chosen(_description(place, "ARG", names, above.get(place.line, ())))
    for stage in dockerfile.stages:
        place = stage.origin.location
        yield from options.chosen(_stage_name(stage, dockerfile))
        yield from local(place).chosen(_spelling(stage))
        names = [stage.name] if stage.name else []
        yield from local(place).chosen(_description(place, "FROM", names, above.get(place.line, ())))


def comments(dockerfile: Dockerfile) -> dict[int, list[str]]:
    """The comments above each instruction, by its line.  An empty comment begins anew."""
    lines = dockerfile.text.removeprefix("\ufeff").split("\n")
    found: dict[int, list[str]] = {}
    begin = len(dockerfile.directives) + lines[0].startswith("#!")
    for instruction in _all(dockerfile):
        place = instruction.location
        above: list[str] = []
        for line in lines[begin : place.line - 1]:
            text = line.strip()
            if text.startswith("#"):
                above = [*above, text[1:].strip()] if text[1:].strip() else []
        found[place.line] = above
        begin = place.end_line
    return found


def described(above: Sequence[str], name: str) -> str:
    """The description that the comments above an instruction give a name that it defines, or ""."""
    return next((text[len(name) + 1 :] for text in above if name and text.startswith(f"{name} ")), "")


def keyword(instruction: From | Instruction) -> str:
    """As it is written; an ONBUILD trigger's own."""
    first = instruction.location.lines[0] if instruction.location.lines else ""
    words = first.split(None, 1)
    return words[0] if words else ""


def _all(dockerfile: Dockerfile) -> Iterator[From | Instruction]:
    yield from dockerfile.meta_args
    for stage in dockerfile.stages:
        yield stage.origin
        yield from stage.instructions


def _casing(dockerfile: Dockerfile) -> Iterator[Finding]:
    """Half and half counts as upper case.  Neither upper nor lower is never the majority's.  What stands
    before the first FROM does not count."""
    of_stages = [i for stage in dockerfile.stages for i in (stage.origin, *stage.instructions)]
    words = [(instruction, keyword(instruction)) for instruction in of_stages]
    lower = sum(word.islower() for _, word in words)
    upper = sum(word.isupper() for _, word in words)
    casing, is_right = ("lowercase", str.islower) if lower > upper else ("uppercase", str.isupper)
    for instruction, word in words:
        if word and not is_right(word):
            place = instruction.location
            yield finding("ConsistentInstructionCasing", place.line, place.end_line, word, casing)


def _continuation(instruction: From | Instruction, escape: str) -> Iterator[Finding]:
    """Told at the last line of the instruction, before its here-documents."""
    place = instruction.location
    empty, last = False, place.line - 1
    for line in place.lines:
        last += 1
        bare = line.strip()
        empty = empty or not bare
        goes_on = not bare or (bare.endswith(escape) and not bare.endswith(escape * 2))
        if not goes_on and not bare.startswith("#"):
            break  # what follows belongs to here-documents
    if empty:
        yield finding("NoEmptyContinuation", last, last)


def _spelling(stage: Stage) -> Iterator[Finding]:
    place = stage.origin.location
    match = AS.search(" ".join(place.lines))
    if match is None or stage.name is None:
        return
    word, name = match.groups()
    of_from = keyword(stage.origin)
    if name != name.lower():
        yield finding("StageNameCasing", place.line, place.end_line, name)
    if (of_from.islower() and not word.islower()) or (of_from.isupper() and not word.isupper()):
        yield finding("FromAsCasing", place.line, place.end_line, word, of_from)


def _stage_name(stage: Stage, dockerfile: Dockerfile) -> Iterator[Finding]:
    place = stage.origin.location
    if stage.name is None:
        return
    if stage.name in RESERVED:
        yield finding("ReservedStageName", place.line, place.end_line, stage.name)
    if any(other.name == stage.name for other in dockerfile.stages[: stage.number]):
        yield finding("DuplicateStageName", place.line, place.end_line, stage.name)


def _description(
    place: Location, kind: str, names: Sequence[str], above: Sequence[str]
) -> Iterator[Finding]:
    """The last comment above is the description, and begins with the name of what it describes."""
    if names and above and above[-1].split(" ")[0] not in names:
        shown = names[0] if len(names) == 1 else "<arg_key>"
        yield finding("InvalidDefinitionDescription", place.line, place.end_line, kind, shown)
