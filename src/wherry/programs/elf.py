"""The header of an ELF file, as far as it says what the program needs.  Whatever the bytes are."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import IO


MAGIC = b"\x7fELF"
# e_machine -> GOARCH (elf.h).
MACHINES = {
    "EM_X86_64": "amd64",
    "EM_386": "386",
    "EM_AARCH64": "arm64",
    "EM_ARM": "arm",
    "EM_PPC64": "ppc64le",
    "EM_RISCV": "riscv64",
    "EM_S390": "s390x",
    "EM_LOONGARCH": "loong64",
    "EM_MIPS": "mips64le",
}
MOST_NEEDED = 1024
LONGEST = 4096


class Elf(NamedTuple):
    """`loader` is PT_INTERP's, "" for a program that needs none; `needed` are the names of libraries.

    `rpath` and `runpath` as they are written, with $ORIGIN.
    """

    architecture: str
    loader: str = ""
    needed: tuple[str, ...] = ()
    rpath: str = ""
    runpath: str = ""


def read_elf(file: IO[bytes]) -> Elf | None:
    """None for what is no ELF file, or a damaged one: the kernel refuses it, too."""
    from elftools.common.exceptions import ELFError
    from elftools.construct.core import ConstructError
    from elftools.elf.dynamic import DynamicSegment
    from elftools.elf.elffile import ELFFile
    from elftools.elf.segments import InterpSegment

    damaged = (
        ELFError,
        ConstructError,
        ArithmeticError,
        LookupError,
        ValueError,
        TypeError,
        AttributeError,
    )
    try:
        elf = ELFFile(file)
        machine = str(elf["e_machine"])
        found = Elf(MACHINES.get(machine, machine))
        for _, segment in zip(range(LONGEST), elf.iter_segments(), strict=False):
            if isinstance(segment, InterpSegment) and segment["p_filesz"] <= LONGEST:
                found = found._replace(loader=str(segment.get_interp_name()))
            elif isinstance(segment, DynamicSegment):
                found = _dynamic(segment, found)
    except (*damaged, AssertionError, MemoryError, OSError):
        return None
    return found


def _dynamic(segment: object, found: Elf) -> Elf:
    needed = []
    for number, tag in enumerate(segment.iter_tags()):  # type: ignore[attr-defined]
        if number > MOST_NEEDED:
            break
        if tag.entry.d_tag == "DT_NEEDED":
            needed.append(str(tag.needed))
        elif tag.entry.d_tag == "DT_RPATH":
            found = found._replace(rpath=str(tag.rpath))
        elif tag.entry.d_tag == "DT_RUNPATH":
            found = found._replace(runpath=str(tag.runpath))
    return found._replace(needed=tuple(needed))
