"""The Java packages in an archive, by the names that Maven left: its own, those that were shaded into it,
and those of archives inside.

Source: the Maven Archiver's documentation (``pom.properties``); APPNOTE.TXT of the zip format.  Archives
that were not built with Maven, or with Gradle alone, do not say what they are.
"""

from __future__ import annotations

import io
import re
import struct
import zlib

from wherry.packages.package import Package
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO
    from zipfile import ZipFile, ZipInfo

ENDS = (".jar", ".war", ".ear")
PROPERTIES = re.compile(r"META-INF/maven/[^/]+/[^/]+/pom\.properties\Z")
DEEPEST = 3
MOST = 4096
"""Packages, and archives inside, of one file."""
LARGEST_PROPERTIES, LARGEST_INSIDE, LARGEST_DIRECTORY = 1 << 16, 1 << 26, 1 << 23
END, END64, COMMENT = b"PK\5\6", b"PK\6\7", 1 << 16
END_SIZE, LOCATOR_SIZE = 22, 20


class _Rest:
    """How much of one file may still be unpacked: archives inside are bounded together."""

    def __init__(self) -> None:
        self.members, self.bytes = MOST, 4 * LARGEST_INSIDE


def packages(file: IO[bytes], path: str) -> Iterator[Package]:
    """Nothing for what is no zip archive; of one that is damaged what can be read."""
    yield from _packages(file, path, DEEPEST, _Rest())


def _packages(file: IO[bytes], path: str, depth: int, rest: _Rest) -> Iterator[Package]:
    from zipfile import BadZipFile, ZipFile

    damaged = (BadZipFile, OSError, ValueError, LookupError, ArithmeticError, EOFError, RuntimeError)
    try:
        if not _has_small_directory(file):
            return
        archive = ZipFile(file)
    except (*damaged, struct.error):
        return
    for info in archive.infolist():
        is_inside = depth > 0 and info.filename.lower().endswith(ENDS)
        if not is_inside and not PROPERTIES.match(info.filename):
            continue
        rest.members -= 1
        try:
            data = _read(archive, info, LARGEST_INSIDE if is_inside else LARGEST_PROPERTIES, rest)
        except (*damaged, zlib.error, struct.error):
            continue
        if is_inside:
            inside = info.filename.encode("utf-8", "replace").decode()
            yield from _packages(io.BytesIO(data), f"{path}!/{inside}", depth - 1, rest)
        else:
            yield from _of_properties(data, path)


def _has_small_directory(file: IO[bytes]) -> bool:
    """Whether the table of contents has a size that archives have: `zipfile` would read any.

    The end of the archive is looked for where `zipfile` looks for it.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - END_SIZE - COMMENT - LOCATOR_SIZE))
    tail = file.read()
    at = len(tail) - END_SIZE
    if at < 0:
        return False
    if not (tail.startswith(END, at) and tail.endswith(b"\0\0")):
        at = tail.rfind(END)
    if at < 0 or len(tail) - at < END_SIZE or tail[max(0, at - LOCATOR_SIZE) : at].startswith(END64):
        return False
    return bool(struct.unpack_from("<I", tail, at + 12)[0] <= LARGEST_DIRECTORY)


def _read(archive: ZipFile, info: ZipInfo, most: int, rest: _Rest) -> bytes:
    """A member that is stored or deflated.  Raises ValueError where it is too large, or one too many."""
    import warnings
    from zipfile import ZIP_DEFLATED, ZIP_STORED

    if rest.members < 0 or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ValueError("not to be read")
    with warnings.catch_warnings():
        # Python 3.13 and later warn of members that overlap, and give them: as damage, they tell nothing.
        warnings.simplefilter("error")
        try:
            opened = archive.open(info)
        except Warning as warning:
            raise ValueError(str(warning)) from None
    with opened as member:
        data = member.read(min(most, rest.bytes) + 1)
    rest.bytes -= min(len(data), rest.bytes)
    if len(data) > most or not rest.bytes:
        raise ValueError("too large")
    return data


def _of_properties(data: bytes, path: str) -> Iterator[Package]:
    values = {}
    for line in data.decode("utf-8", "replace").splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.startswith(("#", "!")):
            values[key.strip()] = value.strip()
    group, name, version = (values.get(key, "") for key in ("groupId", "artifactId", "version"))
    if group and name and version:
        yield Package("maven", name, version, group, path=path)
