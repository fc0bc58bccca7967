"""PURE: an explored image as a picture: its layers, and a map of what is in them."""

from __future__ import annotations

from wherry.counted import counted
from wherry.explore.stack import REMOVED
from wherry.picture.shapes import MARGIN, WIDTH, Box, Figure, Label, Palette, Place
from wherry.picture.treemap import treemap
from wherry.printable import printable, width
from wherry.sizes import human_size
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.explore.explore import Explored, Layer

TOP, ROW, MAP = 66, 22, 420
BAR = 150
"""Pixels of the bar of the largest layer."""
MOST_LAYERS = 40
STRIPED = 0.5
"""The part of a box's bytes that is hidden, from which on it has stripes."""
LEAST = 4
"""Pixels of a box that is drawn."""
LETTER = 6.6
"""Pixels of a letter, about."""
LIGHT = ("#dbe7ff", "#ffe3c7", "#d3f0dd", "#f5d9ea", "#e6dfff", "#fff1b8", "#cfeef2", "#f3ddd0")
DARK = ("#23395f", "#5a3a17", "#1f4a30", "#56294a", "#3a2f66", "#4e4314", "#17474e", "#553425")
PALETTE = Palette(*({f"c{number}": colour for number, colour in enumerate(all_)} for all_ in (LIGHT, DARK)))


class _Part(NamedTuple):
    name: str
    size: int
    hidden: int


def figure(found: Explored) -> Figure:
    """The layers as bars with their commands, and below them a map of layers and their folders."""
    boxes: list[Box] = []
    title = f"{printable(found.name)}: {human_size(found.size)}"
    about = f"{counted(len(found.files), 'file')}, efficiency {100 * found.efficiency:.1f} %"
    if found.wasted:
        about += f", {human_size(found.wasted)} hidden (stripes: most of a box)"
    labels = [Label(MARGIN, 30, title, "title"), Label(MARGIN, 51, about, "note")]
    largest = max((layer.size for layer in found.layers), default=0) or 1
    y = TOP
    for layer in found.layers[:MOST_LAYERS]:
        bar = Place(MARGIN + 30, y + 3, BAR * layer.size / largest, ROW - 6)
        boxes.append(_box(bar, layer, _Part(f"layer {layer.number}", layer.size, layer.hidden)))
        labels.append(Label(MARGIN, y + 16, str(layer.number), "name"))
        x = MARGIN + 30 + BAR + 10
        labels.append(Label(x, y + 16, human_size(layer.size), "name"))
        labels.append(Label(x + 66, y + 16, _fitted(layer.made.command, WIDTH - x - 66 - MARGIN), "note"))
        y += ROW
    if len(found.layers) > MOST_LAYERS:
        labels.append(Label(MARGIN, y + 16, f"and {len(found.layers) - MOST_LAYERS} more layers", "note"))
        y += ROW
    area = Place(MARGIN, y + 12, WIDTH - 2 * MARGIN, MAP)
    for box, label in _map(found.layers, area):
        boxes += box
        labels += label
    return Figure(WIDTH, y + 12 + MAP + MARGIN, title, PALETTE, tuple(boxes), tuple(labels))


def _map(layers: Sequence[Layer], area: Place) -> Iterator[tuple[list[Box], list[Label]]]:
    there = sorted((layer for layer in layers if layer.size), key=lambda layer: -layer.size)
    for layer, place in zip(there, treemap([layer.size for layer in there], area), strict=True):
        name = f"layer {layer.number}"
        boxes = [_box(place.within(0.5), layer, _Part(name, layer.size, 0))]
        labels = [label] if (label := _label(place, f"{name} ({human_size(layer.size)})", "name")) else []
        inside = place.within(3, 18)
        parts = _folders(layer)
        for part, at in zip(parts, treemap([part.size for part in parts], inside), strict=True):
            if min(at.width, at.height) >= LEAST:
                boxes.append(_box(at.within(0.5), layer, part))
                label = _label(at, f"{part.name} {human_size(part.size)}", "note")
                labels += [label] if label is not None else []
        yield boxes, labels


def _folders(layer: Layer) -> list[_Part]:
    """The folders of a layer, two names deep, by size; hard links count once."""
    sizes: dict[str, list[int]] = {}
    hidden = layer.hidden_bodies
    seen: set[int] = set()
    for change in layer.changes:
        if change.kind == REMOVED or change.now is None or not change.now.size or change.now.body in seen:
            continue
        seen.add(change.now.body)
        total = sizes.setdefault(printable("/".join(change.path.split("/")[:2])), [0, 0])
        total[0] += change.now.size
        total[1] += change.now.size if change.now.body in hidden else 0
    return sorted(
        (_Part(name, *both) for name, both in sizes.items()), key=lambda part: (-part.size, part.name)
    )


def _box(place: Place, layer: Layer, part: _Part) -> Box:
    title = f"{part.name}: {human_size(part.size)}"
    if part.hidden:
        title += f", {human_size(part.hidden)} hidden"
    return Box(place, f"c{layer.number % len(LIGHT)}", title, part.hidden > STRIPED * part.size)


def _label(place: Place, text: str, style: str) -> Label | None:
    """In the box's upper left corner, where it fits."""
    if place.height < 16 or place.width < 30:
        return None
    shown = _fitted(text, place.width - 8)
    return Label(place.x + 5, place.y + 14, shown, style) if len(shown) > 3 else None


def _fitted(text: str, pixels: float) -> str:
    text = printable(" ".join(text.split()))
    most = int(pixels / LETTER)
    if width(text) <= most:
        return text
    while text and width(text) > most - 1:
        text = text[:-1]
    return text + "…"
