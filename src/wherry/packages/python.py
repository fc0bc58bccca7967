"""PURE: Python's packages.  Source: the core metadata specifications (packaging.python.org)."""

from __future__ import annotations

from wherry.packages.expression import is_expression
from wherry.packages.package import Package
from wherry.packages.paragraphs import paragraphs
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ENDS = (".dist-info/METADATA", ".egg-info/PKG-INFO", ".egg-info")


def package(data: bytes, path: str) -> Package | None:
    """Of METADATA or PKG-INFO, None for what is neither."""
    fields = next(paragraphs(data.decode("utf-8", "replace")), {})
    name, version = fields.get("Name", ""), fields.get("Version", "")
    if not name or not version:
        return None
    expression = fields.get("License-Expression", "")
    license_ = expression or fields.get("License", "")
    known = "" if license_ == "UNKNOWN" else license_
    return Package("pypi", name, version, license=known, is_spdx=is_expression(expression), path=path)


def recorded(data: bytes) -> Iterator[str]:
    """The files of a RECORD, as it names them: from the folder that holds the package's own."""
    import csv

    try:
        for row in csv.reader(data.decode("utf-8", "surrogateescape").split("\n")):
            if row and row[0]:
                yield row[0]
    except csv.Error:
        return  # a field of more than 128 KiB is no name
