"""PURE: what is understood and cannot be done is refused by name and line, never ignored."""

from __future__ import annotations

from wherry.dockerfile.ast import Run
from wherry.dockerfile.lines import fail
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.dockerfile.ast import Stage

ALLOW = "security.insecure"


def check_supported(stage: Stage, *, insecure: bool) -> None:
    """Raises DockerfileError for the first thing of a stage that a build cannot or may not do."""
    for instruction in stage.instructions:
        if not isinstance(instruction, Run):
            continue
        if instruction.device is not None:
            raise fail(instruction.location, "RUN --device is not supported", hint="there is no CDI here")
        if instruction.security == "insecure" and not insecure:
            raise fail(
                instruction.location, f"{ALLOW} is not allowed", hint=f"allow it with --allow {ALLOW}"
            )
