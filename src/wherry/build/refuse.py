"""PURE: what is understood and not run yet is refused by name and line, never ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.dockerfile.ast import Onbuild, Run
from wherry.dockerfile.lines import fail

if TYPE_CHECKING:
    from wherry.dockerfile.ast import Instruction, Stage


def check_supported(stage: Stage) -> None:
    """Raises DockerfileError for the first thing of a stage that a build cannot do."""
    if stage.origin.platform is not None:
        raise fail(stage.origin.location, "FROM --platform is not supported yet", hint="leave it out")
    for instruction in stage.instructions:
        reason = _unsupported(instruction)
        if reason:
            raise fail(instruction.location, f"{reason} is not supported yet")


def _unsupported(instruction: Instruction) -> str | None:
    if isinstance(instruction, Onbuild):
        return "ONBUILD"
    if isinstance(instruction, Run):
        return _run(instruction)
    return None


def _run(run: Run) -> str | None:
    if run.security == "insecure":
        return "RUN --security=insecure"
    if run.device is not None:
        return "RUN --device"
    return None
