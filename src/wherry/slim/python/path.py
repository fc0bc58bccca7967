"""Where an image's Python finds modules: its folders, and what a name means in them.

Sources: site, sys.path initialization and importlib in Python's library reference; PEP 405, PEP 420.
"""

from __future__ import annotations

import posixpath

from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.slim.files import Files

EXTENSION = pattern(r"\.(?:cpython-\w+(?:-[\w-]+)?|abi3)\.so|\.so")
LONGEST_LINE = 4096


class Found(NamedTuple):
    """`file` is the module's own ("" for a namespace package), `folders` where its submodules are."""

    file: str
    folders: tuple[str, ...] = ()


class SearchPath:
    """`standard` are the folders of the standard library, `sites` those of what is installed, `own` those
    of the program."""

    def __init__(self, files: Files, version: str, prefix: str, own: Sequence[str] = ()) -> None:
        self.files = files
        self.version = version
        library = posixpath.join(prefix, "lib", f"python{version}")
        self.standard = [library, f"{library}/lib-dynload"]
        self.sites = [
            folder
            for folder in (
                f"{library}/site-packages",
                f"{prefix}/local/lib/python{version}/dist-packages",
                f"{prefix}/local/lib/python{version}/site-packages",
                f"{prefix}/lib/python3/dist-packages",
                f"{library}/dist-packages",
            )
            if files.is_folder(folder)
        ]
        self.own = list(own)
        self.started: list[tuple[str, str]] = []
        """(module, the .pth file that imports it) at each start."""
        for folder in tuple(self.sites):
            self._follow_pth(folder)
        self._found: dict[tuple[str, ...], Found | None] = {}

    def add_site(self, folder: str) -> None:
        if folder not in self.sites and self.files.is_folder(folder):
            self.sites.insert(0, folder)
            self._follow_pth(folder)
            self._found.clear()

    def add_own(self, folder: str) -> None:
        if folder not in self.own and self.files.is_folder(folder):
            self.own.append(folder)
            self._found.clear()

    def _follow_pth(self, folder: str) -> None:
        for name in self.files.names(folder):
            if not name.endswith(".pth"):
                continue
            for line in self.files.text(f"{folder}/{name}").splitlines():
                line = line.strip()[:LONGEST_LINE]
                if line.startswith("import"):
                    self.started += [
                        (word.split(".")[0].strip(";,"), f"{folder}/{name}")
                        for word in line.replace(",", " ").split()[1:2]
                    ]
                elif line and not line.startswith("#"):
                    place = posixpath.normpath(posixpath.join(folder, line))
                    if place not in self.sites and self.files.is_folder(place):
                        self.sites.append(place)

    def is_standard(self, path: str) -> bool:
        return path.startswith(self.standard[0] + "/") and "-packages/" not in path

    def folders(self) -> list[str]:
        return [*self.own, *self.standard, *self.sites]

    def find(self, name: str) -> Found | None:
        """What a module's full name means."""
        found: Found | None = None
        folders: Sequence[str] = self.folders()
        for part in name.split("."):
            found = self.below(folders, part)
            if found is None:
                return None
            folders = found.folders
        return found

    def below(self, folders: Sequence[str], name: str) -> Found | None:
        """The module `name` in the first of some folders that has it."""
        if not name.isidentifier():
            return None
        key = (name, *folders)
        if key not in self._found:
            self._found[key] = self._look(folders, name)
        return self._found[key]

    def _look(self, folders: Sequence[str], name: str) -> Found | None:
        parts: list[str] = []
        for folder in folders:
            names = self.files.names(folder)
            place = f"{folder}/{name}"
            if name in names and self.files.is_folder(place):
                inside = self.files.names(place)
                init = next((each for each in inside if _stem(each) == "__init__"), None)
                if init is not None:
                    return Found(f"{place}/{init}", (place,))
                parts.append(place)
            for each in sorted((each for each in names if _stem(each) == name), reverse=True):
                if self.files.is_file(f"{folder}/{each}"):
                    return Found(f"{folder}/{each}")
        return Found("", tuple(parts)) if parts else None

    def compiled(self, path: str) -> str:
        """Where the interpreter keeps a module's bytecode (PEP 3147)."""
        folder, name = posixpath.split(path)
        tag = f"cpython-{self.version.replace('.', '')}"
        return f"{folder}/__pycache__/{name.removesuffix('.py')}.{tag}.pyc"

    def all_below(self, folder: str, left_out: frozenset[str]) -> Iterator[str]:
        """The files of all modules below a folder."""
        for name in self.files.names(folder):
            path = f"{folder}/{name}"
            if self.files.is_folder(path):
                if name not in left_out and name.isidentifier():
                    yield from self.all_below(path, left_out)
            elif name.endswith((".py", ".so")):
                yield path


def _stem(name: str) -> str:
    """The module that a file of this name is; "" for none."""
    if name.endswith((".py", ".pyc")):
        return name.rpartition(".")[0]
    if name.endswith(".so"):
        stem = name.split(".", 1)[0]
        return stem if EXTENSION.fullmatch(name, len(stem)) else ""
    return ""
