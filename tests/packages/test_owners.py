"""Which package brought a file: by each kind's own lists, and as the package managers themselves say."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from packages.test_find import DPKG, tree
from wherry.layers.view import View
from wherry.packages import dpkg
from wherry.packages.find import find_packages
from wherry.packages.osrelease import OsRelease
from wherry.packages.owners import Owners


def owners(*trees: str) -> Owners:
    view = View(trees)
    return Owners(view, find_packages(view).packages)


def owner(found: Owners, name: str) -> str:
    package = found.of(name)
    return package.name if package is not None else ""


def test_debian_s_lists_name_files_by_the_links_that_were_merged(tmp_path: Path) -> None:
    top = tree(
        tmp_path / "a",
        {
            "var/lib/dpkg/status": DPKG.format("libc6").replace("Architecture: all", "Architecture: amd64")
            + DPKG.format("hello"),
            "var/lib/dpkg/info/libc6:amd64.list": "/.\n/lib\n/lib/libc.so.6\n",
            "var/lib/dpkg/info/hello.list": "/.\n/usr\n/usr/bin\n/usr/bin/hello\n/loop/x\n",
            "usr/lib/libc.so.6": "",
            "usr/bin/hello": "",
        },
    )
    os.symlink("usr/lib", tmp_path / "a/lib")
    os.symlink("loop", tmp_path / "a/loop")
    found = owners(top)
    assert owner(found, "usr/lib/libc.so.6") == "libc6" and owner(found, "usr/bin/hello") == "hello"
    assert owner(found, "usr/bin/other") == "" and owner(found, "") == ""


def test_distroless_has_checksums_for_lists(tmp_path: Path) -> None:
    files = {
        "status.d/tzdata": "Package: tzdata\nVersion: 1\n",
        "status.d/tzdata.md5sums": "0  usr/share/x\n",
    }
    found = owners(tree(tmp_path / "a", {f"var/lib/dpkg/{name}": text for name, text in files.items()}))
    assert owner(found, "usr/share/x") == "tzdata"


def test_apk_python_and_npm(tmp_path: Path) -> None:
    site = "usr/lib/python3/site-packages"
    found = owners(
        tree(
            tmp_path / "a",
            {
                "lib/apk/db/installed": "P:musl\nV:1\nA:x86_64\nF:lib\nR:libc.so\nF:\nR:top\n\n"
                "P:busybox\nV:1\nA:x86_64\nF:bin\nM:0:0:1777\nR:busybox\nZ:Q1\n\n",
                f"{site}/six-1.dist-info/METADATA": "Name: six\nVersion: 1\n",
                f"{site}/six-1.dist-info/RECORD": 'six.py,sha256=x,1\n"a,b.py",,\n../../../bin/six,,\n',
                "srv/node_modules/a/package.json": '{"name": "a", "version": "1"}',
                "srv/node_modules/a/node_modules/b/package.json": '{"name": "b", "version": "1"}',
            },
        )
    )
    names = {
        "lib/libc.so": "musl",
        "top": "musl",
        "bin/busybox": "busybox",
        f"{site}/six.py": "six",
        f"{site}/a,b.py": "six",
        "usr/bin/six": "six",
        "srv/node_modules/a/lib/x.js": "a",
        "srv/node_modules/a/node_modules/b/y.js": "b",
        "srv/node_modules/c.js": "",
    }
    assert {name: owner(found, name) for name in names} == names


def test_hostile_lists_keep_nobody_busy_and_lead_nowhere(tmp_path: Path) -> None:
    long = "/a" * 400_000
    ups = "/../../etc/passwd\n/./x\n//y\n/loop/z\n/link/w\n"
    top = tree(
        tmp_path / "a",
        {
            "var/lib/dpkg/status": DPKG.format("hello") + DPKG.format("../../../x"),
            "var/lib/dpkg/info/hello.list": f"{long}\n{ups}"
            + "".join(f"/a/{n}/b\n" for n in range(20_000)),
            "usr/lib/python3/x.dist-info/METADATA": "Name: x\nVersion: 1\n",
            "usr/lib/python3/x.dist-info/RECORD": f'{"../" * 90}etc/shadow,,\n"{"b" * 200_000}\n',
        },
    )
    os.symlink("loop", tmp_path / "a/loop")
    os.symlink("/..", tmp_path / "a/link")
    began = time.process_time()
    found = owners(top)
    assert owner(found, "a/7/b") == "hello" and owner(found, "w") == "hello"
    assert time.process_time() - began < 10


def test_dpkg_itself_says_the_same_of_this_machine() -> None:
    if shutil.which("dpkg-query") is None:
        pytest.skip("there is no dpkg here")
    view = View(["/"])
    status = Path("/var/lib/dpkg/status").read_bytes()
    found = Owners(view, dpkg.packages(status, "/var/lib/dpkg/status", OsRelease()))
    names = [f"/usr/bin/{name}" for name in sorted(os.listdir("/usr/bin"))]
    said = subprocess.run(["dpkg-query", "-S", *names], capture_output=True, text=True, check=False).stdout
    checked = 0
    for line in said.splitlines():
        packages, separator, name = line.partition(": ")
        if separator and "diversion" not in packages and "," not in packages:
            assert owner(found, name.lstrip("/")) == packages.partition(":")[0]
            checked += 1
    assert checked > 50


SPEC = """\
Name: one
Version: 1
Release: 1
Summary: one
License: MIT
BuildArch: noarch
%description
one
%install
mkdir -p %{buildroot}/opt/one/d
echo x > %{buildroot}/opt/one/x
echo y > %{buildroot}/opt/one/d/y
%files
/opt/one
"""


def test_rpm_s_own_database(tmp_path: Path) -> None:
    if shutil.which("rpmbuild") is None:
        pytest.skip("there is no rpmbuild here")
    (tmp_path / "one.spec").write_text(SPEC)
    words = ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {tmp_path / 'top'}", "one.spec"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    (built,) = (tmp_path / "top/RPMS").glob("*/*.rpm")
    database = tmp_path / "a/var/lib/rpm"
    database.mkdir(parents=True)
    options = ["--dbpath", str(database), "--define", "_db_backend sqlite"]
    install = ["rpm", *options, "-i", "--justdb", "--nodeps", "--force-debian", str(built)]
    subprocess.run(install, check=True, capture_output=True)
    found = owners(str(tmp_path / "a"))
    assert [owner(found, f"opt/one/{name}") for name in ("x", "d/y", "z")] == ["one", "one", ""]
