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
