"""What people narrow lists by: ``--filter name=value``."""

from __future__ import annotations

from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Filter(NamedTuple):
    """`name` is one of those that the list knows, which says what each `value` means."""

    name: str
    value: str


def check(filters: Iterable[Filter], known: Sequence[str]) -> None:
    """Raises UsageError for a filter that there is not."""
    for each in filters:
        if each.name not in known:
            raise UsageError(f"invalid filter '{each.name}'", hint=f"one of {', '.join(known)}")


def has_label(labels: Mapping[str, str], label: str) -> bool:
    """`label` is ``key``, or ``key=value``."""
    key, equals, value = label.partition("=")
    return key in labels and (not equals or labels[key] == value)


def is_true(value: str) -> bool:
    return value.lower() in ("true", "1")


class Narrowed(NamedTuple):
    """What a prune is narrowed to: what is older than a moment (Unix seconds) and has labels or, where the
    name is "label!", has them not."""

    before: float | None = None
    labels: tuple[Filter, ...] = ()

    def leaves(self, created: float, labels: Mapping[str, str]) -> bool:
        """Whether the filters leave a thing out."""
        return (self.before is not None and created >= self.before) or any(
            has_label(labels, value) != (name == "label") for name, value in self.labels
        )
