"""PURE: a comparison as one page that needs no other file: no address, no font, no script from elsewhere.

Names of files are text of strangers: each is printable and escaped, none stands in the script, and the
browser runs no script but that one.
"""

from __future__ import annotations

import base64
import hashlib

from wherry.cli.compare import rows
from wherry.cli.compare.figure import PALETTE, figure, shortened
from wherry.cli.core.printable import printable
from wherry.cli.core.units import human_size
from wherry.compare.document import files_of
from wherry.compare.files import ADDED, REMOVED, trees
from wherry.compare.layers import KINDS
from wherry.picture.svg import escaped, inline
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wherry.compare.compare import Comparison, Difference

MOST = 2000
"""Rows of a table: a browser is to show it at once.  The JSON has all."""
SCRIPT = (
    "for(const i of document.querySelectorAll('input'))i.oninput=()=>{"
    "const w=i.value.toLowerCase(),t=document.getElementById(i.getAttribute('aria-controls'));let n=0;"
    "for(const r of t.tBodies[0].rows)n+=!(r.hidden=!r.textContent.toLowerCase().includes(w));"
    "i.nextElementSibling.textContent=n+' shown'}"
)


def _variables(colours: Mapping[str, str], ink: str, pale: str, paper: str, line: str) -> str:
    kinds = "".join(f"--{kind}:{colour};" for kind, colour in colours.items())
    return f"{kinds}--ink:{ink};--pale:{pale};--paper:{paper};--line:{line}"


STYLE = (
    f":root{{color-scheme:light dark;{_variables(PALETTE.light, '#1f2328', '#57606a', '#fff', '#d0d7de')}}}"
    "@media(prefers-color-scheme:dark){:root{"
    f"{_variables(PALETTE.dark, '#e6edf3', '#9ea7b3', '#0d1117', '#30363d')}}}}}"
    "body{font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:var(--ink);"
    "background:var(--paper);max-width:62rem;margin:1.5rem auto;padding:0 1rem}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem;overflow-wrap:anywhere}"
    "svg{width:100%;min-width:40rem;height:auto}text{font-size:13px;fill:var(--ink)}.title,.name{font-weight:600}"
    "text.title{font-size:18px}text.note{fill:var(--pale)}rect{stroke:var(--paper);stroke-width:.6}"
    + "".join(f"rect.{kind}{{fill:var(--{kind})}}" for kind in KINDS)
    + ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%;margin:.5rem 0}"
    "th,td{text-align:left;padding:.2rem .6rem .2rem 0;border-bottom:1px solid var(--line);"
    "vertical-align:top;overflow-wrap:anywhere}th{white-space:nowrap}"
    "#facts td{overflow-wrap:break-word}"
    "#facts td:last-child{min-width:14rem}td.n,th.n{text-align:right;white-space:nowrap}"
    "summary{cursor:pointer;margin:.6rem 0;font-weight:600}.note{color:var(--pale)}"
    "input{font:inherit;padding:.2rem .4rem;margin-right:.6rem}"
    "@media print{input,input+span{display:none}}"
)


def page(found: Comparison) -> str:
    """All of it, as HTML."""
    names = ", ".join(subject.name for subject in found.subjects)
    title = escaped(f"wherry compare: {shortened(names)}")
    several = len(found.subjects) > 1
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'unsafe-inline'; script-src 'sha256-{_hash(SCRIPT)}'\">",
        f"<title>{title}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>{'Images compared' if several else 'An image'}</h1>",
        f'<div class="wide" tabindex="0">{inline(figure(found))}</div>',
        *_facts(found),
        *(_packages(found) if several else ()),
    ]
    for difference in found.differences:
        parts += _difference(found, difference)
    return "\n".join([*parts, f"</main><script>{SCRIPT}</script></body></html>\n"])


def _hash(script: str) -> str:
    """As a Content-Security-Policy names the script that may run."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _facts(found: Comparison) -> Iterator[str]:
    head = ["image", "platform", ">size", ">layers", ">files", ">packages", "libc", "system, program"]
    body = [
        [
            subject.name,
            subject.platform,
            human_size(subject.size),
            str(len(subject.layers)),
            str(files_of(subject)),
            str(len(subject.packages)),
            rows.libcs(subject),
            rows.about(subject),
        ]
        for subject in found.subjects
    ]
    yield from _table("facts", head, body)


def _packages(found: Comparison) -> Iterator[str]:
    others = [row for row in found.packages if row.differs]
    yield f"<h2>Packages</h2><p>{len(others)} of {len(found.packages)} differ.</p>"
    head = ["package", "kind", *(subject.name for subject in found.subjects)]
    body = [[row.name, row.kind, *map(rows.versions, row.versions)] for row in others]
    yield from _searchable("packages", "Packages that differ", head, body)


def _difference(found: Comparison, difference: Difference) -> Iterator[str]:
    before, after = difference.before, difference.after
    first, second = found.subjects[before].name, found.subjects[after].name
    mark = f"d{after}"
    yield f"<h2>{_text(second)}, against {_text(first)}</h2>"
    said = rows.packages(found.packages, before, after), rows.files(difference.files)
    yield f"<p>Packages: {_text(said[0])}.<br>Files: {_text(said[1])}.</p>"
    settings = [rows.setting(row) for row in difference.settings]
    yield from _searchable(
        f"{mark}s", "Configuration, users, libraries", ["setting", "difference"], settings
    )
    for what, word in ((REMOVED, "Removed"), (ADDED, "Added")):
        body = [["/" + row.path, str(row.files), human_size(row.size)]
                for row in trees(difference.files, what)]  # fmt: skip
        yield from _searchable(f"{mark}{what[0]}", f"{word} files", ["path", ">files", ">size"], body)
    both = [["/" + row.path, rows.change(row)] for row in difference.files if row.before and row.after]
    yield from _searchable(f"{mark}c", "Changed files", ["path", "difference"], both)


def _searchable(mark: str, title: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table that is closed, with a field that leaves only the rows with a word in it."""
    if not body:
        return
    rest = f", the first {MOST} of them here; the JSON has all" if len(body) > MOST else ""
    yield f"<details><summary>{title} ({len(body)}{rest})</summary>"
    yield (
        f'<input type="search" placeholder="search" aria-label="Search: {title}" aria-controls="{mark}">'
        '<span class="note" role="status"></span>'
    )
    yield from _table(mark, head, body[:MOST])
    yield "</details>"


def _table(mark: str, head: Sequence[str], body: Iterable[Sequence[str]]) -> Iterator[str]:
    """Columns whose headings begin with > hold numbers."""
    ends = [' class="n"' if name.startswith(">") else "" for name in head]
    cells = (
        f'<th scope="col"{end}>{_text(name.lstrip(">"))}</th>' for name, end in zip(head, ends, strict=True)
    )
    yield f'<div class="wide" tabindex="0"><table id="{mark}">'
    yield f"<thead><tr>{''.join(cells)}</tr></thead><tbody>"
    for row in body:
        columns = (f"<td{end}>{_text(cell)}</td>" for cell, end in zip(row, ends, strict=True))
        yield f"<tr>{''.join(columns)}</tr>"
    yield "</tbody></table></div>"


def _text(text: str) -> str:
    return escaped(printable(text))
