"""PURE: why a file is kept."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

CERTAIN, LIKELY, GUESS = range(3)
CONFIDENCES = ("certain", "likely", "guess")
"""By the numbers above: what the machine itself follows; what programs name; what may only look like it."""


class Reason(NamedTuple):
    """`rule` says in a few words what asks for the file, `by` which kept file does: "" for the image's
    configuration and the user.  `confidence` is one of the numbers above, never better than `by`'s own."""

    rule: str
    by: str = ""
    confidence: int = CERTAIN


def chain(kept: Mapping[str, Reason], name: str) -> list[tuple[str, Reason]]:
    """(file, its reason) from the file itself to what nobody but the image or the user asks for."""
    found: list[tuple[str, Reason]] = []
    while name in kept and len(found) <= len(kept):
        found.append((name, kept[name]))
        if not kept[name].by:
            break
        name = kept[name].by
    return found
