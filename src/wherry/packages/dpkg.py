"""PURE: Debian's packages: ``status``, or a file each in ``status.d`` (Distroless).

Source: deb-control(5); for licenses, DEP-5 (Debian's machine-readable copyright files).
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
LISTS = "var/lib/dpkg/info/"
COPYRIGHT = "usr/share/doc/{}/copyright"
FORMAT = "Format:"
LARGEST_COPYRIGHT, MOST_LICENSES = 1 << 20, 100


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


def licenses(data: bytes) -> str:
    """The names of licenses in a copyright file, Debian's and not SPDX's; "" where it is only prose."""
    text = data.decode("utf-8", "replace").lstrip("\ufeff\n ")
    if not text.startswith(FORMAT):
        return ""
    named = dict.fromkeys(fields.get("License", "") for fields in paragraphs(text))
    return ", ".join([name for name in named if name][:MOST_LICENSES])


def listed(data: bytes) -> Iterator[str]:
    """The files and folders of a package's list, without a leading slash."""
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith("/") and line != "/.":
            yield line[1:]


def checksummed(data: bytes) -> Iterator[str]:
    """The files of which a package says checksums (Distroless keeps no lists)."""
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        _, separator, name = line.partition("  ")
        if separator:
            yield name.removeprefix("./")
