"""A comparison on a terminal, in 80 columns."""

from __future__ import annotations

from itertools import groupby

from wherry.cli.compare import rows
from wherry.cli.core.printable import printable, width
from wherry.cli.core.table import columns
from wherry.cli.core.units import human_size
from wherry.compare.document import files_of
from wherry.compare.files import ADDED, REMOVED, trees
from wherry.compare.layers import BASE, KINDS, OWN, SHARED
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.compare.compare import Comparison, Difference
    from wherry.compare.files import Change, Tree
    from wherry.compare.layers import Split
    from wherry.compare.settings import Setting

WIDE = 80
NAME, BAR = 28, 38
SIGNS = {BASE: "=", SHARED: "+", OWN: "#"}
SIGN = {ADDED: "+", REMOVED: "-"}
LONGEST = 200
"""Columns of a cell where all is asked for."""
MOST = 10
"""Lines of one kind, where not all are asked for."""
TOGETHER = ("user", "group")
"""Groups of settings of which there are many: a line for all that came, one for all that went."""
MOST_BESIDE = 4
"""Images whose versions stand in columns."""


def page(found: Comparison, *, full: bool = False) -> str:
    """With `full` every difference, whole; else the largest, cut at 80 columns."""
    lines = [*_sizes(found), "", *_facts(found)]
    if len(found.subjects) > 1:
        lines += [*_packages(found, full=full)]
    for difference in found.differences:
        lines += ["", *_difference(found, difference, full=full)]
    return "\n".join(line if full else cut(line, WIDE) for line in lines)


def cut(text: str, most: int) -> str:
    """At most so many columns, the last of them an ellipsis where something is left out."""
    text = printable(text)
    if width(text) <= most:
        return text
    text = text[: max(0, most - 1)]
    while text and width(text) > most - 1:
        text = text[:-1]
    return text + "…"


def _padded(text: str, wide: int) -> str:
    text = cut(text, wide)
    return text + " " * (wide - width(text))


def _named(found: Comparison, place: int) -> str:
    """An image by its number, where there are several."""
    name = found.subjects[place].name
    return f"{place + 1} {name}" if len(found.subjects) > 1 else name


def _sizes(found: Comparison) -> Iterator[str]:
    yield _padded("SIZES", NAME) + "  " + "   ".join(f"{SIGNS[kind]} {kind}" for kind in KINDS)
    largest = max((subject.size for subject in found.subjects), default=0)
    for place, (subject, split) in enumerate(zip(found.subjects, found.splits, strict=True)):
        size = human_size(subject.size)
        yield f"{_padded(_named(found, place), NAME)}  {bar(split, largest):<{BAR}}  {size:>8}"
        yield f"  {rows.parts(split)}"
        if about := rows.about(subject):
            yield f"  {about}"
    if len(found.subjects) > 1:
        yield rows.together(found)


def bar(split: Split, largest: int) -> str:
    """As long as its part of the largest; what has bytes at all has a sign, if there is room."""
    text, done = "", 0
    for kind in KINDS:
        size = split.size(kind)
        done += size
        end = round(BAR * done / largest) if largest else 0
        text += SIGNS[kind] * max(end - len(text), 1 if size else 0)
    return text[:BAR]


def _facts(found: Comparison) -> Iterator[str]:
    body = [
        [
            cut(subject.platform, 16),
            str(len(subject.layers)),
            str(files_of(subject)),
            str(len(subject.packages)),
            cut(rows.libcs(subject), 14),
        ]
        for subject in found.subjects
    ]
    head = ["PLATFORM", "LAYERS", "FILES", "PACKAGES", "LIBC"]
    rest = columns([head, *body]).split("\n")
    wide = min(NAME, max(0, WIDE - 3 - max(map(width, rest))))
    names = ["IMAGE", *(_named(found, place) for place in range(len(found.subjects)))]
    wide = min(wide, max(width(printable(name)) for name in names))
    for name, line in zip(names, rest, strict=True):
        yield f"{_padded(name, wide)}   {line}"


def _packages(found: Comparison, *, full: bool) -> Iterator[str]:
    """Packages that several images have in different versions."""
    others = [row for row in found.packages if len({each for each in row.versions if each}) > 1]
    if not others:
        return
    yield ""
    shown = others if full else others[:MOST]
    numbers = range(len(found.subjects))
    if len(numbers) <= MOST_BESIDE:
        wide, name = (LONGEST, LONGEST) if full else ((WIDE - 34) // len(numbers) - 3, 24)
        head = ["OTHER VERSIONS", "KIND", *(str(place + 1) for place in numbers)]
        body = [
            [cut(row.name, name), row.kind, *(cut(rows.versions(each), wide) for each in row.versions)]
            for row in shown
        ]
        yield from columns([head, *body]).split("\n")
    else:
        yield "OTHER VERSIONS"
        for row in shown:
            said = (f"{place + 1} {rows.versions(each)}" for place, each in enumerate(row.versions) if each)
            yield f"{row.kind} {printable(row.name)}: {', '.join(said)}"
    yield from _rest(len(others) - len(shown), "packages")


def _rest(number: int, what: str) -> Iterator[str]:
    if number:
        yield f"  and {number} more {what} (--all)"


def _difference(found: Comparison, difference: Difference, *, full: bool) -> Iterator[str]:
    before, after = difference.before, difference.after
    yield f"{_named(found, after)}, against {_named(found, before)}"
    for group, settings in groupby(difference.settings, key=lambda row: row.group):
        yield from _settings(group, list(settings), full=full)
    yield f"  packages: {rows.packages(found.packages, before, after)}"
    yield f"  files: {rows.files(difference.files)}"
    for what in (REMOVED, ADDED):
        yield from _trees(trees(difference.files, what), SIGN[what], full=full)
    yield from _changes(difference.files, full=full)


def _settings(group: str, every: Sequence[Setting], *, full: bool) -> Iterator[str]:
    if group in TOGETHER and not full:
        for what, names in rows.names(every):
            yield f"  {group} {what}: {', '.join(names)}"
        return
    shown = every if full else every[:MOST]
    for row in shown:
        name, how = rows.setting(row)
        yield f"  {name}: {how}"
    yield from _rest(len(every) - len(shown), f"of {group}")


def _trees(found: Sequence[Tree], sign: str, *, full: bool) -> Iterator[str]:
    shown = found if full else found[:MOST]
    for row in shown:
        number = f"{row.files} file{'s' if row.files != 1 else ''}"
        yield f"  {sign} {_padded('/' + row.path, 50)} {number:>12} {human_size(row.size):>8}"
    yield from _rest(len(found) - len(shown), "folders and files")


def _changes(changes: Sequence[Change], *, full: bool) -> Iterator[str]:
    both = [row for row in changes if row.before is not None and row.after is not None]
    both.sort(key=lambda row: -abs(_size(row)))
    shown = both if full else both[:MOST]
    for row in shown:
        yield f"  * {printable('/' + row.path)}: {rows.change(row)}"
    yield from _rest(len(both) - len(shown), "that changed")


def _size(row: Change) -> int:
    return (row.after.size if row.after else 0) + (row.before.size if row.before else 0)
