"""PURE: a bar chart as SVG: a file of its own, or a part of a page."""

from __future__ import annotations

import html

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.cli.compare.figure import Box, Figure, Label

COLOURS = {"base": "#8c959f", "shared": "#0969da", "own": "#bc4c00"}
INK, PALE, PAPER = "#1f2328", "#57606a", "#ffffff"
STYLE = f"""
text{{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:{INK}}}
.title{{font-size:18px;font-weight:600}}.name,.size{{font-weight:600}}.note{{fill:{PALE}}}
rect{{stroke:{PAPER};stroke-width:.6}}
""".strip() + "".join(f".{kind}{{fill:{colour}}}" for kind, colour in COLOURS.items())  # fmt: skip


def svg(figure: Figure) -> str:
    """A file that needs no other; every text in it is escaped."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {figure.width} {figure.height}"'
        f' width="{figure.width}" height="{figure.height}" role="img">\n'
        f"<title>{escaped(figure.title)}</title>\n<style>{STYLE}</style>\n"
        f'<rect width="{figure.width}" height="{figure.height}" style="fill:{PAPER};stroke:none"/>\n'
        f"{shapes(figure)}\n</svg>\n"
    )


def inline(figure: Figure) -> str:
    """For a page, which gives colours and fonts."""
    title = escaped(figure.title)
    view = f"0 0 {figure.width} {figure.height}"
    return f'<svg viewBox="{view}" role="img" aria-label="{title}">\n{shapes(figure)}\n</svg>'


def shapes(figure: Figure) -> str:
    return "\n".join([*map(_box, figure.boxes), *map(_label, figure.labels)])


def escaped(text: str) -> str:
    """For elements and attributes; `text` is printable, as XML can hold no control character at all."""
    return html.escape(text)


def _box(box: Box) -> str:
    place = f'x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}"'
    return f'<rect class="{box.kind}" {place}><title>{escaped(box.title)}</title></rect>'


def _label(label: Label) -> str:
    return f'<text class="{label.style}" x="{label.x:g}" y="{label.y:g}">{escaped(label.text)}</text>'
