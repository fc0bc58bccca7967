"""PURE: which of many items are guilty, in few tries."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

MOST_GUILTY = 32
"""How many to look for one by one before the whole rest is set aside."""


class Verdict(NamedTuple):
    """`good` and `guilty` indices, in order; every index is in one of them."""

    good: tuple[int, ...]
    guilty: tuple[int, ...]
    tries: int


def separate(items: Sequence[T], passes: Callable[[Sequence[T]], bool]) -> Verdict | None:
    """Find items to leave out so that the rest passes; None when not even nothing passes.

    Call it when all of them together failed.  Each guilty item costs log2 N tries: the shortest prefix that
    fails ends with it.  Of two that only fail together the later one is guilty.  `passes` keeps the order.
    """
    tries = 1
    if not passes([]):
        return None
    left = list(range(len(items)))
    guilty: list[int] = []
    sound = 0  # left[:sound] is known to pass
    while len(guilty) < MOST_GUILTY:
        low, high = sound, len(left)  # left[:low] passes, left[:high] fails
        while high - low > 1:
            middle = (low + high) // 2
            tries += 1
            if passes([items[i] for i in left[:middle]]):
                low = middle
            else:
                high = middle
        guilty.append(left.pop(low))
        sound = low
        tries += 1
        if passes([items[i] for i in left]):
            return Verdict(tuple(left), tuple(guilty), tries)
        if sound == len(left):  # cannot be: that prefix passed; the world changed under us
            return None
    return Verdict(tuple(left[:sound]), tuple(sorted((*guilty, *left[sound:]))), tries)
