"""What ELF files need: loader, libraries and their variants, what they open by name, the paths in them."""

from __future__ import annotations

import io
import posixpath

from wherry.programs.elf import MAGIC, read_elf
from wherry.slim.reason import CERTAIN, GUESS, LIKELY
from wherry.slim.words import binary_libraries, binary_paths
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.view import Node
    from wherry.programs.elf import Elf
    from wherry.slim.closure import Closure

# Names of functions as they stand in a table of symbols.
OPENS = b"dlopen\0"
SHELLS = (b"\0system\0", b"\0popen\0")
SHELL = "/bin/sh"
CACHE = "/etc/ld.so.cache"
MOST_PATHS = 20_000
# Their readers know what of their folders is used.
INTERPRETERS = ("usr/bin/perl", "usr/bin/python", "usr/local/bin/python", "usr/bin/ruby", "usr/bin/node",
                "usr/lib/python3", "usr/local/lib/python3")  # fmt: skip
# The C library's own paths are for what few programs ask of it; the rules of `system` know which.
# Below a folder of its own a package has these for those who build against it.
FOR_BUILDERS = frozenset(
    ("include", "pkgconfig", "cmake", "pgxs", "aclocal", "bitcode", "doc", "man", "examples")
)
OF_THE_SYSTEM = ("ld-linux", "ld-musl", "libc.so", "libc-", "ld-2", "libpthread", "libnss_", "libresolv")
# Folders of everybody's: that a program names one says nothing of what is in it.
COMMON = frozenset(
    (
        *(
            "bin",
            "boot",
            "dev",
            "etc",
            "home",
            "lib",
            "lib64",
            "media",
            "mnt",
            "opt",
            "proc",
            "root",
            "run",
        ),
        *("sbin", "srv", "sys", "tmp", "usr", "usr/bin", "usr/games", "usr/include", "usr/lib"),
        *("usr/lib64", "usr/libexec", "usr/local", "usr/local/bin", "usr/local/etc", "usr/local/lib"),
        *("usr/local/sbin", "usr/local/share", "usr/sbin", "usr/share", "usr/src", "var", "var/cache"),
        *("var/lib", "var/log", "var/run", "var/spool", "var/tmp", "usr/share/locale", "usr/share/doc"),
        *("usr/share/man", "usr/share/info", "etc/ssl", "usr/share/misc", "etc/default", "etc/init.d"),
        *("usr/lib/locale", "usr/share/i18n", "usr/share/zoneinfo"),
    )
)


def read(closure: Closure, node: Node, head: bytes) -> None:
    if not head.startswith(MAGIC):
        return
    data = closure.files.data(node)
    elf = read_elf(io.BytesIO(data))
    if elf is None:
        return
    _links(closure, node, elf)
    if not posixpath.basename(node.name).startswith(OF_THE_SYSTEM):
        _opens(closure, node, elf, data)
        _names(closure, node, data)


def _links(closure: Closure, node: Node, elf: Elf) -> None:
    """What the loader itself follows."""
    if elf.loader:
        closure.loader = closure.loader or elf.loader
        closure.keep(elf.loader, "its loader", node.name)
        closure.keep(CACHE, "where its loader looks for libraries", node.name, LIKELY)
    if not elf.loader and not closure.first(f"walked {node.name}"):
        return  # with the program that needs it, whose folders count
    confidence = closure.confidence(node.name)
    for need in closure.libraries.needs(f"/{node.name}", elf._replace(loader=elf.loader or closure.loader)):
        if need.place is None:
            closure.lacks(f"{need.name} (for {need.by})", need.name)
        else:
            library(closure, need.place, f"library {need.name}", need.by.lstrip("/"), confidence)


def library(closure: Closure, place: str, rule: str, by: str, confidence: int = CERTAIN) -> None:
    """A library, and its variants for processors that can do more (ld.so(8), glibc-hwcaps)."""
    closure.keep(place, rule, by, confidence)
    found = closure.files.find(place)
    if found is not None:
        closure.first(f"walked {found.name}")
    folder, name = posixpath.split(place)
    if "glibc-hwcaps" in closure.files.names(folder):
        for variant in closure.files.names(f"{folder}/glibc-hwcaps"):
            other = f"{folder}/glibc-hwcaps/{variant}/{name}"
            if closure.files.is_file(other):
                closure.keep(other, f"{rule} on {variant}", by, confidence)


def _opens(closure: Closure, node: Node, elf: Elf, data: bytes) -> None:
    """Libraries that it opens while it runs, by the names in it.  A static program has the words of the C
    library in it, and no loader to open anything with."""
    if OPENS not in data or not (elf.loader or elf.needed):
        return
    searched = elf._replace(loader=elf.loader or closure.loader)
    for name in binary_libraries(data):
        known = name in elf.needed
        place = None if known else closure.libraries.opened(name, f"/{node.name}", searched)
        if place is not None:
            opened(closure, place, f"opened as {name}", node.name)


def opened(closure: Closure, place: str, rule: str, by: str) -> None:
    """A library that is loaded later; it is looked at when it is kept, and what it needs with it."""
    closure.keep(place, rule, by, LIKELY)


def _names(closure: Closure, node: Node, data: bytes) -> None:
    """Files whose paths are in it; a folder of its own package with all that is in it."""
    if any(name in data for name in SHELLS):
        closure.keep(SHELL, "it starts commands", node.name, GUESS if _is_library(node.name) else LIKELY)
    for number, path in enumerate(binary_paths(data)):
        if number >= MOST_PATHS:
            break
        named(closure, path, node.name)


def _used_below(closure: Closure, folder: str) -> Iterator[str]:
    """Everything below a folder but what builders need."""
    for name in closure.files.names(folder):
        if name not in FOR_BUILDERS:
            path = f"{folder}/{name}"
            yield path
            node = closure.files.view.find(path, follow_last=False)
            if node is not None and node.is_folder:
                yield from _used_below(closure, path)


def _is_library(name: str) -> bool:
    return ".so" in posixpath.basename(name)


def named(closure: Closure, path: str, by: str, rule: str = "its path is in it") -> None:
    """A path in a program: that of a program is a guess (a default that settings replace), of other files
    it is likely.  What a library or an interpreter may open is not what this program does."""
    found = closure.files.find(path)
    if found is None or not found.name:
        return
    if not found.is_folder:
        closure.keep(path, rule, by, GUESS if found.status.st_mode & 0o111 else LIKELY)
    elif found.name in COMMON:
        return
    elif not _is_library(by) and not by.startswith(INTERPRETERS) and closure.owns(by, found.name):
        closure.keep(path, rule, by, LIKELY)
        if FOR_BUILDERS.isdisjoint(found.name.split("/")) and closure.first(f"below {found.name}"):
            for each in _used_below(closure, f"/{found.name}"):
                closure.keep(each, f"below /{found.name}, which is in it and of its package", by, LIKELY)
    else:
        closure.keep(path, rule, by, LIKELY)
