"""The page, whole: its style, its script and its data inside."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files

from wherry.explore.explore import OVERWRITTEN, REPEATED
from wherry.explore.page.data import data
from wherry.explore.stack import ADDED, CHANGED, REMOVED
from wherry.printable import printable
from wherry.sizes import human_size
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.explore.explore import Explored, Layer

MOST = 200
"""Losses, copies and findings that are listed; the table of files has them all."""
EXAMPLES = 3
WORDS = {REPEATED: "the same again in", OVERWRITTEN: "overwritten by", REMOVED: "removed by"}


def page(found: Explored) -> str:
    """HTML.  No text of the image is markup in it, and its policy lets nothing but its own script run."""
    style, script = _asset("page.css"), _asset("page.js")
    values = {
        "title": _text(found.name),
        "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "about": _text(f"{found.platform} {found.id}".strip()),
        "cards": "".join(_cards(found)),
        "layers": "".join(_layer(layer, found.size) for layer in found.layers),
        "waste": "".join(_waste(found)) or "<p>Nothing that wherry knows of.</p>",
        "options": "".join(
            f'<option value="{layer.number}">{_text(_called(layer))}</option>' for layer in found.layers
        ),
        # A JSON text has < only in strings: so it cannot end the element that it stands in.
        "data": json.dumps(data(found), separators=(",", ":")).replace("<", "\\u003c"),
    }
    first, *parts = _asset("page.html").split("{{")
    text = [first]
    for part in parts:
        name, _, rest = part.partition("}}")
        text += values[name], rest
    return "".join(text)


def _asset(name: str) -> str:
    return files("wherry.explore.page").joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(text: str) -> str:
    return html.escape(printable(text))


def _cards(found: Explored) -> Iterator[str]:
    for title, value in (
        ("Size", human_size(found.size)),
        ("Layers", str(len(found.layers))),
        ("Files", f"{len(found.files):,}"),
        ("Efficiency", f"{100 * found.efficiency:.1f} %"),
        ("Hidden", human_size(found.wasted)),
        ("In copies", human_size(found.duplicated)),
    ):
        yield f"<div><dt>{title}</dt><dd>{value}</dd></div>"


def _called(layer: Layer) -> str:
    command = layer.made.command
    return f"Layer {layer.number}: {command[:60]}{'…' * (len(command) > 60)}".removesuffix(": ")


def _layer(layer: Layer, total: int) -> str:
    made, kinds = layer.made, [change.kind for change in layer.changes]
    where = "base image" if made.is_base else made.place
    seconds = f"{made.seconds:.1f} s" if made.seconds is not None else ""
    counts = "".join(f'<td class="number">{kinds.count(kind):,}</td>' for kind in (ADDED, CHANGED, REMOVED))
    return (
        f'<tr><th scope="row"><button type="button" class="layer" data-layer="{layer.number}" '
        f'aria-label="Show the files of layer {layer.number}"><i class="c{layer.number % 8}"></i>'
        f"{layer.number}</button></th>"
        f'<td class="number">{human_size(layer.size)}</td>'
        f'<td class="meter"><meter min="0" max="{max(total, 1)}" value="{layer.size}" '
        f'aria-label="Part of the image">{human_size(layer.size)}</meter></td>{counts}'
        f'<td class="number">{human_size(layer.hidden) if layer.hidden else ""}</td>'
        f'<td class="number">{seconds}</td><td>{_text(where)}</td>'
        f"<td><code>{_text(made.command)}</code></td></tr>"
    )


def _waste(found: Explored) -> Iterator[str]:
    losses = [
        (loss.size, f"{_files(len(loss.hidden))} of layer {loss.of}, {WORDS[loss.kind]} layer {loss.by}",
         [hidden.placed.file.path for hidden in loss.hidden], loss.advice)
        for loss in found.losses[:MOST]
    ]  # fmt: skip
    yield from _table("In the layers, and in no file of the image", losses)
    copies = [
        (each.wasted, f"{_files(len(each.files))} of {human_size(each.size)}",
         [placed.file.path for placed in each.files], "")
        for each in found.copies[:MOST]
    ]  # fmt: skip
    yield from _table("The same content under several paths", copies)
    findings = [
        (each.size, f"{each.title}: {_files(len(each.files))} of layer {each.layer}",
         [counted.placed.file.path for counted in each.files], each.advice)
        for each in found.findings[:MOST]
    ]  # fmt: skip
    yield from _table("Few programs need this when they run", findings)


def _files(number: int) -> str:
    return f"{number:,} file{'s' * (number != 1)}"


def _table(title: str, rows: Sequence[tuple[int, str, Sequence[str], str]]) -> Iterator[str]:
    if not rows:
        return
    yield f'<h3>{title}</h3><div class="scroll" tabindex="0" role="region" aria-label="{title}">'
    yield '<table class="waste">'
    advised = any(advice for _, _, _, advice in rows)
    head = '<th scope="col">How to do without</th>' if advised else ""
    yield f'<thead><tr><th scope="col" class="number">Size</th><th scope="col">What</th>{head}</tr></thead>'
    yield "<tbody>"
    for size, what, paths, advice in rows:
        shown = "".join(f"<li><code>{_text(path)}</code></li>" for path in paths[:EXAMPLES])
        more = f"<li>and {len(paths) - EXAMPLES:,} more</li>" if len(paths) > EXAMPLES else ""
        yield f'<tr><td class="number">{human_size(size)}</td><td>{_text(what)}<ul>{shown}{more}</ul></td>'
        yield f"<td>{_text(advice)}</td></tr>" if advised else "</tr>"
    yield "</tbody></table></div>"
