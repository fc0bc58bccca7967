"""rpm's packages, of its database in SQLite (rpm 4.16 on).

Source: the rpm documentation, "RPM header format"; tags by their numbers in rpmtag.h.  The older databases
(Berkeley DB, ndb) are not read.
"""

from __future__ import annotations

import contextlib
import struct

from wherry.packages.package import Package
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.packages.osrelease import OsRelease

DATABASES = ("var/lib/rpm/rpmdb.sqlite", "usr/lib/sysimage/rpm/rpmdb.sqlite")
UNREAD = tuple(
    f"{folder}/{name}"
    for folder in ("var/lib/rpm", "usr/lib/sysimage/rpm")
    for name in ("Packages", "Packages.db")
)
NAME, VERSION, RELEASE, EPOCH, LICENSE, ARCH, SOURCE = 1000, 1001, 1002, 1003, 1014, 1022, 1044
DIRINDEXES, BASENAMES, DIRNAMES = 1116, 1117, 1118
TAGS = (NAME, VERSION, RELEASE, EPOCH, LICENSE, ARCH, SOURCE, DIRINDEXES, BASENAMES, DIRNAMES)
INT32, STRING, STRINGS, I18N = 4, 6, 8, 9
MOST_ENTRIES, LARGEST = 4096, 1 << 26
MOST_STEPS = 100_000
"""Of SQLite's machine, in thousands: a hostile database cannot keep it busy."""


def packages(database: str, path: str, system: OsRelease) -> Iterator[Package]:
    """Of a file that nobody writes; nothing is written beside it."""
    for header in _headers(database):
        yield from of_header(header, path, system)


def of_header(header: bytes, path: str, system: OsRelease) -> Iterator[Package]:
    """PURE: the package of a header; nothing for a damaged one, and for a key that rpm trusts."""
    tags = _tags(header)
    name, version, release = (str(tags.get(tag, "")) for tag in (NAME, VERSION, RELEASE))
    if not name or not version or name == "gpg-pubkey":
        return
    yield Package(
        "rpm",
        name,
        f"{version}-{release}" if release else version,
        system.id,
        str(tags.get(ARCH, "")),
        epoch=str(tags.get(EPOCH, "")),
        distribution=system.distribution,
        source=str(tags.get(SOURCE, "")),
        license=str(tags.get(LICENSE, "")),
        path=path,
    )


def files(database: str) -> Iterator[tuple[tuple[str, str], str]]:
    """((package, architecture), file or folder without a leading slash)."""
    for header in _headers(database):
        tags = _tags(header)
        key = str(tags.get(NAME, "")), str(tags.get(ARCH, ""))
        folders, numbers, names = (tags.get(tag) for tag in (DIRNAMES, DIRINDEXES, BASENAMES))
        if isinstance(folders, list) and isinstance(numbers, list) and isinstance(names, list):
            for number, name in zip(numbers, names, strict=False):
                if number < len(folders):
                    yield key, f"{folders[number]}{name}".lstrip("/")


def _headers(database: str) -> Iterator[bytes]:
    import sqlite3
    from urllib.parse import quote

    with contextlib.suppress(sqlite3.Error):
        connection = sqlite3.connect(f"file:{quote(database)}?mode=ro&immutable=1", uri=True)
        with contextlib.closing(connection):
            steps = iter(range(MOST_STEPS))
            connection.set_progress_handler(lambda: next(steps, None) is None, 1000)
            connection.execute("PRAGMA trusted_schema = OFF")
            # A view of that name could compute for ever.
            kind = connection.execute("SELECT type FROM sqlite_master WHERE name = 'Packages'").fetchone()
            if kind == ("table",):
                for (blob,) in connection.execute("SELECT blob FROM Packages"):
                    if isinstance(blob, bytes) and len(blob) <= LARGEST:
                        yield blob


def _tags(header: bytes) -> dict[int, object]:
    """The tags that are asked for; nothing for what is no header."""
    found: dict[int, object] = {}
    if len(header) < 8:
        return found
    entries, size = struct.unpack_from(">II", header)
    store = 8 + entries * 16
    if entries > MOST_ENTRIES or store + size > len(header):
        return found
    for index in range(entries):
        tag, kind, offset, count = struct.unpack_from(">IIII", header, 8 + index * 16)
        if tag not in TAGS or tag in found or offset >= size or not count:
            continue
        begin = store + offset
        if kind in (STRING, I18N):
            end = header.find(b"\0", begin, store + size)
            found[tag] = header[begin : end if end >= 0 else store + size].decode("utf-8", "replace")
        elif kind == STRINGS:
            found[tag] = (
                header[begin : store + size].decode("utf-8", "surrogateescape").split("\0", count)[:count]
            )
        elif kind == INT32 and tag == DIRINDEXES and begin + 4 * count <= store + size:
            found[tag] = list(struct.unpack_from(f">{count}I", header, begin))
        elif kind == INT32 and begin + 4 <= len(header):
            found[tag] = struct.unpack_from(">I", header, begin)[0]
    return found
