"""All packages of a file system in layers."""

from __future__ import annotations

import os
from pathlib import Path

from wherry.layers.view import View
from wherry.packages.find import find_packages

DPKG = "Package: {}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"


def tree(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return str(folder)


def test_the_uppermost_file_counts_and_links_and_pipes_do_not(tmp_path: Path) -> None:
    lower = tree(
        tmp_path / "lower",
        {
            "etc/os-release": "ID=debian\nVERSION_ID=12\n",
            "var/lib/dpkg/status": DPKG.format("old"),
            "usr/lib/python3/dist-packages/six-1.0.egg-info": "Name: six\nVersion: 1.0\n",
            "srv/node_modules/a/package.json": '{"name": "a", "version": "1"}',
        },
    )
    upper = tree(
        tmp_path / "upper",
        {
            "var/lib/dpkg/status": DPKG.format("new"),
            "srv/node_modules/b/package.json": '{"name": "b", "version": "2"}',
        },
    )
    os.symlink("/var/lib/dpkg/status", tmp_path / "upper/var/lib/dpkg/status-link")
    os.makedirs(tmp_path / "upper/lib/apk/db")
    os.symlink("/var/lib/dpkg/status", tmp_path / "upper/lib/apk/db/installed")
    os.mkfifo(tmp_path / "upper/pipe", 0o755)
    found = find_packages(View([lower, upper]))
    assert [each.purl for each in found.packages] == [
        "pkg:deb/debian/new@1?arch=all&distro=debian-12",
        "pkg:npm/a@1",
        "pkg:npm/b@2",
        "pkg:pypi/six@1.0",
    ]
    assert found.system.distribution == "debian-12" and found.unread == ()


COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: somebody
License: GPL-2+

Files: x
License: MIT
 Permission is hereby granted
 License: no

License: GPL-2+
 of any kind
"""


def test_debian_s_licenses_stand_among_the_documentation(tmp_path: Path) -> None:
    top = tree(
        tmp_path / "a",
        {
            "var/lib/dpkg/status": "".join(map(DPKG.format, ("base", "lib", "prose", "loop", "none"))),
            "usr/share/doc/base/copyright": COPYRIGHT,
            "usr/share/doc/prose/copyright": "It is free.\nLicense: MIT\n",
        },
    )
    os.symlink("base", tmp_path / "a/usr/share/doc/lib")
    os.symlink("loop", tmp_path / "a/usr/share/doc/loop")
    licenses = {each.name: each.license for each in find_packages(View([top])).packages}
    assert licenses == {"base": "GPL-2+, MIT", "lib": "GPL-2+, MIT", "prose": "", "loop": "", "none": ""}


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    found = find_packages(View([tree(tmp_path / "a", {"var/lib/rpm/Packages": "\0" * 9000})]))
    assert found.packages == () and found.unread == ("/var/lib/rpm/Packages",)


def test_nothing_has_no_packages(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert find_packages(View([])).packages == find_packages(View([str(tmp_path / "a")])).packages == ()


def test_a_link_of_the_system_s_name_that_leads_out_reads_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("ID=stolen\n")
    (tmp_path / "a/etc").mkdir(parents=True)
    os.symlink(tmp_path / "secret", tmp_path / "a/etc/os-release")
    assert find_packages(View([str(tmp_path / "a")])).system.id == ""
