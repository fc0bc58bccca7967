"""What a check of the store found."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Finding(NamedTuple):
    """Something that is not as it should be.

    `kind` is what it concerns ("database", "blob", "layer", …), `name` which one, `problem` what is wrong.
    `mend` puts it right and says how; where there is none, `remedy` says what is left to do.
    """

    kind: str
    name: str
    problem: str
    remedy: str = ""
    mend: Callable[[], str] | None = None
