"""What tells scanners of which packages the kept files are: the entries of package databases, cut to those.

A slim image has them as Distroless has: a file for each package in ``var/lib/dpkg/status.d``, with the
checksums of its files beside it.  On a base image that is kept, and for apk, the database itself is cut.
rpm's is one binary file that only rpm writes; it is left out.
"""

from __future__ import annotations

import os
import stat

from wherry.layers.view import View
from wherry.packages import apk, dpkg
from wherry.packages.find import read_record
from wherry.packages.paragraphs import blocks
from wherry.pattern import pattern
from wherry.slim.files import Files
from wherry.slim.reason import CERTAIN, Reason
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from wherry.packages.package import Package
    from wherry.slim.closure import Kept

SYSTEM = ("etc/os-release", "etc/debian_version", "etc/lsb-release", "etc/alpine-release")
"""By these scanners know of which distribution the packages are."""
NAME = pattern(r"[a-z0-9][a-z0-9+.-]{1,200}")
"""Of a package of Debian (Debian Policy 5.6.7)."""
SUMS = ".md5sums"
RULE = "tells which packages are here"


class Records(NamedTuple):
    """`written` are new files by name, `kept` names of files of the image."""

    def without(self, dropped: Callable[[str], bool]) -> Records:
        written = {name: data for name, data in self.written.items() if not dropped(name)}
        return Records(written, tuple(name for name in self.kept if not dropped(name)))

    written: dict[str, bytes] = {}  # noqa: RUF012
    kept: tuple[str, ...] = ()


def records(
    files: Files, kept: Kept, package: Callable[[str], Package | None], base: View | None
) -> Records:
    """`package` says what brought a file, `base` is what of the image is kept as it is.

    A database stays whole where it is certain that it is asked for.
    """
    nodes = kept.nodes
    owned: dict[tuple[str, str], list[str]] = {}
    for name, node in nodes.items():
        found = package(name) if not node.is_folder else None
        if found is not None:
            owned.setdefault((found.name, found.architecture), []).append(name)
    under = Files(base) if base is not None else None
    written: dict[str, bytes] = {}
    more: list[str] = []
    for name in (dpkg.STATUS, *apk.INSTALLED) if owned else ():
        now, before = _database(files, name), _database(under, name) if under is not None else b""
        if now == before or (name in nodes and kept.reasons[name].confidence == CERTAIN):
            continue
        if name == dpkg.STATUS and not before and name not in nodes:
            written.update(_entries(files, now, owned))
            continue
        old = {text for _, text in blocks(before)}
        here = [text for fields, text in blocks(now) if text in old or _key(fields) in owned]
        written[name] = b"\n".join(here)
        more += _lists(files, owned) if name == dpkg.STATUS else ()
    more += (name for name in _singly(files, owned) if name not in nodes)
    more += (name for name in SYSTEM if (written or more) and files.find(name) is not None)
    return Records(written, tuple(more))


def _key(fields: Mapping[str, str]) -> tuple[str, str]:
    """Of a package of dpkg or apk, its name and architecture."""
    return (
        fields.get("Package", "") or fields.get("P", ""),
        fields.get("Architecture", "") or fields.get("A", ""),
    )


def _entries(
    files: Files, status: bytes, owned: Mapping[tuple[str, str], Collection[str]]
) -> Iterator[tuple[str, bytes]]:
    """The files of status.d.  The first of two architectures of a package has its name."""
    folder = files.find(dpkg.FOLDER)
    if folder is not None and folder.name != dpkg.FOLDER.rstrip("/"):
        return
    done = set(files.names(dpkg.FOLDER))
    for fields, text in blocks(status):
        key = _key(fields)
        if key not in owned or key[0] in done or not NAME.fullmatch(key[0]) or key[0].endswith(SUMS):
            continue
        done.add(key[0])
        yield f"{dpkg.FOLDER}{key[0]}", text
        names = set(owned[key])
        lines = (
            line
            for each in (key[0], ":".join(key))
            for line in _data(files, f"{dpkg.LISTS}{each}{SUMS}").splitlines(keepends=True)
        )
        sums = b"".join(line for line in lines if _is_of(line, names))
        if sums:
            yield f"{dpkg.FOLDER}{key[0]}{SUMS}", sums


def _is_of(line: bytes, names: Collection[str]) -> bool:
    """Whether it is the checksum of one of the files: lists have ``lib/x`` where /usr is merged, too."""
    return any(name in names or f"usr/{name}" in names for name in dpkg.checksummed(line.rstrip(b"\n")))


def _lists(files: Files, owned: Collection[tuple[str, str]]) -> Iterator[str]:
    """The lists of the packages' files that dpkg keeps."""
    for key in owned:
        for name in (key[0], ":".join(key)):
            for end in (".list", SUMS):
                if files.is_file(f"{dpkg.LISTS}{name}{end}"):
                    yield f"{dpkg.LISTS}{name}{end}"


def _singly(files: Files, owned: Collection[tuple[str, str]]) -> Iterator[str]:
    """The files of an image that has status.d itself."""
    for each in files.names(dpkg.FOLDER):
        name = dpkg.FOLDER + each
        if dpkg.is_record(name) and any(_key(fields) in owned for fields, _ in blocks(_data(files, name))):
            yield name
            if files.is_file(name + SUMS):
                yield name + SUMS


def _data(files: Files, name: str) -> bytes:
    node = files.find(name)
    return read_record(node) if node is not None and stat.S_ISREG(node.status.st_mode) else b""


def _database(files: Files, name: str) -> bytes:
    """Empty where links lead to it: nothing is written where it is not."""
    node = files.find(name)
    return _data(files, name) if node is not None and node.name == name else b""


def recorded(view: View, kept: Kept, found: Records, tree: str) -> Kept:
    """`kept` with the records; the new ones are written to `tree`, an empty folder that stays for as long
    as they are used, with the time of the database that tells of them."""
    nodes = dict(kept.nodes)
    _write(found.written, tree, _moment(view))
    over = View([tree])
    root = over.root()
    for node in over.walk(root) if root is not None else ():
        if not node.is_folder or view.find(node.name) is None:
            nodes[node.name] = node
    for path in found.kept:
        links, end = Files(view).trail(path)
        for node in links if end is None else (*links, end):
            nodes.setdefault(node.name, node)
    reasons = {name: kept.reasons.get(name, Reason(RULE)) for name in nodes}
    return kept._replace(reasons=reasons, nodes=nodes)


def _moment(view: View) -> int:
    """Nanoseconds."""
    found = (view.find(name) for name in (dpkg.STATUS, *apk.INSTALLED))
    return next((node.status.st_mtime_ns for node in found if node is not None), 0)


def _write(files: Mapping[str, bytes], tree: str, moment: int) -> None:
    for name, data in files.items():
        place = os.path.join(tree, name)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            file.write(data)
        os.chmod(place, 0o644)
    for folder, _, names in os.walk(tree, topdown=False):
        for place in (*(os.path.join(folder, name) for name in names), folder):
            os.utime(place, ns=(moment, moment))
