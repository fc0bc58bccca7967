"""The C libraries and loaders of an image, and what its program needs of them.

Sources: ld.so(8); musl's and uClibc-ng's names of their loaders; glibc's banner in libc.so.6.
"""

from __future__ import annotations

import posixpath
import stat

from wherry.compare.model import Libc, Program
from wherry.errors import ContextError
from wherry.oci.config import DEFAULT_PATH
from wherry.pattern import pattern
from wherry.programs.libraries import Libraries
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from wherry.layers.view import Node, View
    from wherry.packages.package import Package

LOADERS = (
    ("musl", pattern(r"ld-musl-[A-Za-z0-9_]+\.so\.1")),
    ("uclibc", pattern(r"ld(?:64)?-uClibc(?:-[0-9.]+)?\.so(?:\.[0-9])?")),
    ("glibc", pattern(r"ld(?:-linux[A-Za-z0-9_-]*|64)?\.so\.[12]")),
)
FOLDERS = frozenset(("lib", "lib32", "lib64", "libx32", "usr/lib", "usr/lib32", "usr/lib64", "usr/libx32"))
GLIBC = pattern(rb"GNU C Library [^\n\0]{0,200}?version ([0-9]+\.[0-9]+[0-9.]*[0-9])")
UCLIBC = pattern(r"(?:libuClibc|ld(?:64)?-uClibc)-([0-9]+(?:\.[0-9]+)+)\.so")
LARGEST = 1 << 25
"""Bytes of a C library that are searched for its version."""
HEAD = 256
MOST_SCRIPTS = 5


def loader_kind(name: str) -> str:
    """Whose loader a file is, by its path; "" for another file."""
    folder, _, base = name.rpartition("/")
    if folder not in FOLDERS and posixpath.dirname(folder) not in FOLDERS:
        return ""
    return next((kind for kind, names in LOADERS if names.fullmatch(base)), "")


def libcs(view: View, names: Iterable[str], packages: Iterable[Package]) -> tuple[Libc, ...]:
    """By the loaders among the `names` of a view's files: each once, by the shortest of its names."""
    found: dict[str, Libc] = {}
    for name in sorted(names, key=lambda name: (len(name), name)):
        kind = loader_kind(name)
        node = _file(view, f"/{name}") if kind else None
        if node is not None and node.name not in found:
            found[node.name] = Libc(kind, _version(view, kind, node, packages), f"/{name}")
    return tuple(sorted(found.values()))


def _version(view: View, kind: str, loader: Node, packages: Iterable[Package]) -> str:
    if kind == "glibc":
        return _glibc(view, loader)
    if kind == "uclibc":
        named = UCLIBC.fullmatch(posixpath.basename(loader.name))
        return named[1] if named else ""
    # musl says its version only when it is started: its package is asked.
    found = [
        each.version for each in packages if each.name == "musl" and each.kind in ("apk", "deb", "rpm")
    ]
    return found[0].partition("-")[0] if found else ""


def _glibc(view: View, loader: Node) -> str:
    """libc.so.6 lies where its loader does, or in the folder that the loader's link leads to."""
    node = _file(view, f"/{posixpath.dirname(loader.name)}/libc.so.6")
    if node is None:
        return ""
    with open(node.path, "rb") as file:
        found = GLIBC.search(file.read(LARGEST))
    return found[1].decode() if found else ""


def program(view: View, config: Mapping[str, Any]) -> Program | None:
    """What ENTRYPOINT, or else CMD, starts; None where that is nothing, or not in the image."""
    words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    env = dict(each.partition("=")[::2] for each in config.get("Env") or ())
    workdir = config.get("WorkingDir") or "/"
    script, word = "", words[0] if words else ""
    for _ in range(MOST_SCRIPTS):
        found = _found(view, word, workdir, env.get("PATH", DEFAULT_PATH))
        if found is None:
            return None
        path, node = found
        with open(node.path, "rb") as file:
            head = file.read(HEAD)
        line = head[2:].partition(b"\n")[0].decode("utf-8", "replace").split()
        if not head.startswith(b"#!") or not line:
            elf = Libraries(view).read(node)
            return Program(path, elf.loader if elf else "", script, elf is not None)
        script, word = script or path, line[0]
    return None


def _found(view: View, word: str, workdir: str, path: str) -> tuple[str, Node] | None:
    """A program by its name, and its file."""
    folders = [""] if "/" in word else path.split(":")
    for folder in folders if word else ():
        place = posixpath.join("/", workdir, folder, word)
        node = _file(view, place)
        if node is not None:
            return place, node
    return None


def _file(view: View, path: str) -> Node | None:
    """A regular file, links followed inside the image."""
    try:
        node = view.find(path)
    except ContextError:
        return None
    return node if node is not None and stat.S_ISREG(node.status.st_mode) else None
