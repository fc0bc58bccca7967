"""ELF headers: what compilers write, of any class and order, and what nobody's compiler writes."""

from __future__ import annotations

import io
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.programs import compile_
from wherry.programs.elf import LONGEST, MOST_NEEDED, Elf, read_elf

NUMBERS = st.integers(0, 2**64 - 1) | st.sampled_from((0, 1, 64, 120, 2**32, 2**63, 2**64 - 1))


def image(fields: list[int], segments: list[list[int]], rest: bytes) -> bytes:
    """A file for amd64 with these values in its header and in its program headers, whatever they are."""
    start, size, number = fields
    head = b"\x7fELF\2\1\1".ljust(16, b"\0")
    head += struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, start, 0, 0, 64, size % 65536, number % 65536, 0, 0, 0
    )
    return head + b"".join(struct.pack("<IIQQQQQQ", each[0] % 8, 5, *each[1:]) for each in segments) + rest


def dynamic(*entries: tuple[int, int]) -> bytes:
    return b"".join(struct.pack("<qQ", *each) for each in entries)


def of_libraries(entries: bytes, text: bytes) -> bytes:
    """A library with such a dynamic section, and its texts behind it, which are loaded at their offsets."""
    begin = 64 + 2 * 56
    size = begin + len(entries) + len(text)
    load = [1, 0, 0, 0, size, size, 4096]
    return image(
        [64, 56, 2], [load, [2, begin, begin, begin, len(entries), len(entries), 8]], entries + text
    )


def test_a_program_of_a_compiler(tmp_path: Path) -> None:
    flags = ("-Wl,-rpath,$ORIGIN/lib", "-Wl,--disable-new-dtags")
    program = compile_(tmp_path / "app", "int main(void){return 0;}", *flags)
    with program.open("rb") as file:
        assert read_elf(file) == Elf(
            "amd64", "/lib64/ld-linux-x86-64.so.2", ("libc.so.6",), rpath="$ORIGIN/lib"
        )


def test_other_orders_and_classes(tmp_path: Path) -> None:
    """Of 32 bits, big end first, as gcc for s390 of old writes."""
    head = b"\x7fELF\1\2\1".ljust(16, b"\0")
    text = b"\0libc.so.6\0/opt/lib\0/lib/ld.so.1\0"
    entries = b"".join(struct.pack(">iI", *each) for each in ((1, 1), (29, 11), (5, 0x5000), (0, 0)))
    at = 52 + 3 * 32
    head += struct.pack(">HHIIIIIHHHHHH", 2, 22, 1, 0, 52, 0, 0, 52, 32, 3, 0, 0, 0)
    head += struct.pack(">IIIIIIII", 1, at + len(entries), 0x5000, 0, len(text), len(text), 5, 4096)
    head += struct.pack(">IIIIIIII", 2, at, 0x4000, 0, len(entries), len(entries), 6, 4)
    head += struct.pack(">IIIIIIII", 3, at + len(entries) + 20, 0x6000, 0, 13, 13, 4, 1)
    found = read_elf(io.BytesIO(head + entries + text))
    assert found == Elf("s390x", "/lib/ld.so.1", ("libc.so.6",), runpath="/opt/lib")


def test_another_machine_and_no_elf() -> None:
    head = b"\x7fELF\2\1\1".ljust(16, b"\0")
    head += struct.pack("<HHIQQQIHHHHHH", 2, 4711, 1, 0, 64, 0, 0, 64, 56, 0, 0, 0, 0)
    assert read_elf(io.BytesIO(head)) == Elf("machine 4711")
    for data in (b"", b"\x7fELF", b"#!/bin/sh\n", head[:40], head[:4] + b"\3" + head[5:]):
        assert read_elf(io.BytesIO(data)) is None


def test_what_the_loader_says_of_a_real_library(tmp_path: Path) -> None:
    for path in ("/bin/true", "/usr/bin/openssl"):
        said = subprocess.run(["readelf", "-d", path], capture_output=True, check=True, text=True).stdout
        named = tuple(line.split("[")[1].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line)
        with open(path, "rb") as file:
            found = read_elf(file)
        assert found is not None and found.needed == named


class Counting(io.BytesIO):
    """Counts the bytes that are read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def test_a_text_without_an_end_costs_its_limit_alone() -> None:
    entries = dynamic(*[(1, 0)] * 5000, (5, 64 + 2 * 56), (0, 0))
    file = Counting(of_libraries(entries, b"A" * 2_000_000))
    found = read_elf(file)
    assert found is not None and len(found.needed) == MOST_NEEDED
    assert file.taken < 2 * MOST_NEEDED * LONGEST
    entries = dynamic(*[(1, 100)] * 1000, (5, 64 + 2 * 56), (0, 0))
    file = Counting(of_libraries(entries, b"A" * 2_000_000))
    found = read_elf(file)
    assert found is not None and len(found.needed) == 1000
    assert file.taken < 2 * MOST_NEEDED * LONGEST


@settings(max_examples=300, deadline=None)
@given(
    st.lists(NUMBERS, min_size=3, max_size=3) | st.just([64, 56, 3]),
    st.lists(st.lists(NUMBERS, min_size=7, max_size=7), max_size=3),
    st.lists(st.tuples(st.sampled_from((0, 1, 5, 10, 15, 29)), NUMBERS), max_size=8),
    st.binary(max_size=64),
)
def test_any_header_is_read_within_limits(
    fields: list[int], segments: list[list[int]], entries: list[tuple[int, int]], rest: bytes
) -> None:
    file = Counting(image(fields, segments, dynamic(*entries) + rest))
    read_elf(file)
    assert file.taken < 2 * MOST_NEEDED * LONGEST
    read_elf(io.BytesIO(of_libraries(dynamic(*entries), rest)))


@pytest.mark.parametrize("number", [0xFFFF, 2000])
def test_more_program_headers_than_linux_takes_are_none(number: int) -> None:
    assert read_elf(io.BytesIO(image([64, 56, number], [], b"\0" * 65536 * 60))) is None
