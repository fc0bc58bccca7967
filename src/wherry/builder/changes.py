"""``--change``: what single instructions of a Dockerfile do to an image's configuration."""

from __future__ import annotations

from functools import partial

from wherry.builder.plan.graph import expanded, expanded_words
from wherry.builder.plan.instruction import expand_instruction
from wherry.builder.plan.state import State
from wherry.dockerfile import parse
from wherry.dockerfile.ast import Onbuild
from wherry.dockerfile.lines import fail
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# Docker's.
CHANGES = {
    *("cmd", "entrypoint", "env", "expose", "healthcheck", "label", "onbuild", "stopsignal", "user"),
    *("volume", "workdir"),
}


def apply_changes(config: dict[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """A configuration after ``CMD ["sh"]``, ``ENV A=b``, …  Raises UsageError, DockerfileError."""
    state = State(config)
    for change in changes:
        dockerfile = parse("FROM scratch\n" + change, "--change")
        instructions = dockerfile.stages[0].instructions
        kinds = {type(instruction).__name__.lower() for instruction in instructions}
        if kinds - CHANGES or len(dockerfile.stages) > 1:
            raise UsageError(
                f"{change!r} is not a valid change command", hint=f"one of {', '.join(sorted(CHANGES))}"
            )
        for instruction in instructions:
            place = instruction.location
            if isinstance(instruction, Onbuild):
                state.config.setdefault("OnBuild", []).append(instruction.text)
                continue
            try:
                scope, escape = state.variables, dockerfile.escape
                word = partial(expanded, scope=scope, escape=escape, place=place)
                words = partial(expanded_words, scope=scope, escape=escape, place=place)
                state.apply(expand_instruction(instruction, word, words))
            except UsageError as error:
                raise fail(place, error.message, hint=error.hint) from None
    return state.config
