"""Where the loader of an image looks for libraries.  Source: ld.so(8); for musl, its ldso/dynlink.c."""

from __future__ import annotations

import os
import posixpath
import stat
from itertools import chain

from wherry.errors import ContextError
from wherry.programs.cache import libraries
from wherry.programs.elf import Elf, read_elf
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.layers.view import Node, View

TRIPLETS = {
    "amd64": ("x86_64-linux-gnu",),
    "386": ("i386-linux-gnu",),
    "arm64": ("aarch64-linux-gnu",),
    "arm": ("arm-linux-gnueabihf", "arm-linux-gnueabi"),
    "ppc64le": ("powerpc64le-linux-gnu",),
    "riscv64": ("riscv64-linux-gnu",),
    "s390x": ("s390x-linux-gnu",),
}
WIDE = ("amd64", "arm64", "ppc64le", "riscv64", "s390x")
MUSL = ("/lib", "/usr/local/lib", "/usr/lib")
CONFIG = "/etc/ld.so.conf"
CACHE = "/etc/ld.so.cache"
LARGEST = 1 << 20
MOST = 2000
"""Libraries of one program, and files of the loader's configuration."""


class Need(NamedTuple):
    """A library that the file `by` names, and the path by which the loader finds it; None: it does not."""

    by: str
    name: str
    place: str | None


class _Needing(NamedTuple):
    """A program or library that needs others: `shown` is its file, `place` the path by which it was found,
    `inherited` the folders of the DT_RPATH of those that need it."""

    shown: str
    place: str
    elf: Elf
    inherited: Sequence[str] = ()

    def rpath(self, program: Elf) -> Sequence[str]:
        """The folders of its own DT_RPATH, and those above."""
        return [*_expanded(self.elf.rpath, self.place, program), *self.inherited]


