"""What each kind of record says is installed, and what hostile ones do."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from wherry.packages import apk, dpkg, gem, npm, osrelease, python, rpm
from wherry.packages.osrelease import OsRelease
from wherry.packages.package import Package

DEBIAN = OsRelease("debian", "12", "Debian GNU/Linux 12 (bookworm)")
STATUS = b"""\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc
Version: 2.36-9+deb12u7
Description: GNU C Library
 a line that goes on
 .
 Version: 9

Package: gone
Status: deinstall ok config-files
Version: 1

Package: libgcc-s1
Status: hold ok installed
Architecture: amd64
Source: gcc-12 (12.2.0-14)
Version: 12.2.0-14+b1

Package: damaged
Status: install ok installed
"""


def test_dpkg_tells_what_is_installed_and_not_what_was_removed() -> None:
    libc, gcc = dpkg.packages(STATUS, "/var/lib/dpkg/status", DEBIAN)
    assert libc.purl == ("pkg:deb/debian/libc6@2.36-9%2Bdeb12u7?arch=amd64&distro=debian-12&upstream=glibc")
    assert (gcc.name, gcc.version, gcc.source, gcc.source_version) == (
        *("libgcc-s1", "12.2.0-14+b1", "gcc-12", "12.2.0-14"),
    )
    assert gcc.purl.endswith("upstream=gcc-12%4012.2.0-14")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("var/lib/dpkg/status", True),
        ("var/lib/dpkg/status.d/base-files", True),
        ("var/lib/dpkg/status.d/base-files.md5sums", False),
        ("var/lib/dpkg/status-old", False),
        ("x/var/lib/dpkg/status", False),
    ],
)
def test_where_dpkg_keeps_records(name: str, found: bool) -> None:
    assert dpkg.is_record(name) == found


def test_a_record_of_distroless_has_no_status() -> None:
    (package,) = dpkg.packages(b"Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n", "/p", DEBIAN)
    assert package.purl == "pkg:deb/debian/tzdata@2024a-0?arch=all&distro=debian-12"


def test_apk() -> None:
    data = b"C:Q1x=\nP:ssl_client\nV:1.36.1-r15\nA:x86_64\nL:GPL-2.0-only\no:busybox\nF:usr\n\nP:half\n"
    (package,) = apk.packages(data, "/lib/apk/db/installed", OsRelease("alpine", "3.19.1"))
    assert package.license == "GPL-2.0-only" and package.purl == (
        "pkg:apk/alpine/ssl_client@1.36.1-r15?arch=x86_64&distro=alpine-3.19.1&upstream=busybox"
    )


@pytest.mark.parametrize(
    ("text", "license_", "is_spdx"),
    [
        ("License-Expression: BSD-3-Clause\n", "BSD-3-Clause", True),
        ("License: MIT License\n", "MIT License", False),
        ("License: UNKNOWN\n", "", False),
        ("License-Expression: MIT License, or so\n", "MIT License, or so", False),
        ("", "", False),
    ],
)
def test_python(text: str, license_: str, is_spdx: bool) -> None:
    data = f"Metadata-Version: 2.1\nName: Flask_Login\nVersion: 0.6.3\n{text}\nName: other\n".encode()
    package = python.package(data, "/x.dist-info/METADATA")
    assert package is not None and package.purl == "pkg:pypi/flask-login@0.6.3"
    assert (package.license, package.is_spdx) == (license_, is_spdx)
    assert python.package(b"\xff\xfe\0Name", "/x") is None


@pytest.mark.parametrize(
    ("text", "purl", "license_"),
    [
        ('{"name": "express", "version": "4.19.2", "license": "MIT"}', "pkg:npm/express@4.19.2", "MIT"),
        (
            '{"name": "@babel/core", "version": "7.0.0", "licenses": [{"type": "MIT"}, {"type": "BSD"}]}',
            "pkg:npm/%40babel/core@7.0.0",
            "MIT OR BSD",
        ),
        ('{"name": "a", "version": "1", "license": {"type": "ISC"}}', "pkg:npm/a@1", "ISC"),
        ('{"name": "a", "version": "1", "license": 7}', "pkg:npm/a@1", ""),
    ],
)
def test_npm(text: str, purl: str, license_: str) -> None:
    package = npm.package(text.encode(), "/node_modules/a/package.json")
    assert package is not None and (package.purl, package.license) == (purl, license_)


@pytest.mark.parametrize("text", ["", "[]", '{"name": 7, "version": "1"}', '{"name": "a"}', "[" * 100_000])
def test_what_is_no_package_of_npm(text: str) -> None:
    assert npm.package(text.encode(), "/node_modules/a/package.json") is None


def test_half_a_character_of_npm_is_no_error() -> None:
    data = b'{"name": "@\\ud800/\\udfff", "version": "1\\udc80", "license": "\\ud83d"}'
    package = npm.package(data, "/node_modules/a/package.json")
    assert package is not None and (package.purl, package.license) == ("pkg:npm/%40%3F/%3F@1%3F", "?")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("app/node_modules/express/package.json", True),
        ("node_modules/@babel/core/package.json", True),
        ("node_modules/a/node_modules/b/package.json", True),
        ("node_modules/a/lib/package.json", False),
        ("node_modules/@babel/package.json", False),
        ("app/package.json", False),
    ],
)
def test_where_npm_keeps_packages(name: str, found: bool) -> None:
    assert bool(npm.PLACE.match(name)) == found


@pytest.mark.parametrize(
    ("text", "system"),
    [
        ('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n', OsRelease("debian", "12", "Debian 12")),
        ("# ID=x\nID='alpine'\n\nnoise\nVERSION_ID=\"3\n", OsRelease("alpine", "", "")),
        ("", OsRelease()),
    ],
)
def test_os_release(text: str, system: OsRelease) -> None:
    assert osrelease.parse(text.encode()) == system


def test_a_purl_keeps_no_character_that_means_something_in_it() -> None:
    package = Package("rpm", "a b/c@?#", "1:2%", "fedora", epoch="1")
    assert package.purl == "pkg:rpm/fedora/a%20b%2Fc%40%3F%23@1:2%25?epoch=1"


GEM = b"""# -*- encoding: utf-8 -*-
# stub: nokogiri 1.16.0 x86_64-linux lib

