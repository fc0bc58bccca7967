"""What nginx reads: its configuration with all that it includes, its modules, the folders that it serves.

Source: nginx's documentation of the core module (include, load_module) and of ./configure.
"""

from __future__ import annotations

import posixpath

from wherry.pattern import pattern
from wherry.slim.reason import CERTAIN, LIKELY
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.view import Node
    from wherry.slim.closure import Closure

TOKEN = pattern(
    r"""\s*(?:\#[^\n]*|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([;{}])|((?:[^\s;{}"'\\]|\\.)+))"""
)
BUILT = pattern(rb"--(prefix|conf-path|modules-path)=([^\s'\0]+)")
SERVED = frozenset(("root", "alias"))
MOST_FILES = 5000
MOST_TOKENS = 1_000_000


def directives(text: str) -> Iterator[tuple[str, ...]]:
    """The words of each directive, those with a block and those without."""
    words: list[str] = []
    for number, found in enumerate(TOKEN.finditer(text)):
        if number > MOST_TOKENS:
            return
        double, single, end, bare = found.groups()
        if end:
            if words:
                yield tuple(words)
            words = []
        else:
            word = next((each for each in (double, single, bare) if each is not None), None)
            if word is not None:
                words.append(word)


def read(closure: Closure, node: Node, head: bytes) -> None:
    if posixpath.basename(node.name) != "nginx" or not head.startswith(b"\x7fELF"):
        return
    data = closure.files.data(node)
    built = {key.decode(): value.decode("utf-8", "replace") for key, value in BUILT.findall(data)}
    argv = list(closure.start.argv)
    prefix = _option(argv, "-p") or built.get("prefix", "/usr/local/nginx")
    conf = _option(argv, "-c") or built.get("conf-path", "conf/nginx.conf")
    main = posixpath.join(prefix, conf)
    folders = (posixpath.dirname(main), prefix)
    # Started by another program it may be given another file.
    first = closure.command(argv[0]) if argv else None
    found = closure.files.find(first) if first is not None else None
    confidence = CERTAIN if found is not None and found.name == node.name else LIKELY
    _Configuration(closure, *folders).follow(main, node.name, confidence=confidence)


def _option(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1] if name in argv[:-1] else ""


class _Configuration:
    """Names are relative to the folder of the main file, those of modules and documents to the prefix."""

    def __init__(self, closure: Closure, folder: str, prefix: str) -> None:
        self._closure = closure
        self._folder = folder
        self._prefix = prefix
        self._seen: set[str] = set()

    def follow(
        self, path: str, by: str, rule: str = "its configuration", confidence: int = CERTAIN
    ) -> None:
        if path in self._seen or len(self._seen) > MOST_FILES:
            return
        self._seen.add(path)
        self._closure.keep(path, rule, by, confidence)
        node = self._closure.files.find(path)
        name = node.name if node is not None else by
        for words in directives(self._closure.files.text(path)):
            self._directive(words, name)

    def _directive(self, words: tuple[str, ...], by: str) -> None:
        name, values = words[0], words[1:]
        if name == "include" and values:
            for each in self._closure.files.glob(posixpath.join(self._folder, values[0])):
                self.follow(each, by, f"include {values[0]}")
            return
        for value in values:
            if "$" in value or "://" in value:
                continue
            for base in (self._folder, self._prefix):
                self._named(name, posixpath.join(base, value), by)

    def _named(self, directive: str, path: str, by: str) -> None:
        found = self._closure.files.find(path)
        if found is None or not found.name:
            # Logs, pids and sockets are made; their folders have to be there.
            if path.startswith("/") and directive.endswith(("_log", "pid", "_path", "listen")):
                self._closure.keep(posixpath.dirname(path), f"{directive} is in it", by, LIKELY)
        elif directive in SERVED:
            self._closure.keep(path, f"{directive} {path}", by, CERTAIN, deep=True)
        elif "/" in path.removeprefix(self._folder).removeprefix("/") or not found.is_folder:
            self._closure.keep(path, f"{directive} {path}", by, LIKELY)
