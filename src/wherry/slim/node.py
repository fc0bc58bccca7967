"""What Node programs load: require and import, by Node's own rules, in the image's folders.

Source: Node's documentation of modules (CommonJS "All together", ESM "Resolution algorithm") and packages
(exports, imports).
"""

from __future__ import annotations

import json
import posixpath

from wherry.pattern import pattern
from wherry.slim.elf import named
from wherry.slim.entry import folder_of_program
from wherry.slim.reason import CERTAIN, LIKELY
from wherry.slim.scripts import interpreter_name
from wherry.slim.words import paths
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from wherry.layers.view import Node
    from wherry.slim.closure import Closure

PROGRAMS = ("node", "nodejs")
SOURCES = (".js", ".cjs", ".mjs")
ENDINGS = ("", ".js", ".json", ".node", ".mjs", ".cjs")
LOADED = pattern(
    r"""(?:\brequire(?:\.resolve)?\s*\(\s*|\bimport\s*\(\s*|\bfrom\s+|\bimport\s+)(["'`])([^"'`\n$]{1,200})\1"""
)
DYNAMIC = pattern(r"\brequire\s*\(\s*[^\"'`)\s]|\bimport\s*\(\s*[^\"'`)\s]|readdirSync\(")
# Where Debian's node looks, beside node_modules.
SHARED = (
    "/usr/share/nodejs",
    "/usr/lib/nodejs",
    "/usr/lib/x86_64-linux-gnu/nodejs",
    "/usr/local/lib/node_modules",
)
LEFT_OUT = frozenset(
    ("node_modules", "test", "tests", "__tests__", "docs", "doc", "example", "examples", ".git")
)
FOR_PEOPLE = (".md", ".ts", ".map", ".markdown")
MOST_TARGETS = 1000


class Reader:
    """Of one closure.  Files that come before their interpreter wait for it: without it they are data."""

    def __init__(self) -> None:
        self._whole: set[str] = set()
        self._waiting: list[Node] = []
        self._is_there = False

    def __call__(self, closure: Closure, node: Node, head: bytes) -> None:
        if posixpath.basename(node.name) in PROGRAMS and head.startswith(b"\x7fELF"):
            self._is_there = True
        elif node.name.endswith(SOURCES) or interpreter_name(head) in PROGRAMS:
            self._waiting.append(node)
        if self._is_there:
            for each in self._waiting:
                self._module(closure, each)
            self._waiting.clear()

    def _module(self, closure: Closure, node: Node) -> None:
        folder = "/" + posixpath.dirname(node.name)
        text = closure.files.text(f"/{node.name}")
        package = _package(closure, folder)
        if package:
            closure.keep(f"{package}/package.json", "its package", node.name)
        if closure.starts(node):
            folder_of_program(closure, package or folder, node.name)
        for found in LOADED.finditer(text):
            self._load(closure, node, folder, found.group(2))
        installed = "node_modules/" in node.name or f"/{node.name}".startswith(SHARED)
        if package and installed and package not in self._whole and DYNAMIC.search(text):
            self._whole.add(package)
            for path in closure.files.inside(package, LEFT_OUT):
                if path.endswith(FOR_PEOPLE):
                    continue
                closure.keep(path, "of a package that loads by names made while it runs", node.name, LIKELY)
        if not installed:
            for path in paths(text):
                named(closure, path, node.name)

    def _load(self, closure: Closure, node: Node, folder: str, name: str) -> None:
        name = name.removeprefix("node:")
        if name.startswith("#"):
            package = _package(closure, folder)
            for path in _exported(closure, package, name, "imports"):
                closure.keep(path, f"import of {name}", node.name)
        elif name.startswith((".", "/")):
            self._file(closure, node, posixpath.normpath(posixpath.join(folder, name)), name)
        else:
            self._package(closure, node, folder, name)

    def _file(self, closure: Closure, node: Node, path: str, name: str) -> bool:
        """LOAD_AS_FILE and LOAD_AS_DIRECTORY."""
        for ending in ENDINGS:
            if closure.files.is_file(path + ending):
                closure.keep(path + ending, f"require of {name}", node.name, CERTAIN)
                return True
        main = _json(closure, f"{path}/package.json").get("main")
        tried = [posixpath.join(path, main)] if isinstance(main, str) and main else []
        for place in (*tried, *(f"{each}/index" for each in (*tried, path))):
            for ending in ENDINGS:
                if closure.files.is_file(place + ending):
                    if closure.files.is_file(f"{path}/package.json"):
                        closure.keep(f"{path}/package.json", f"require of {name}", node.name)
                    closure.keep(place + ending, f"require of {name}", node.name, CERTAIN)
                    return True
        return False

    def _package(self, closure: Closure, node: Node, folder: str, name: str) -> None:
        """LOAD_NODE_MODULES: from the file's folder upwards, and then the shared ones."""
        parts = name.split("/")
        top = "/".join(parts[: 2 if name.startswith("@") else 1])
        inner = name.removeprefix(top)
        for place in _places(closure, folder, self._node_path(closure)):
            if top not in closure.files.names(place) and not closure.files.is_folder(f"{place}/{top}"):
                if closure.files.is_file(f"{place}/{name}.js"):
                    closure.keep(f"{place}/{name}.js", f"require of {name}", node.name)
                    return
                continue
            package = f"{place}/{top}"
            exported = list(_exported(closure, package, f".{inner}", "exports"))
            for path in exported:
                closure.keep(path, f"require of {name}", node.name)
            if exported:
                closure.keep(f"{package}/package.json", f"require of {name}", node.name)
            if self._file(closure, node, package + inner, name) or exported:
                return

    def _node_path(self, closure: Closure) -> list[str]:
        return [each for each in closure.start.env.get("NODE_PATH", "").split(":") if each]


def _places(closure: Closure, folder: str, given: list[str]) -> Iterator[str]:
    while True:
        if posixpath.basename(folder) != "node_modules" and "node_modules" in closure.files.names(folder):
            yield posixpath.join(folder, "node_modules")
        if folder == "/":
            break
        folder = posixpath.dirname(folder)
    yield from (each for each in (*given, *SHARED) if closure.files.is_folder(each))


def _package(closure: Closure, folder: str) -> str:
    """The nearest folder above with a package.json; "" where there is none."""
    while folder != "/":
        if "package.json" in closure.files.names(folder):
            return folder
        folder = posixpath.dirname(folder)
    return ""


def _json(closure: Closure, path: str) -> dict[str, Any]:
    try:
        value = json.loads(closure.files.text(path) or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _exported(closure: Closure, package: str, name: str, key: str) -> Iterator[str]:
    """The files that a package gives for a name, under any condition; of a pattern those that are there."""
    value = _json(closure, f"{package}/package.json").get(key)
    if isinstance(value, str | list) or (isinstance(value, dict) and not any(_is_name(k) for k in value)):
        value = {".": value}
    if not isinstance(value, dict):
        return
    for pattern_, targets in value.items():
        before, star, after = str(pattern_).partition("*")
        if not star and name != pattern_:
            continue
        if star and not (
            name.startswith(before) and name.endswith(after) and len(name) >= len(before + after)
        ):
            continue
        middle = name[len(before) : len(name) - len(after)] if star else ""
        for target in _targets(targets):
            path = posixpath.normpath(posixpath.join(package, target.replace("*", middle)))
            if path.startswith(package + "/") and closure.files.is_file(path):
                yield path


def _is_name(key: object) -> bool:
    return str(key).startswith((".", "#"))


def _targets(value: object) -> list[str]:
    found: list[str] = []
    waiting = [value]
    while waiting and len(found) < MOST_TARGETS:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
    return found
