"""PURE: a picture as shapes with places in pixels, for whoever draws them."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH, MARGIN = 960, 24
"""Of every picture, and of what is free at its edges."""


class Place(NamedTuple):
    """Pixels, from the upper left corner."""

    x: float
    y: float
    width: float
    height: float

    def within(self, edge: float, head: float = 0) -> Place:
        """What is left inside an edge, and below a heading."""
        width, height = self.width - 2 * edge, self.height - 2 * edge - head
        return Place(self.x + edge, self.y + edge + head, max(0, width), max(0, height))


class Box(NamedTuple):
    """A filled rectangle; `colour` is a name of the figure's palette, `title` what a pointer over it is
    told."""

    place: Place
    colour: str
    title: str = ""
    is_striped: bool = False


class Label(NamedTuple):
    """A line of text on its baseline; `style` is "title", "name" or "note"."""

    x: float
    y: float
    text: str
    style: str


class Palette(NamedTuple):
    """Colours by their names in the figure, as ``#rrggbb``: on light paper and on dark."""

    light: Mapping[str, str]
    dark: Mapping[str, str]


class Figure(NamedTuple):
    """All texts are printable."""

    width: int
    height: int
    title: str
    palette: Palette
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
