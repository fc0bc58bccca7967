"""PURE: Alpine's packages.  Source: the Alpine wiki, "Apk spec" (the installed database)."""

from __future__ import annotations

from wherry.packages.package import Package
from wherry.packages.paragraphs import paragraphs
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.packages.osrelease import OsRelease

INSTALLED = ("lib/apk/db/installed", "usr/lib/apk/db/installed")


def packages(data: bytes, path: str, system: OsRelease) -> Iterator[Package]:
    for fields in paragraphs(data.decode("utf-8", "replace")):
        name, version = fields.get("P", ""), fields.get("V", "")
        if name and version:
            yield Package(
                "apk",
                name,
                version,
                system.id or "alpine",
                fields.get("A", ""),
                distribution=system.distribution,
                source=fields.get("o", name),
                license=fields.get("L", ""),
                path=path,
            )


def files(data: bytes) -> Iterator[tuple[tuple[str, str], str]]:
    """((package, architecture), file without a leading slash)."""
    name = architecture = folder = ""
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        key, value = line[:2], line[2:]
        if not line:
            name = architecture = folder = ""
        elif key == "P:":
            name = value
        elif key == "A:":
            architecture = value
        elif key == "F:":
            folder = value
        elif key == "R:" and name:
            yield (name, architecture), f"{folder}/{value}" if folder else value
