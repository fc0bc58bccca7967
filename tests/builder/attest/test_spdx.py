"""The document by itself: what the SPDX project's own validator says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from spdx_tools.spdx.parser.parse_anything import parse_file
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from wherry.builder.attest.spdx import document
from wherry.packages.find import Found
from wherry.packages.osrelease import OsRelease
from wherry.packages.package import Package

ID = "sha256:" + "ab" * 32
PACKAGES = (
    Package("deb", "libc6", "2.36-9+deb12u7", "debian", "amd64", distribution="debian-12", path="/s"),
    Package("npm", "core", "7.0.0", "@babel", license="MIT OR (strange)", path="/n/package.json"),
    Package("pypi", "flask", "3.0.0", license="BSD-3-Clause", is_spdx=True, path="/METADATA"),
    Package("golang", "app", "", "example.com/hello", path="/app"),
    Package("golang", "app", "", "example.com/hello", path="/other"),
    Package("rpm", "hostile \x1b[31m\n\u202e", "1 & <2>", "fedora", license="\0", path="/r"),
)


@pytest.mark.parametrize(
    "found",
    [
        Found(OsRelease("debian", "12", "Debian"), PACKAGES),
        Found(OsRelease(), (), ("/var/lib/rpm/Packages",)),
    ],
)
def test_it_is_valid(tmp_path: Path, found: Found) -> None:
    value = document(found, "registry.example/app:1", ID, "2026-01-02T03:04:05Z", "wherry-1")
    path = tmp_path / "sbom.spdx.json"
    path.write_text(json.dumps(value))
    assert validate_full_spdx_document(parse_file(str(path))) == []
    assert "\x1b" not in path.read_text()


def test_the_same_image_at_the_same_time_has_the_same_document() -> None:
    found = Found(OsRelease("debian", "12"), PACKAGES)
    first, again = (document(found, "a", ID, "2026-01-02T03:04:05Z", "wherry-1") for _ in range(2))
    later = document(found, "a", ID, "2026-01-02T03:04:06Z", "wherry-1")
    assert first == again and first["documentNamespace"] != later["documentNamespace"]
