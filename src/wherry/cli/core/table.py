"""Columns as Docker prints them, and `--format` over them."""

from __future__ import annotations

import json

from wherry.cli.core.printable import printable, width
from wherry.cli.core.template import Template
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

GAP = 3


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows, the heading first, with three spaces between columns and none at the end; cells printable."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(width(row[i]) for row in shown) for i in range(len(shown[0]))]
    padded = (
        [cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)] for row in shown
    )
    return "\n".join((" " * GAP).join(row).rstrip() for row in padded)


def shortened(text: str, most: int) -> str:
    """At most so many characters, the last of them an ellipsis where something is left out."""
    return text if len(text) <= most else text[: most - 1] + "…"


def label(labels: Mapping[str, str]) -> Callable[[str], str]:
    """``.Label "key"`` of a row: a label's value, or ""."""
    return lambda name: labels.get(name, "")


def _label_heading(name: str) -> str:
    return name.rpartition(".")[2].replace("-", " ").replace("_", " ")


def show(rows: Sequence[dict[str, Any]], fields: Sequence[tuple[str, str]], form: str | None) -> str:
    """The rows as a table of `fields` (heading, field), or by `form`.

    `form` is "table", "json", ``table {{.ID}}\\t{{.Tag}}`` or a template for one row.  The headings of a
    template table are those of `fields`.  A field may be a function (`label`), which only templates show.
    Raises TemplateError and RenderError.
    """
    if form is None or form == "table":
        body = [[str(row[field]) for _, field in fields] for row in rows]
        return columns([[heading for heading, _ in fields], *body])
    if form == "json":
        return "\n".join(json.dumps({k: v for k, v in row.items() if not callable(v)}) for row in rows)
    text = form.replace("\\t", "\t").replace("\\n", "\n")
    if not text.startswith("table "):
        template = Template(text)
        return "\n".join(template.render(row) for row in rows)
    template = Template(text.removeprefix("table "))
    headings = {field: heading for heading, field in fields}
    names = {name for row in rows for name in row}
    head: dict[str, Any] = {name: headings.get(name, name.upper()) for name in names | set(headings)}
    head["Label"] = _label_heading
    cells = [template.render(row).split("\t") for row in (head, *rows)]
    most = max(len(row) for row in cells)
    return columns([row + [""] * (most - len(row)) for row in cells])
