"""PURE: list and watch of one resource as a state machine: it says what to ask, and what changed.

    request() -> List | Watch      the caller asks it of a server, and reports
    accepted()                     the server has taken a watch
    page(...), event(...)          what came; they give the changes
    ended(fault, jitter)           how it ended; gives the seconds to wait before the next request()

The rules (k8s.io API concepts, "Efficient detection of changes"; resource versions are decimal numbers that
grow, KEP-5504):

- A list is the whole truth as of its version.  What it lacks has vanished, and is reported so.
- `floor`: everything up to this version has come (a list's version, a bookmark's, or the last event of a
  watch that ended in order).  An event at or below it is old news.
- Above it, an event counts only if it is newer than what is known of that one object, deletions included.
- A watch that ended in order goes on from its last event.  One that was cut goes on from the floor: what
  comes again is ignored by the rules above, so a cut in disorder loses nothing.
- 410, or a version that the server does not know yet: list again.
- A watch that was accepted and brings nothing at all, twice running: list again, for then we know.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from wherry.kube.faults import EXPIRED, RELIST, UNREACHABLE, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

T = TypeVar("T")
Key = tuple[str, str]
"""Namespace and name."""


class Policy(NamedTuple):
    """Seconds, and objects in a page."""

    page_size: int = 500
    watch: float = 290.0
    """How long the server shall keep a watch open (timeoutSeconds); the caller spreads it."""
    inactivity: float = 90.0
    """Without any event; servers send a bookmark every minute."""
    page: float = 60.0
    connect: float = 10.0
    first_pause: float = 0.1
    longest_pause: float = 30.0
    longest_away: float = 2.0
    """Between two tries to connect to a server that is not there: one that comes back is followed soon."""


FRUITLESS = 2


class List(NamedTuple):
    """Ask for a page: `limit` 0 means everything at once, `token` "" the first one."""

    limit: int
    token: str = ""


class Watch(NamedTuple):
    """Ask for all events after `version`, with bookmarks."""

    version: int


class Item(NamedTuple, Generic[T]):
    """One object as it arrived, projected."""

    key: Key
    version: int
    value: T


class Event(NamedTuple, Generic[T]):
    """`kind` is ADDED, MODIFIED, DELETED; a BOOKMARK has a version only."""

    kind: str
    version: int
    item: Item[T] | None = None


class Changes(NamedTuple):
    """Keys of what is new or different, and of what is gone; `urgent` as the reflector was told."""

    present: tuple[Key, ...] = ()
    gone: tuple[Key, ...] = ()
    urgent: bool = False

    def __bool__(self) -> bool:
        return bool(self.present or self.gone)


NONE = Changes()


class Reflector(Generic[T]):
    """The state of one resource, as a server has it.

    `urgent` says of an object's value before (None: there was none) and now whether that change shall not
    wait for others.
    """

    def __init__(
        self, policy: Policy, urgent: Callable[[T | None, T], bool] = lambda before, now: False
    ) -> None:
        self._policy = policy
        self._urgent = urgent
        self._held: dict[Key, Item[T]] = {}
        self._deleted: dict[Key, int] = {}
        self._floor = 0
        self._newest = 0
        self._request: List | Watch = List(policy.page_size)
        self._arriving: dict[Key, Item[T]] = {}
        self._failures: Counter[str] = Counter()  # in a row, by kind
        self._relists = 0  # in a row, without an event between
        self._expired_tokens = 0
        self._accepted = False
        self._fruitless = 0
        self.listed = False

    def values(self) -> list[T]:
        """Another thread may call it: list() copies in one step, whatever comes meanwhile."""
        return [item.value for item in list(self._held.values())]

    def held(self) -> Mapping[Key, Item[T]]:
        return self._held

    def request(self) -> List | Watch:
        return self._request

    def page(self, items: Iterable[Item[T]], version: int, token: str) -> Changes:
        """A page of a list came; `token` "" says that it was the last.  Changes come with the last."""
        self._progress()
        for item in items:
            self._arriving[item.key] = item
        if token:
            assert isinstance(self._request, List)  # noqa: S101
            self._request = self._request._replace(token=token)
            return NONE
        arrived, self._arriving = self._arriving, {}
        changes = _difference(self._held, arrived)
        self._held, self._deleted = arrived, {}
        self._floor = self._newest = version
        self._expired_tokens = 0
        self._request = Watch(version)
        self.listed = True
        return changes

    def accepted(self) -> None:
        """The watch is open.  One that breaks before this says nothing of its version."""
        self._accepted = True

    def event(self, event: Event[T]) -> Changes:
        """An event of a watch came."""
        self._progress()
        self._fruitless = self._relists = 0
        self._newest = max(self._newest, event.version)
        if event.item is None:
            self._raise_floor(event.version)
            return NONE
        key, version = event.item.key, event.version
        before = self._held.get(key)
        known = max(self._floor, before.version if before else 0, self._deleted.get(key, 0))
        if version <= known:
            return NONE
        if event.kind == "DELETED":
            self._deleted[key] = version
            return Changes(gone=(key,)) if self._held.pop(key, None) else NONE
        self._deleted.pop(key, None)
        self._held[key] = event.item
        if before and before.value == event.item.value:
            return NONE
        urgent = self._urgent(before.value if before else None, event.item.value)
        return Changes(present=(key,), urgent=urgent)

    def ended(self, fault: Fault | None, jitter: float) -> float:
        """The request failed, or a watch ended (None: in order).  `jitter` is a random number in [0, 1).

        Returns the seconds to wait: none before the first list that follows a 410, for nothing failed.
        After a page that was not the last there is nothing to report here.
        """
        if isinstance(self._request, List):
            self._list_ended(fault)
        else:
            self._watch_ended(fault)
        kind = fault.kind if fault else ""
        if kind in RELIST:
            self._relists += 1
            times = self._relists - 2
        else:
            times = self._failures[kind]
            self._failures[kind] += 1
        pause = self._policy.first_pause * float(1 << min(times, 32)) if times >= 0 else 0.0
        longest = self._policy.longest_away if kind == UNREACHABLE else self._policy.longest_pause
        return max(min(pause, longest) * (0.5 + jitter / 2), fault.retry_after if fault else 0.0)

    def _list_ended(self, fault: Fault | None) -> None:
        """A page's token may have expired: then begin again, the second time with all at once."""
        if fault is not None and fault.kind != EXPIRED:
            return
        self._expired_tokens += 1
        self._begin_again(0 if self._expired_tokens > 1 else self._policy.page_size)

    def _watch_ended(self, fault: Fault | None) -> None:
        accepted, self._accepted = self._accepted, False
        if fault is None:
            self._raise_floor(self._newest)
        elif fault.kind in RELIST:
            self._begin_again(self._policy.page_size)
            return
        if accepted:
            self._fruitless += 1
            if self._fruitless >= FRUITLESS:
                self._begin_again(self._policy.page_size)
                return
        self._request = Watch(self._floor)

    def _begin_again(self, limit: int) -> None:
        self._fruitless = 0
        self._arriving = {}
        self._request = List(limit)

    def _raise_floor(self, version: int) -> None:
        self._floor = max(self._floor, version)
        self._deleted = {key: v for key, v in self._deleted.items() if v > self._floor}

    def _progress(self) -> None:
        self._failures.clear()


def _difference(before: Mapping[Key, Item[T]], now: Mapping[Key, Item[T]]) -> Changes:
    present = tuple(k for k, item in now.items() if k not in before or before[k].value != item.value)
    return Changes(present, tuple(k for k in before if k not in now))