Gem::Specification.new do |s|
  s.name = "nokogiri".freeze
  s.version = "1.16.0"
  s.licenses = ["MIT".freeze, "Ruby"]
  s.add_runtime_dependency(%q<racc>, ["~> 1.4"])
end
"""


def test_gems() -> None:
    package = gem.package(GEM, "/usr/lib/ruby/gems/specifications/nokogiri-1.16.0.gemspec")
    assert package is not None and package.license == "MIT OR Ruby"
    assert package.purl == "pkg:gem/nokogiri@1.16.0"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b's.version = "1"',
        b's.name = "a"\ns.version = A::VERSION\n',
        b's.name = "a#{b}"\ns.version = "1"\n',
        b"s.name = " * 100_000,
        b"\n" * 1_000_000,
        b" " * 1_000_000,
    ],
)
def test_a_specification_that_computes_is_not_read(text: bytes) -> None:
    assert gem.package(text, "/x.gemspec") is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("usr/lib/ruby/gems/3.1.0/specifications/rake-13.0.6.gemspec", True),
        ("usr/lib/ruby/gems/3.1.0/specifications/default/json-2.6.1.gemspec", True),
        ("app/rake.gemspec", False),
        ("gems/x/specifications/lib/x.gemspec", False),
    ],
)
def test_where_gems_have_specifications(name: str, found: bool) -> None:
    assert bool(gem.PLACE.match(name)) == found


def test_an_os_release_of_one_word_of_megabytes_keeps_nobody_busy() -> None:
    began = time.process_time()
    found = osrelease.parse(b"ID=debian\nNAME=" + b"x" * (1 << 23))
    assert found.id == "debian" and time.process_time() - began < 5


# -- rpm ---------------------------------------------------------------------------------------------

HEADER = (Path(__file__).parent / "hello.header").read_bytes()
"""What rpm 4.18 wrote for a package hello-1:2.12.1-4.noarch."""


def database(tmp_path: Path, *blobs: object, sql: str = "") -> str:
    path = tmp_path / "rpmdb.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(sql or "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
        for blob in blobs:
            connection.execute("INSERT INTO Packages(blob) VALUES (?)", (blob,))
    return str(path)


def test_rpm(tmp_path: Path) -> None:
    path = database(tmp_path, HEADER)
    (package,) = rpm.packages(path, "/var/lib/rpm/rpmdb.sqlite", OsRelease("fedora", "40"))
    assert package.purl == (
        "pkg:rpm/fedora/hello@2.12.1-4?arch=noarch&distro=fedora-40&epoch=1&upstream=hello-2.12.1-4.src.rpm"
    )
    assert package.license == "GPL-3.0-or-later"
    assert [each.name for each in tmp_path.iterdir()] == ["rpmdb.sqlite"], "nothing is written beside it"


def test_damaged_headers_tell_nothing_and_hide_nothing(tmp_path: Path) -> None:
    broken = [HEADER[:length] for length in range(0, len(HEADER), 97)]
    flipped = [HEADER[:at] + b"\xff" + HEADER[at + 1 :] for at in range(0, 1200, 7)]
    path = database(tmp_path, *broken, *flipped, "text", HEADER)
    found = list(rpm.packages(path, "/p", OsRelease()))
    assert found[-1].name == "hello"


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE VIEW Packages AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n) "
        "SELECT x AS hnum, zeroblob(9) AS blob FROM n",
        "CREATE TABLE other (x)",
    ],
)
def test_a_hostile_database_keeps_nobody_busy(tmp_path: Path, sql: str) -> None:
    assert list(rpm.packages(database(tmp_path, sql=sql), "/p", OsRelease())) == []


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    assert list(rpm.packages(str(tmp_path / "x"), "/p", OsRelease())) == []
    assert list(rpm.packages(str(tmp_path / "absent"), "/p", OsRelease())) == []
