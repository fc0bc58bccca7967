"""What `strip` would take: of what compilers write, and of what nobody's compiler writes."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.programs import compile_
from wherry.explore.contents import Part
from wherry.explore.skimmed import ENDS, skimmed
from wherry.programs.symbols import Symbols, symbols

LOADED, CODE, SYMTAB, STRTAB, NOBITS = 2, 1, 2, 3, 8
MAIN = "int main(void){return 0;}"


def of_file(path: Path) -> Symbols | None:
    return Part(str(path), 0, path.stat().st_size).symbols()


def passing(data: bytes, piece: int) -> Symbols | None:
    return skimmed((data[at : at + piece] for at in range(0, len(data), piece)), None, 0).symbols()


def written(
    *sections: tuple[bytes, int, int, bytes], kind: int = 3, form: str = "<", gap: int = 0
) -> bytes:
    """A program with these sections (name, type, flags, bytes), its table first and the names last, as Go's
    linker writes them; `gap` bytes lie between."""
    names = b"\0" + b"".join(name + b"\0" for name, *_ in sections) + b".names\0"
    number = len(sections) + 2
    place = 64 + 64 * number + gap
    entries, data = [bytes(64)], bytes(gap)
    for name, what, flags, body in [*sections, (b".names", STRTAB, 0, names)]:
        link = 2 if what == SYMTAB else 0
        at = names.index(name + b"\0")
        entries.append(
            struct.pack(form + "IIQQQQIIQQ", at, what, flags, 0, place, len(body), link, 0, 1, 0)
        )
        place, data = place + len(body), data + body
    head = b"\x7fELF\2" + (b"\1" if form == "<" else b"\2") + b"\1".ljust(10, b"\0")
    head += struct.pack(form + "HHIQQQIHHHHHH", kind, 62, 1, 0, 0, 64, 0, 64, 56, 0, 64, number, number - 1)
    return head + b"".join(entries) + data


WITH_SYMBOLS = (
    (b".symtab", SYMTAB, 0, bytes(480)),
    (b".strtab", STRTAB, 0, bytes(100)),
    (b".debug_info", CODE, 0, bytes(3000)),
    (b".debug_gdb_scripts", CODE, LOADED, bytes(30)),
    (b".comment", CODE, 0, bytes(70)),
    (b".debug_none", NOBITS, 0, b""),
)


@pytest.mark.parametrize("flags", [("-g",), ("-g", "-shared"), ("-g0", "-static"), ("-g", "-gz")])
def test_it_is_what_strip_takes(tmp_path: Path, flags: tuple[str, ...]) -> None:
    program = compile_(tmp_path / "app", MAIN, *flags)
    found, before = of_file(program), program.stat().st_size
    subprocess.run(["strip", program], check=True, timeout=60)
    taken = before - program.stat().st_size
    assert found is not None and not found.is_go
    # strip drops their entries of the section table and pads anew, besides.
    assert 0 <= taken - found.size < 2048
    assert of_file(program) is None


@pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")
def test_go_s_own_linker_is_known(tmp_path: Path) -> None:
    (tmp_path / "main.go").write_text("package main\nfunc main() { println(1) }\n")
    for name, flags in (("whole", ""), ("stripped", "-s -w")):
        command = ["go", "build", f"-ldflags={flags}", "-o", tmp_path / name, tmp_path / "main.go"]
        subprocess.run(command, check=True, timeout=300)
    found = of_file(tmp_path / "whole")
    assert found is not None and found.is_go and found.size > 100_000
    assert of_file(tmp_path / "stripped") is None


@pytest.mark.parametrize("form", ["<", ">"])
def test_what_is_loaded_and_what_has_no_bytes_does_not_count(form: str) -> None:
    data = written(*WITH_SYMBOLS, form=form)
    assert symbols(lambda at, size: data[at : at + size], len(data)) == Symbols(3580)


def test_an_object_for_linkers_keeps_its_symbols() -> None:
    data = written(*WITH_SYMBOLS, kind=1)
    assert symbols(lambda at, size: data[at : at + size], len(data)) is None


@pytest.mark.parametrize("piece", [1000, 1 << 16, ENDS - 1, 1 << 18, 1 << 22])
@pytest.mark.parametrize("gap", [ENDS - 700, 2 * ENDS, 3 * ENDS + 5])
def test_a_program_that_passes_by_tells_the_same(tmp_path: Path, piece: int, gap: int) -> None:
    """Its names lie in the middle, where neither end has them."""
    data = written(*WITH_SYMBOLS, gap=gap) + bytes(2 * ENDS)
    (tmp_path / "app").write_bytes(data)
    assert passing(data, piece) == of_file(tmp_path / "app") == Symbols(3580)


def test_of_a_program_of_a_compiler_that_passes_by(tmp_path: Path) -> None:
    program = compile_(tmp_path / "app", MAIN, "-g", "-static")
    assert program.stat().st_size > 3 * ENDS
    assert passing(program.read_bytes(), 1 << 18) == of_file(program) is not None


NUMBERS = st.integers(0, 2**64 - 1) | st.sampled_from((0, 1, 64, 2**32, 2**63, 2**64 - 1))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=9)), max_size=8), NUMBERS)
def test_damaged_files_give_no_more_than_they_are(patches: list[tuple[int, bytes]], number: int) -> None:
    data = bytearray(written(*WITH_SYMBOLS))
    for at, patch in [*patches, (40, struct.pack("<Q", number))] if number % 3 else patches:
        data[at : at + len(patch)] = patch
    part = bytes(data)

    def at(place: int, size: int) -> bytes:
        assert size <= 1 << 16, "more is read than programs have"
        return part[place : place + size]

    found = symbols(at, len(part))
    assert found is None or 0 < found.size <= len(part)


def test_a_place_behind_the_end_is_nothing(tmp_path: Path) -> None:
    """Of a file on the disk, too, where no offset may be larger than the kernel's."""
    data = bytearray(written(*WITH_SYMBOLS))
    (tmp_path / "app").write_bytes(data[:40] + b"\xff" * 8 + data[48:])
    assert of_file(tmp_path / "app") is None
