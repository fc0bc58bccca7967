"""PURE: Debian's packages: ``status``, or a file each in ``status.d`` (Distroless).

Source: deb-control(5).
"""

from __future__ import annotations

from wherry.packages.package import Package
from wherry.packages.paragraphs import paragraphs
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.packages.osrelease import OsRelease

STATUS = "var/lib/dpkg/status"
FOLDER = "var/lib/dpkg/status.d/"


def is_record(name: str) -> bool:
    return name == STATUS or (name.startswith(FOLDER) and not name.endswith(".md5sums"))


def packages(data: bytes, path: str, system: OsRelease) -> Iterator[Package]:
    """What is installed: not what was removed and left its configuration."""
    for fields in paragraphs(data.decode("utf-8", "replace")):
        name, version = fields.get("Package", ""), fields.get("Version", "")
        if not name or not version or fields.get("Status", "installed").split()[-1:] != ["installed"]:
            continue
        source, _, source_version = fields.get("Source", "").partition(" ")
        yield Package(
            "deb",
            name,
            version,
            system.id or "debian",
            fields.get("Architecture", ""),
            distribution=system.distribution,
            source=source or name,
            source_version=source_version.strip("()") or version,
            path=path,
        )
