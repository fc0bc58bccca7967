"""PURE: parts of a comparison in words, for text, pictures and page alike."""

from __future__ import annotations

from wherry.cli.core.printable import printable
from wherry.cli.core.units import human_size
from wherry.compare.files import ADDED, CONTENT, MODE, OWNER, REMOVED, TYPE, count
from wherry.compare.layers import BASE, KINDS
from wherry.compare.settings import libc_text, program_text
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.compare.compare import Comparison
    from wherry.compare.files import Change
    from wherry.compare.layers import Split
    from wherry.compare.model import Subject
    from wherry.compare.packages import Row
    from wherry.compare.settings import Setting


def parts(split: Split) -> str:
    """``base debian:bookworm 130MB, own 6.14MB``."""
    named = {BASE: f"{BASE} {split.base}"} if split.base else {}
    sizes = [(kind, split.size(kind)) for kind in KINDS]
    shown = (f"{named.get(kind, kind)} {human_size(size)}" for kind, size in sizes if size)
    return printable(", ".join(shown)) or "no bytes"


def libcs(subject: Subject) -> str:
    return printable(", ".join(map(libc_text, subject.libcs))) or "none"


def about(subject: Subject) -> str:
    """The distribution, and what the image starts."""
    starts = f"starts {program_text(subject.program)}" if subject.program is not None else ""
    unread = f"cannot read {', '.join(subject.unread)}" if subject.unread else ""
    return printable("; ".join(filter(None, (subject.system, starts, unread))))


def together(found: Comparison) -> str:
    each, once = map(human_size, found.together)
    return f"together {each}, {once} with each layer once"


def setting(row: Setting) -> tuple[str, str]:
    """What differs, and how."""
    name = f"{row.group} {row.name}".rstrip()
    if row.before is None:
        return printable(name), printable(f"added {row.after}".rstrip())
    if row.after is None:
        return printable(name), printable(f"removed {row.before}".rstrip())
    return printable(name), printable(f"{row.before} -> {row.after}")


def names(rows: Sequence[Setting]) -> list[tuple[str, list[str]]]:
    """The names of settings that were added, that were removed, and that have other values."""
    sorts: dict[str, list[str]] = {"added": [], "removed": [], "changed": []}
    for row in rows:
        what = "added" if row.before is None else "removed" if row.after is None else "changed"
        sorts[what].append(printable(row.name))
    return [(what, each) for what, each in sorts.items() if each]


def files(changes: Sequence[Change]) -> str:
    """``3 added, 1 removed, 2 with other content, 1 with another mode``."""
    numbers = (
        (count(changes, ADDED), "added"),
        (count(changes, REMOVED), "removed"),
        (count(changes, CONTENT, TYPE), "with other content"),
        (count(changes, MODE), "with another mode"),
        (count(changes, OWNER), "with another owner"),
    )
    return ", ".join(f"{number} {what}" for number, what in numbers if number) or "the same"


def change(row: Change) -> str:
    """How a file that both images have differs."""
    before, after = row.before, row.after
    assert before is not None and after is not None  # noqa: S101
    said = []
    if TYPE in row.what:
        said.append(f"{before.kind} -> {after.kind}")
    if CONTENT in row.what:
        if before.detail or after.detail:
            said.append(f"{before.detail} -> {after.detail}")
        elif before.size == after.size:
            said.append(f"other {human_size(after.size)}")
        else:
            said.append(f"{human_size(before.size)} -> {human_size(after.size)}")
    if MODE in row.what:
        said.append(f"mode {before.mode:04o} -> {after.mode:04o}")
    if OWNER in row.what:
        said.append(f"owner {before.uid}:{before.gid} -> {after.uid}:{after.gid}")
    return printable(", ".join(said))


def versions(each: Sequence[str]) -> str:
    return printable(", ".join(each)) or "-"


def packages(rows: Iterable[Row], before: int, after: int) -> str:
    """How the packages of two of the images differ, in numbers."""
    pairs = [(row.versions[before], row.versions[after]) for row in rows]
    numbers = (
        (sum(1 for one, other in pairs if other and not one), "added"),
        (sum(1 for one, other in pairs if one and not other), "removed"),
        (sum(1 for one, other in pairs if one and other and one != other), "with other versions"),
    )
    return ", ".join(f"{number} {what}" for number, what in numbers if number) or "the same"