class Libraries:
    """Finds what programs of one image need.  `env` is its environment's LD_LIBRARY_PATH."""

    def __init__(self, view: View, env: str = "") -> None:
        self._view = view
        self._env = [folder for folder in env.replace(";", ":").split(":") if folder]
        self._configured: list[str] | None = None
        self._cache: dict[str, list[str]] | None = None
        self._read: dict[str, Elf | None] = {}
        self._files: dict[str, Node | None] = {}

    def missing(self, path: str, elf: Elf) -> Iterator[tuple[str, str]]:
        """(who needs it, its name) of every library that is not in the image, nearest first."""
        return ((need.by, need.name) for need in self.needs(path, elf) if need.place is None)

    def needs(self, path: str, elf: Elf) -> Iterator[Need]:
        """Every library of a program and of its libraries, nearest first.

        As in ld.so, $ORIGIN of a program is the folder of the file that the kernel started, links followed;
        of a library it is the folder in which it was found, which may be that of a link.
        """
        program = self.file(path)
        waiting = [_Needing(path, f"/{program.name}" if program else path, elf)]
        seen: set[str] = set()
        while waiting and len(seen) < MOST:
            one = waiting.pop(0)
            for name in one.elf.needed:
                if name in seen:
                    continue
                seen.add(name)
                found = self._find(name, one, elf)
                if found is None:
                    yield Need(one.shown, name, None)
                    continue
                place, node = found
                yield Need(one.shown, name, place)
                below = self.read(node)
                if below is not None:
                    # DT_RPATH of a program is for the libraries of its libraries, too.
                    waiting.append(_Needing(f"/{node.name}", place, below, one.rpath(elf)))

    def opened(self, name: str, path: str, elf: Elf) -> str | None:
        """Where dlopen(3) finds the library `name` for the file `path`, which is `elf`; None: nowhere."""
        found = self._find(name, _Needing(path, path, elf), elf)
        return found[0] if found is not None else None

    def read(self, node: Node) -> Elf | None:
        """Each file is read once."""
        if node.path not in self._read:
            self._read[node.path] = _read(node.path)
        return self._read[node.path]

    def _find(self, name: str, one: _Needing, program: Elf) -> tuple[str, Node] | None:
        """Where a library is looked for and found, and its file."""
        if "/" in name:
            node = self.file(name)
            return (name, node) if node is not None else None
        folders = (
            [*self._env, *_expanded(one.elf.runpath, one.place, program)]
            if one.elf.runpath
            else [*one.rpath(program), *self._env]
        )
        places = (posixpath.join(folder, name) for folder in (*folders, *self._defaults(program)))
        for place in chain(places, self._cached(name)):
            node = self.file(place)
            if node is not None:
                found = self.read(node)
                if found is None or found.architecture == program.architecture:
                    return place, node
        return None

    def _cached(self, name: str) -> Iterator[str]:
        """Where ldconfig once found it: an image may have that cache and no configuration."""
        if self._cache is None:
            node = self.file(CACHE)
            self._cache = {}
            if node is not None and node.status.st_size <= LARGEST:
                with open(node.path, "rb") as file:
                    self._cache = libraries(file.read())
        yield from self._cache.get(name, ())

    def file(self, path: str) -> Node | None:
        """A regular file of the image, links followed inside it."""
        if path not in self._files:
            self._files[path] = self._find_file(path)
        return self._files[path]

    def _find_file(self, path: str) -> Node | None:
        try:
            node = self._view.find(path)
        except ContextError:
            return None
        return node if node is not None and stat.S_ISREG(node.status.st_mode) else None

    def _defaults(self, program: Elf) -> Sequence[str]:
        if "musl" in posixpath.basename(program.loader):
            return self._musl(program)
        triplets = TRIPLETS.get(program.architecture, ())
        folders = [f"{top}/{triplet}" for triplet in triplets for top in ("/lib", "/usr/lib")]
        if program.architecture in WIDE:
            folders += ["/lib64", "/usr/lib64"]
        return [*self._config(), *folders, "/lib", "/usr/lib", "/usr/local/lib"]

    def _musl(self, program: Elf) -> Sequence[str]:
        """The folders of /etc/ld-musl-ARCH.path, where there is one."""
        name = posixpath.basename(program.loader).removesuffix(".so.1")
        text = self._text(f"/etc/{name}.path")
        folders = [f for line in text.splitlines() for f in line.split(":") if f.startswith("/")]
        return folders or MUSL

    def _config(self) -> list[str]:
        if self._configured is None:
            self._configured = list(self._lines(CONFIG, set()))
        return self._configured

    def _lines(self, path: str, seen: set[str]) -> Iterator[str]:
        if path in seen or len(seen) > MOST:
            return
        seen.add(path)
        for line in self._text(path).splitlines():
            word = line.partition("#")[0].strip()
            if word.startswith("include "):
                pattern = posixpath.join(posixpath.dirname(path), word.split(None, 1)[1])
                for each in self._glob(pattern):
                    yield from self._lines(each, seen)
            elif word.startswith("/"):
                yield word

    def _glob(self, pattern: str) -> list[str]:
        from wherry.dockerfile import glob

        folder, name = posixpath.split(pattern)
        try:
            node = self._view.find(folder)
            names = self._view.list(node) if node is not None and node.is_folder else []
            return [f"{folder}/{each}" for each in names if glob.match(name, each)]
        except ContextError:
            return []

    def _text(self, path: str) -> str:
        node = self.file(path)
        if node is None or node.status.st_size > LARGEST:
            return ""
        with open(node.path, encoding="utf-8", errors="replace") as file:
            return file.read()


def _read(path: str) -> Elf | None:
    try:
        with open(path, "rb") as file:
            return read_elf(file)
    except OSError:
        return None


def _expanded(folders: str, origin: str, program: Elf) -> list[str]:
    lib = "lib64" if program.architecture in WIDE else "lib"
    here = posixpath.dirname(origin)
    found = []
    for folder in filter(None, folders.split(":")):
        for name, value in (("ORIGIN", here), ("LIB", lib), ("PLATFORM", os.uname().machine)):
            folder = folder.replace("${" + name + "}", value).replace("$" + name, value)
        found.append(folder)
    return found
