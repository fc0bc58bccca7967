"""PURE: the values of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.proxy.model import Rejected, Settings
    from wherry.proxy.resources.snapshot import Snapshot

Age = tuple[str, str, str]
"""creationTimestamp ("~" for none: newest), namespace and name: the lesser is the older."""


class Backend(NamedTuple):
    """What answers: `addresses` ("ip:port"; none: 503); `spare` is one that stands for them all, or "".

    Where `addresses` is only that one, `pods` are those behind it, as far as they are known.
    """

    addresses: tuple[str, ...]
    spare: str = ""
    pods: tuple[str, ...] = ()


class Claim:
    """An object asks for the requests to a host and below a path (`where`); `backend` would answer them.

    `name` is ``namespace/service:port``: whom the access log names, and who is told if another has them.
    All is checked.  Claims are equal only to themselves: an object that did not change gives the same ones.
    """

    __slots__ = ("backend", "name", "settings", "where")

    def __init__(self, name: str, where: tuple[str, str], backend: Backend, settings: Settings) -> None:
        self.name = name
        self.where = where
        self.backend = backend
        self.settings = settings


class Node(NamedTuple):
    """What one object gives, before it meets the others."""

    age: Age
    claims: tuple[Claim, ...] = ()
    rejected: tuple[Rejected, ...] = ()


class Graph(NamedTuple):
    """The claims that won, oldest object first, each host and path once; and what is not served."""

    claims: tuple[Claim, ...] = ()
    rejected: tuple[Rejected, ...] = ()


class Part(Protocol):
    """What the graph knows of one kind of objects that claim requests."""

    def nodes(self, snapshot: Snapshot) -> Iterable[Node]:
        """One for each object, the oldest first; an object that did not change gives the same claims."""
