"""Whether the program that an image starts can start: the check behind wherry's own lint rules."""

from __future__ import annotations

import posixpath
import stat

from wherry.errors import ContextError
from wherry.programs.libraries import Libraries
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.layers.view import Node, View
    from wherry.oci.platform import Platform

DEEPEST_SCRIPTS = 5
SAME = {("amd64", "386"), ("arm64", "arm")}


class Problem(NamedTuple):
    """A rule's name, the details of its message after what starts the program, and how to mend it."""

    rule: str
    details: tuple[str, ...]
    fix: str


class Start(NamedTuple):
    """How an image starts: `env` by names, `user` as uid and its groups' gids."""

    argv: Sequence[str]
    env: dict[str, str]
    workdir: str
    uid: int
    gids: Sequence[int]
    platform: Platform


def problems(view: View, start: Start) -> list[Problem]:
    """What keeps it from starting; nothing where nothing is started."""
    if not start.argv or not start.argv[0]:
        return []
    return _Check(view, start).program(start.argv[0], 0)


def started(view: View, start: Start) -> Node | None:
    """The file that it starts, a script or a program; None where that cannot start."""
    if not start.argv or not start.argv[0]:
        return None
    return _Check(view, start).started(start.argv[0])


class _Check:
    def __init__(self, view: View, start: Start) -> None:
        self._view = view
        self._start = start
        self._libraries = Libraries(view, start.env.get("LD_LIBRARY_PATH", ""))

    def program(self, name: str, depth: int) -> list[Problem]:
        found = [path for path in self._candidates(name) if self._find(path) is not None]
        if not found:
            where = name if "/" in name else f"{name} (looked for in {self._start.env.get('PATH', '')})"
            return [Problem("ProgramNotFound", (where,), "COPY it into the image, or correct the path")]
        path = next(self._usable(name), found[0])
        refused = self._refused(path)
        if refused:
            fix = "name a file" if refused == "a directory" else f"RUN chmod +x {path}, or COPY --chmod=755"
            return [Problem("ProgramNotExecutable", (path, refused), fix)]
        return self._file(path, depth)

    def started(self, name: str) -> Node | None:
        return next((self._find(path) for path in self._usable(name)), None)

    def _usable(self, name: str) -> Iterator[str]:
        for path in self._candidates(name):
            if self._find(path) is not None and not self._refused(path):
                yield path

    def _candidates(self, name: str) -> list[str]:
        if "/" in name:
            return [posixpath.join("/", self._start.workdir, name)]
        folders = self._start.env.get("PATH", "").split(":")
        return [posixpath.join("/", self._start.workdir, folder, name) for folder in folders]

    def _find(self, path: str) -> Node | None:
        try:
            return self._view.find(path)
        except ContextError:
            return None

    def _refused(self, path: str) -> str:
        node = self._find(path)
        assert node is not None  # noqa: S101
        mode = node.status.st_mode
        if stat.S_ISDIR(mode):
            return "a directory"
        if not stat.S_ISREG(mode):
            return "no regular file"
        if not mode & 0o111:
            return f"not executable (mode {stat.S_IMODE(mode):o})"
        return "" if self._may_execute(node) else f"not executable by uid {self._start.uid}"

    def _may_execute(self, node: Node) -> bool:
        status = node.status
        if self._start.uid == 0:
            return True
        if status.st_uid == self._start.uid:
            return bool(status.st_mode & 0o100)
        if status.st_gid in self._start.gids:
            return bool(status.st_mode & 0o010)
        return bool(status.st_mode & 0o001)

    def _file(self, path: str, depth: int) -> list[Problem]:
        node = self._find(path)
        assert node is not None  # noqa: S101
        with open(node.path, "rb") as file:
            head = file.read(256)
        if head.startswith(b"#!"):
            return self._script(path, head, depth)
        if not head.startswith(b"\x7fELF"):
            return []
        elf = self._libraries.read(node)
        if elf is None:
            return []
        machine = self._start.platform.architecture
        if elf.architecture != machine and (machine, elf.architecture) not in SAME:
            fix = f"build it for {self._start.platform}, or the image with --platform"
            return [Problem("WrongArchitecture", (path, elf.architecture, str(self._start.platform)), fix)]
        if elf.loader and self._libraries.file(elf.loader) is None:
            return [Problem("LoaderNotFound", (path, elf.loader), _loader_fix(elf.loader))]
        return [
            Problem(
                "LibraryNotFound",
                (path, _named(origin, name, path)),
                f"COPY {name} into the image, or install it",
            )
            for origin, name in self._libraries.missing(path, elf)
        ]

    def _script(self, path: str, head: bytes, depth: int) -> list[Problem]:
        line = head[2:].split(b"\n", 1)[0].decode("utf-8", "replace").strip(" \t")
        interpreter = line.split(None, 1)[0] if line.split() else ""
        if not interpreter or depth > DEEPEST_SCRIPTS:
            return []
        if line.endswith("\r"):
            shown = interpreter.rstrip("\r") + "\\r"
            return [
                Problem(
                    "InterpreterNotFound",
                    (path, shown),
                    f"end its lines as Unix does: sed -i 's/\\r$//' {path}",
                )
            ]
        if self._find(posixpath.join("/", self._start.workdir, interpreter)) is None:
            return [
                Problem("InterpreterNotFound", (path, interpreter), f"install {interpreter} in the image")
            ]
        return self.program(posixpath.join("/", self._start.workdir, interpreter), depth + 1)


def _named(origin: str, name: str, path: str) -> str:
    return name if origin == path else f"{name} (for {origin})"


def _loader_fix(loader: str) -> str:
    """glibc programs in an image of another C library are the usual case."""
    if "musl" in loader:
        return "start from a base with musl (alpine), or link it statically"
    return "link it statically (Go: CGO_ENABLED=0), or start from a base with glibc (debian, ubuntu)"
