"""PURE: a picture as SVG, light or dark as who shows it is: a file of its own, or a part of a page."""

from __future__ import annotations

import html

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.picture.shapes import Box, Figure, Label, Palette

INK, PALE, PAPER = "#1b2330", "#4a5462", "#ffffff"
STYLE = (
    f'text{{font:12px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:{INK}}}'
    f".title{{font-size:18px;font-weight:600}}.name{{font-weight:600}}.note{{fill:{PALE}}}"
    f".paper{{fill:{PAPER}}}rect{{stroke:#0003;stroke-width:.6}}"
    ".stripes{fill:url(#stripes);pointer-events:none}#stripes path{stroke:#1b233055}"
)
STYLE_IN_THE_DARK = (
    "text{fill:#e7ebf1}.note{fill:#b9c2ce}.paper{fill:#12161d}"
    "rect{stroke:#fff3}#stripes path{stroke:#e7ebf155}"
)
STRIPES = (
    '<defs><pattern id="stripes" width="9" height="9" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path d="M0 0V9" stroke-width="5"/></pattern></defs>\n'
)


def svg(figure: Figure) -> str:
    """A file that needs no other; every text in it is escaped."""
    size = f'width="{figure.width}" height="{figure.height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {figure.width} {figure.height}" {size} '
        f'role="img" aria-label="{escaped(figure.title)}">\n'
        f"<title>{escaped(figure.title)}</title>\n<style>{_style(figure.palette)}</style>\n"
        f'<rect class="paper" {size}/>\n{_shapes(figure)}\n</svg>\n'
    )


def inline(figure: Figure) -> str:
    """For a page, which gives colours and fonts."""
    view = f"0 0 {figure.width} {figure.height}"
    return (
        f'<svg viewBox="{view}" role="img" aria-label="{escaped(figure.title)}">\n{_shapes(figure)}\n</svg>'
    )


def escaped(text: str) -> str:
    """For elements and attributes; `text` is printable, as XML can hold no control character at all."""
    return html.escape(text)


def _style(palette: Palette) -> str:
    dark = f"{STYLE_IN_THE_DARK}{_fills(palette.dark)}"
    return f"{STYLE}{_fills(palette.light)}@media(prefers-color-scheme:dark){{{dark}}}"


def _fills(colours: Mapping[str, str]) -> str:
    return "".join(f".{name}{{fill:{colour}}}" for name, colour in colours.items())


def _shapes(figure: Figure) -> str:
    stripes = STRIPES if any(box.is_striped for box in figure.boxes) else ""
    return stripes + "\n".join([*map(_box, figure.boxes), *map(_label, figure.labels)])


def _box(box: Box) -> str:
    x, y, width, height = (f"{number:.1f}" for number in box.place)
    place = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    title = f"<title>{escaped(box.title)}</title>" if box.title else ""
    stripes = f'<rect class="stripes" {place}/>' if box.is_striped else ""
    return f'<rect class="{box.colour}" {place}>{title}</rect>{stripes}'


def _label(label: Label) -> str:
    return f'<text class="{label.style}" x="{label.x:.1f}" y="{label.y:.1f}">{escaped(label.text)}</text>'
