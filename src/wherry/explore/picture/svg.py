"""PURE: the picture as SVG, light or dark as who shows it is."""

from __future__ import annotations

import html

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.explore.picture.figure import Box, Figure, Label

LIGHT = ("#dbe7ff", "#ffe3c7", "#d3f0dd", "#f5d9ea", "#e6dfff", "#fff1b8", "#cfeef2", "#f3ddd0")
DARK = ("#23395f", "#5a3a17", "#1f4a30", "#56294a", "#3a2f66", "#4e4314", "#17474e", "#553425")
INK, PALE, PAPER = "#1b2330", "#4a5462", "#ffffff"
STYLE = "".join(
    (
        'text{font:12px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:' + INK + "}",
        ".title{font-size:18px;font-weight:600}.name{font-weight:600}.note{fill:" + PALE + "}",
        ".paper{fill:" + PAPER + "}rect{stroke:#0003;stroke-width:.6}.stripes{fill:url(#stripes)}",
        "#stripes path{stroke:#1b233055}",
        *(f".c{number}{{fill:{colour}}}" for number, colour in enumerate(LIGHT)),
        "@media(prefers-color-scheme:dark){text{fill:#e7ebf1}.note{fill:#b9c2ce}.paper{fill:#12161d}",
        "rect{stroke:#fff3}#stripes path{stroke:#e7ebf155}",
        *(f".c{number}{{fill:{colour}}}" for number, colour in enumerate(DARK)),
        "}",
    )
)
STRIPES = (
    '<defs><pattern id="stripes" width="9" height="9" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><path d="M0 0V9" stroke-width="5"/></pattern></defs>'
)


def svg(figure: Figure) -> str:
    """A file that needs no other; every text in it is escaped."""
    size = f'width="{figure.width}" height="{figure.height}"'
    title = html.escape(figure.title)
    shapes = "\n".join([*map(_box, figure.boxes), *map(_label, figure.labels)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {figure.width} {figure.height}" {size} '
        f'role="img" aria-label="{title}">\n<title>{title}</title>\n<style>{STYLE}</style>\n{STRIPES}\n'
        f'<rect class="paper" {size}/>\n{shapes}\n</svg>\n'
    )


def _box(box: Box) -> str:
    x, y, width, height = box.place
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    stripes = f'<rect class="stripes" {place}/>' if box.is_striped else ""
    return f'<g><title>{html.escape(box.title)}</title><rect class="c{box.colour}" {place}/>{stripes}</g>'


def _label(label: Label) -> str:
    return (
        f'<text class="{label.style}" x="{label.x:.1f}" y="{label.y:.1f}">{html.escape(label.text)}</text>'
    )
