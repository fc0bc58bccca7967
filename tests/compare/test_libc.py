"""C libraries, and what an image starts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from support.machine import require
from wherry.compare.libc import libcs, loader_kind, program
from wherry.compare.model import Libc, Program
from wherry.layers.view import View
from wherry.packages.package import Package

LOADER = "/lib64/ld-linux-x86-64.so.2"


def test_loaders_by_their_names() -> None:
    for name, kind in {
        "lib64/ld-linux-x86-64.so.2": "glibc",
        "lib/ld-linux-aarch64.so.1": "glibc",
        "lib/ld-linux.so.2": "glibc",
        "usr/lib64/ld64.so.2": "glibc",
        "lib/ld64.so.1": "glibc",
        "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": "glibc",
        "lib/ld-musl-x86_64.so.1": "musl",
        "lib/ld64-uClibc-1.0.42.so": "uclibc",
        "lib/ld-uClibc.so.0": "uclibc",
        "opt/lib/ld-musl-x86_64.so.1": "",
        "lib/ld-linux.so.2.bak": "",
        "lib/libc.so.6": "",
    }.items():
        assert loader_kind(name) == kind, name


def names(top: Path) -> list[str]:
    return [os.path.relpath(os.path.join(at, file), top) for at, _, files in os.walk(top) for file in files]


def test_this_machine_s_glibc_says_its_version(tmp_path: Path) -> None:
    require(os.path.exists(LOADER), "needs glibc for amd64")
    real = Path(os.path.realpath(LOADER))
    (tmp_path / "lib/gnu").mkdir(parents=True)
    (tmp_path / "lib64").mkdir()
    shutil.copy(real, tmp_path / "lib/gnu/ld-linux-x86-64.so.2")
    shutil.copy(real.with_name("libc.so.6"), tmp_path / "lib/gnu/libc.so.6")
    (tmp_path / "lib64/ld-linux-x86-64.so.2").symlink_to("/lib/gnu/ld-linux-x86-64.so.2")
    expected = subprocess.check_output(["ldd", "--version"], text=True).split("\n")[0].split()[-1]
    assert libcs(View([str(tmp_path)]), names(tmp_path), ()) == (Libc("glibc", expected, LOADER),)


def test_musl_is_known_by_its_package_and_uclibc_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    for name in ("ld-musl-x86_64.so.1", "ld64-uClibc-1.0.42.so"):
        (tmp_path / "lib" / name).write_bytes(b"\x7fELF")
    view = View([str(tmp_path)])
    found = libcs(view, names(tmp_path), [Package("apk", "musl", "1.2.5-r1")])
    assert found == (
        Libc("musl", "1.2.5", "/lib/ld-musl-x86_64.so.1"),
        Libc("uclibc", "1.0.42", "/lib/ld64-uClibc-1.0.42.so"),
    )
    assert libcs(view, names(tmp_path), ())[0].version == ""


@pytest.mark.parametrize(
    "data", [b"", b"GNU C Library version", b"GNU C Library " + b"x" * 300, b"\0" * 99]
)
def test_a_c_library_that_says_nothing_has_no_version(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/ld-linux.so.2").write_bytes(b"")
    (tmp_path / "lib/libc.so.6").write_bytes(data)
    found = libcs(View([str(tmp_path)]), ["lib/ld-linux.so.2"], ())
    assert found == (Libc("glibc", "", "/lib/ld-linux.so.2"),)


def test_loops_of_links_are_no_libraries_and_no_programs(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/ld-linux.so.2").symlink_to("ld-linux.so.2")
    view = View([str(tmp_path)])
    assert libcs(view, ["lib/ld-linux.so.2"], ()) == ()
    assert program(view, {"Cmd": ["/lib/ld-linux.so.2"]}) is None


def test_what_an_image_starts(tmp_path: Path) -> None:
    require(os.path.exists("/bin/busybox") and os.path.exists(LOADER), "needs busybox-static, glibc, amd64")
    (tmp_path / "bin").mkdir()
    shutil.copy("/bin/busybox", tmp_path / "bin/sh")
    shutil.copy(os.path.realpath("/bin/true"), tmp_path / "bin/true")
    (tmp_path / "run").write_bytes(b"#! /bin/sh -e\n")
    (tmp_path / "self").write_bytes(b"#!/self\n")
    (tmp_path / "bare").write_bytes(b"#!\n")
    view = View([str(tmp_path)])
    for config, expected in (
        ({"Cmd": ["sh"]}, Program("/bin/sh")),
        ({"Entrypoint": ["true"], "Cmd": ["sh"]}, Program("/bin/true", LOADER)),
        ({"Cmd": ["sh"], "Env": ["PATH=/nowhere"]}, None),
        ({"Cmd": ["./sh"], "WorkingDir": "/bin"}, Program("/bin/./sh")),
        ({"Cmd": ["/run"]}, Program("/bin/sh", "", "/run")),
        ({"Cmd": ["/self"]}, None),
        ({"Cmd": ["/bare"]}, Program("/bare", is_elf=False)),
        ({"Cmd": [""]}, None),
        ({}, None),
    ):
        assert program(view, config) == expected, config
