"""PURE: which of many items are guilty, in few tries."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

MOST_GUILTY = 32
"""How many to look for one by one before the whole rest is set aside."""


class Verdict(NamedTuple):
    """`good` indices, in order, and the complaint about each that is not among them."""

    good: tuple[int, ...]
    guilty: dict[int, str]
    tries: int


def separate(
    items: Sequence[T], complaint: str, complain: Callable[[Sequence[T]], str | None]
) -> Verdict | None:
    """Find items to leave out so that the rest passes; None when not even nothing passes.

    `complaint` is what there is against all of them together, `complain` says it for some, in their order.
    Each guilty item costs log2 N tries: the shortest prefix that fails ends with it.  Of two that only fail
    together the later one is guilty.
    """
    tries = 1
    if complain([]) is not None:
        return None
    left = list(range(len(items)))
    guilty: dict[int, str] = {}
    sound = 0  # left[:sound] is known to pass
    while len(guilty) < MOST_GUILTY:
        low, high = sound, len(left)  # left[:low] passes, left[:high] fails
        while high - low > 1:
            middle = (low + high) // 2
            tries += 1
            found = complain([items[i] for i in left[:middle]])
            if found is None:
                low = middle
            else:
                high, complaint = middle, found
        guilty[left.pop(low)] = complaint
        sound = low
        tries += 1
        found = complain([items[i] for i in left])
        if found is None:
            return Verdict(tuple(left), guilty, tries)
        if sound == len(left):  # cannot be: that prefix passed; the world changed under us
            return None
        complaint = found
    return Verdict(tuple(left[:sound]), guilty | dict.fromkeys(left[sound:], complaint), tries)
