"""``--filter name=value``, as people write it."""

from __future__ import annotations

from wherry.app.filters import Filter, Narrowed
from wherry.cli.core.moments import moment
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRUTHS = ("true", "false", "1", "0")


def parse_filter(text: str, known: Sequence[str], hint: str = "", *, truths: Sequence[str] = ()) -> Filter:
    """`known` are the names that may be meant; the values of `truths` are true or false.

    Raises UsageError, with `hint` or with the names.
    """
    name, equals, value = text.partition("=")
    if not equals or name not in known:
        raise UsageError(
            f"invalid filter '{text}'", hint=hint or f"one of {', '.join(known)}, as name=value"
        )
    if name in truths and value.lower() not in TRUTHS:
        raise UsageError(f"invalid filter '{text}'", hint=f"{name}=true or {name}=false")
    return Filter(name, value)


def until(texts: Iterable[str], names: Sequence[str] = ("until",)) -> float | None:
    """The moment (Unix seconds) of ``until=24h``, or of another of `names`; the last one counts."""
    found = None
    for text in texts:
        name, _, value = text.partition("=")
        if name not in names:
            raise UsageError(f"invalid filter '{name}'", hint="until=24h")
        found = moment(value)
    return found


# ``label!=``: those that have it not.
LABELS = ("label", "label!")
LABELS_HINT = "label=KEY, label=KEY=VALUE or label!=…"


def narrowed(texts: Sequence[str]) -> Narrowed:
    """What `until`, `label` and `label!` say together.  Raises UsageError."""
    labels = [text for text in texts if not text.startswith("until=")]
    return Narrowed(
        until(text for text in texts if text.startswith("until=")),
        tuple(parse_filter(text, LABELS, f"until=24h, {LABELS_HINT}") for text in labels),
    )
