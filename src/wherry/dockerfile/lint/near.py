"""PURE: the name that a mistyped one most likely meant, as BuildKit's rules choose it."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Names that are further away are not meant (edits of one character).
FARTHEST = 2


def did_you_mean(word: str, known: Iterable[str], mark: str = "") -> str:
    """`` (did you mean NAME?)``, or "" where nothing is near; upper and lower case are different."""
    distance, meant = min(((_distance(word, name), name) for name in known), default=(FARTHEST + 1, ""))
    return f" (did you mean {mark}{meant}?)" if 0 < distance <= FARTHEST else ""


def _distance(one: str, other: str) -> int:
    """Levenshtein's distance; more than FARTHEST is FARTHEST + 1."""
    if abs(len(one) - len(other)) > FARTHEST:
        return FARTHEST + 1
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, against in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (char != against))
    return min(row[-1], FARTHEST + 1)
