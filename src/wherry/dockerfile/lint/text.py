"""PURE: checks of how a Dockerfile is written: casing, continuations, comments."""

from __future__ import annotations

import re

from wherry.dockerfile.ast import Arg
from wherry.dockerfile.lint.rules import finding
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.dockerfile.ast import Dockerfile, From, Instruction, Stage
    from wherry.dockerfile.lint.rules import Finding

RESERVED = ("context", "scratch")
AS = re.compile(r"\s(as)\s+(\S+)\s*$", re.IGNORECASE)


def check_text(dockerfile: Dockerfile, lines: list[str]) -> Iterator[Finding]:
    """`lines` are those of the whole file."""
    yield from _casing(dockerfile)
    for instruction in _all(dockerfile):
        yield from _continuation(instruction, dockerfile.escape)
    for stage in dockerfile.stages:
        yield from _stage_name(stage, dockerfile)
        yield from _description(stage.origin, "build stage", stage.name or "", lines)
    for instruction in _all(dockerfile):
        if isinstance(instruction, Arg):
            yield from _description(instruction, "argument", instruction.names[0][0], lines)


def _all(dockerfile: Dockerfile) -> Iterator[From | Instruction]:
    yield from dockerfile.meta_args
    for stage in dockerfile.stages:
        yield stage.origin
        yield from stage.instructions


def _keyword(instruction: From | Instruction) -> str:
    first = instruction.location.lines[0] if instruction.location.lines else ""
    words = first.split(None, 1)
    return words[0] if words else ""


def _casing(dockerfile: Dockerfile) -> Iterator[Finding]:
    """Half and half counts as upper case.  Neither upper nor lower is never the majority's."""
    words = [(instruction, _keyword(instruction)) for instruction in _all(dockerfile)]
    lower = sum(word.islower() for _, word in words)
    upper = sum(word.isupper() for _, word in words)
    wanted, is_right = ("lowercase", str.islower) if lower > upper else ("uppercase", str.isupper)
    for instruction, word in words:
        if word and not is_right(word):
            place = instruction.location
            yield finding("ConsistentInstructionCasing", place.line, place.end_line, word, wanted)


def _continuation(instruction: From | Instruction, escape: str) -> Iterator[Finding]:
    place = instruction.location
    for number, line in enumerate(place.lines):
        bare = line.strip()
        if not bare:
            yield finding("NoEmptyContinuation", place.line + number, place.line + number)
            return
        goes_on = bare.endswith(escape) and not bare.endswith(escape * 2)
        if not goes_on and not bare.startswith("#"):
            return  # what follows belongs to here-documents


def _stage_name(stage: Stage, dockerfile: Dockerfile) -> Iterator[Finding]:
    place = stage.origin.location
    match = AS.search(" ".join(place.lines))
    if match is None or stage.name is None:
        return
    keyword, name = match.groups()
    word = _keyword(stage.origin)
    if name != name.lower():
        yield finding("StageNameCasing", place.line, place.end_line, name)
    if (word.islower() and not keyword.islower()) or (word.isupper() and not keyword.isupper()):
        yield finding("FromAsCasing", place.line, place.end_line, keyword, word)
    if stage.name in RESERVED:
        yield finding("ReservedStageName", place.line, place.end_line, stage.name)
    if any(other.name == stage.name for other in dockerfile.stages[: stage.number]):
        yield finding("DuplicateStageName", place.line, place.end_line, name)


def _description(
    instruction: From | Instruction, kind: str, name: str, lines: list[str]
) -> Iterator[Finding]:
    """A comment right above is the description, and begins with the name of what it describes."""
    place = instruction.location
    above = lines[place.line - 2].strip() if place.line >= 2 else ""
    if not name or not above.startswith("#") or above.strip("# ") == "":
        return
    if above.lstrip("# ").partition(" ")[0] != name:
        yield finding("InvalidDefinitionDescription", place.line, place.end_line, kind, name)


def describe(line: int, name: str, lines: list[str]) -> str:
    """The description that a comment above a line gives what it defines; "" where there is none."""
    above = lines[line - 2].strip() if 2 <= line <= len(lines) + 1 else ""
    word, _, text = above.lstrip("# ").partition(" ") if above.startswith("#") else ("", "", "")
    return text.strip() if word == name else ""
