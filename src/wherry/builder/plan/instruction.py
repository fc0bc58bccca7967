"""PURE: which instructions are steps, and an instruction with its variables replaced."""

from __future__ import annotations

from wherry.dockerfile.ast import Copy, Env, Expose, Label, Run, Stopsignal, User, Volume, Workdir
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.dockerfile.ast import Instruction, Stage


def is_step(instruction: Instruction) -> bool:
    """Whether it is shown and counted as a step (BuildKit's commandTotal): what only configures is not."""
    return isinstance(instruction, (Run, Copy, Workdir))


def steps_of(stage: Stage) -> int:
    """How many steps a stage has.  Its FROM is the first."""
    return 1 + sum(map(is_step, stage.instructions))


def step_label(stage: Stage, place: int, total: int, *, alone: bool) -> str:
    """``builder 2/4``; of a Dockerfile's only stage ``2/4``."""
    return f"{place}/{total}" if alone else f"{stage.name or f'stage-{stage.number}'} {place}/{total}"


def expand_instruction(
    instruction: Instruction, expand: Callable[[str], str], expand_words: Callable[[str], list[str]]
) -> Instruction:
    """Variables replaced where Docker replaces them: never in RUN, CMD, ENTRYPOINT."""
    if isinstance(instruction, (Env, Label)):
        return instruction._replace(pairs=tuple((expand(n), expand(v)) for n, v in instruction.pairs))
    if isinstance(instruction, Workdir):
        return instruction._replace(path=expand(instruction.path))
    if isinstance(instruction, User):
        return instruction._replace(user=expand(instruction.user))
    if isinstance(instruction, Stopsignal):
        return instruction._replace(signal=expand(instruction.signal))
    if isinstance(instruction, Volume):
        return instruction._replace(paths=tuple(map(expand, instruction.paths)))
    if isinstance(instruction, Expose):
        ports = tuple(port for word in sorted(instruction.ports) for port in expand_words(word))
        return instruction._replace(ports=ports)
    return instruction
