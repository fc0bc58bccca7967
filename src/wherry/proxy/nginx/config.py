"""PURE: an nginx configuration as a tree of directives, and its text."""

from __future__ import annotations

from wherry.proxy.nginx.quote import Code, quote
from wherry.typed import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

V = TypeVar("V")


class Remembered(Generic[V]):
    """What `make` made of arguments for the last rendering, and of nothing else: of ten thousand routes all
    but one are the same.

    Each change makes another set of these: a cache of a fixed size would hold what is long gone.
    """

    def __init__(self, make: Callable[..., V]) -> None:
        self._make = make
        self._kept: dict[tuple[object, ...], V] = {}

    def of(self, wanted: Iterable[tuple[object, ...]]) -> Iterable[V]:
        """One for each, in their order; they are all different."""
        before, make = self._kept, self._make
        self._kept = {each: before.get(each) or make(*each) for each in wanted}
        return self._kept.values()


class Directive:
    """One directive; `block` is None for a simple one (ends with ``;``).  Never changed once made.

    Parameters, and a name that came from data (the entries of a map), are quoted when written; only
    `quote.Code` may hold variables.
    """

    __slots__ = ("_text", "args", "block", "name")

    def __init__(
        self, name: str, args: tuple[str, ...] = (), block: tuple[Directive, ...] | None = None
    ) -> None:
        self.name = name
        self.args = args
        self.block = block
        self._text = ""

    @property
    def text(self) -> str:
        """As it is written, without a line feed at the end; put together once.  Raises quote.Unquotable."""
        if not self._text:
            head = " ".join(map(quote, (self.name, *self.args)))
            if self.block is None:
                self._text = head + ";"
            else:
                # No parameter holds a line feed: all there are begin a line of the block.
                inner = "".join(["\n" + child.text for child in self.block]).replace("\n", "\n    ")
                self._text = f"{head} {{{inner}\n}}"
        return self._text


def simple(name: str, *args: str | int) -> Directive:
    return Directive(name, tuple(a if isinstance(a, str) else str(a) for a in args))


def block(name: str, args: Iterable[str], children: Iterable[Directive]) -> Directive:
    return Directive(name, tuple(args), tuple(children))


def where(variable: str, operator: str, pattern: str, then: Iterable[Directive]) -> Directive:
    """An ``if``, which nginx runs before it chooses a location, or first thing in one."""
    return block("if", (Code("(" + variable), Code(operator), Code(pattern), Code(")")), then)


def rewrite(to: str) -> Directive:
    """Whatever the request asks for, it goes to the location `to`."""
    return simple("rewrite", Code("^"), Code(to), "last")


def text(directives: Iterable[Directive]) -> str:
    """The configuration's text: one directive a line, four blanks a level, no comments.

    Raises quote.Unquotable before anything is returned.
    """
    return "".join([directive.text + "\n" for directive in directives])
