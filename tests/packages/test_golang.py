"""The modules of Go programs: what the go command itself says of them."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from wherry.packages import golang

MODULE = """\
module example.com/hello/app

require example.com/lib/v2 v2.3.4

replace example.com/lib/v2 => ./lib
"""


@pytest.fixture(scope="module", params=["", "-s -w", "pie"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None:
        pytest.skip("there is no Go here")
    folder = tmp_path_factory.mktemp("go")
    (folder / "go.mod").write_text(MODULE)
    (folder / "main.go").write_text(
        'package main\n\nimport "example.com/lib/v2"\n\nfunc main() { println(lib.Name) }\n'
    )
    (folder / "lib").mkdir()
    (folder / "lib" / "go.mod").write_text("module example.com/lib/v2\n")
    (folder / "lib" / "lib.go").write_text('package lib\n\nvar Name = "lib"\n')
    mode = ["-buildmode=pie"] if request.param == "pie" else [f"-ldflags={request.param}"]
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOPROXY": "off", "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", *mode, "-o", "app", "."], cwd=folder, env=environment, check=True)
    return folder / "app"


def test_a_program_names_its_modules_and_its_go(program: Path) -> None:
    said = subprocess.run(["go", "version", program], capture_output=True, text=True, check=True).stdout
    with program.open("rb") as file:
        stdlib, app, lib = golang.packages(file, "/app")
    assert (
        said.split()[-1] == f"go{stdlib.version}" and stdlib.purl == f"pkg:golang/stdlib@{stdlib.version}"
    )
    assert (app.namespace, app.name, app.version) == ("example.com/hello", "app", "")
    assert lib.purl == "pkg:golang/example.com/lib/v2@v2.3.4", (
        "the folder that replaces it has no other name"
    )


def test_a_program_that_is_cut_or_changed_anywhere_raises_nothing(program: Path) -> None:
    data = program.read_bytes()
    begin = data.index(golang.MAGIC)
    for cut in (0, 4, 20, 64, 1000, begin, begin + 16, begin + 33, len(data) - 1):
        list(golang.packages(io.BytesIO(data[:cut]), "/app"))
    for at in (*range(64), *range(begin + 14, begin + 60)):
        for byte in (0x00, 0x7F, 0xFF):
            changed = data[:at] + bytes([byte]) + data[at + 1 :]
            list(golang.packages(io.BytesIO(changed), "/app"))


def old(version: bytes, lines: bytes, *, order: str = "<", size: int = 8) -> bytes:
    """An ELF file whose only segment holds a block as Go before 1.18 wrote it: pointers to strings."""
    base = 0x400000
    form, word = (order + "Q", 8) if size == 8 else (order + "I", 4)
    head = 64 + 56 if size == 8 else 52 + 32
    begin = (head + 15) // 16 * 16
    block = golang.MAGIC + bytes([size, order == ">"])
    headers = begin + 32
    texts = headers + 4 * word
    block += struct.pack(form, base + headers) + struct.pack(form, base + headers + 2 * word)
    block = block.ljust(32, b"\0")
    for at, text in ((texts, version), (texts + len(version), lines)):
        block += struct.pack(form, base + at) + struct.pack(form, len(text))
    body = block + version + lines
    total = begin + len(body)
    ident = b"\x7fELF" + bytes([2 if size == 8 else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    if size == 8:
        elf = ident + struct.pack(order + "HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        elf += struct.pack(order + "IIQQQQQQ", 1, 6, 0, base, base, total, total, 4096)
    else:
        elf = ident + struct.pack(order + "HHIIIIIHHHHHH", 2, 3, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        elf += struct.pack(order + "IIIIIIII", 1, 0, base, base, total, total, 6, 4096)
    return elf.ljust(begin, b"\0") + body


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", [4, 8])
def test_programs_of_go_before_1_18(order: str, size: int) -> None:
    lines = b"path\tx\nmod\tx.org/app\t(devel)\t\n"
    lines += b"dep\tx.org/lib\tv1.2.3\th1:=\n=>\ty.org/fork\tv1.2.4\th1:=\n"
    data = old(b"go1.16.3", b"s" * 16 + lines + b"e" * 16, order=order, size=size)
    found = [each.purl for each in golang.packages(io.BytesIO(data), "/app")]
    assert found == ["pkg:golang/stdlib@1.16.3", "pkg:golang/x.org/app", "pkg:golang/y.org/fork@v1.2.4"]


def test_a_length_without_an_end_and_one_beyond_the_file() -> None:
    block = golang.MAGIC + bytes([8, 2]) + bytes(16)
    for tail in (b"\xff" * 40, b"\xff\xff\xff\xff\x0f" + b"x", b""):
        data = bytearray(old(b"", b""))
        at = data.index(golang.MAGIC)
        data[at : at + 32] = block
        assert list(golang.packages(io.BytesIO(bytes(data[: at + 32]) + tail), "/app")) in ([], [])


# -- hostile headers -----------------------------------------------------------------------------------


class Counted(io.BytesIO):
    """Counts the bytes that are read of it."""

    total = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.total += len(data)
        return data


def header(segments: tuple[int, int, int], sections: tuple[int, int, int], names: int = 0) -> bytes:
    """An ELF header; each table is (offset, bytes of a row, rows)."""
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    (first, row, rows), (begin, size, count) = segments, sections
    fields = (2, 62, 1, 0, first, begin, 0, 64, row, rows, size, count, names)
    return ident + struct.pack("<HHIQQQIHHHHHH", *fields)


SEGMENT = struct.pack("<IIQQQQQQ", 1, 6, 0, 0, 0, 1 << 21, 1 << 21, 0)
ROWS = 0xFFFE
SECTION = struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, 64, 1 << 40, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "data",
    [
        header((64, 56, ROWS), (0, 64, 0)) + SEGMENT * ROWS,
        header((64, 0, ROWS), (0, 64, 0)) + SEGMENT * 40_000,
        header((0, 56, 0), (64, 64, ROWS)) + SECTION * ROWS,
        header((0, 56, 0), (64, 0, 0)) + SECTION * 40_000,
        header(((1 << 64) - 1, 56, 9), ((1 << 64) - 1, 64, 9)),
    ],
    ids=["segments", "segments of no size", "sections", "sections without a number", "far away"],
)
def test_a_header_that_leads_to_the_same_bytes_again_and_again(data: bytes) -> None:
    file = Counted(data)
    assert list(golang.packages(file, "/app")) == []
    assert file.total < 8 << 20, "however many rows a table has"


def test_a_mark_without_a_version_of_go_behind_it() -> None:
    data = old(b"", b"")
    at = data.index(golang.MAGIC)
    block = golang.MAGIC + bytes([8, 2]) + bytes(16) + b"\x05hello\0"
    assert list(golang.packages(io.BytesIO(data[:at] + block), "/app")) == []
