"""Follows the imports of an image's Python programs."""

from __future__ import annotations

import posixpath

from wherry.pattern import pattern
from wherry.slim.elf import named as path_named
from wherry.slim.elf import opened
from wherry.slim.entry import folder_of_program
from wherry.slim.python.compiled import names
from wherry.slim.python.hidden import HIDDEN, INTERACTIVE, MADE_UP, STARTUP
from wherry.slim.python.imports import parse
from wherry.slim.python.path import SearchPath
from wherry.slim.reason import CERTAIN, GUESS, LIKELY
from wherry.slim.scripts import interpreter, interpreter_name
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.view import Node
    from wherry.slim.closure import Closure
    from wherry.slim.python.imports import Import, Module
    from wherry.slim.python.path import Found

PROGRAM = pattern(r"python(3\.\d+)")
ANY_PROGRAM = pattern(r"python(3(\.\d+)?)?")
IDENTIFIER = pattern(rb"(?<=\0)[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*(?=\0)")
# Below an installed package: what it never imports itself, and what only builds or documents it.
LEFT_OUT = frozenset(("tests", "test", "testing", "docs", "doc", "examples", "__pycache__", "include"))
SOURCES = (".py", ".pyc", ".pyi", ".so", ".pyx", ".pxd", ".c", ".h", ".cpp", ".hpp", ".md", ".rst", ".a",
           ".po", ".pot")  # fmt: skip
RECORDS = ("METADATA", "PKG-INFO", "entry_points.txt", "top_level.txt")
MOST_IDENTIFIERS = 50_000


class Reader:
    """Of one closure.  Modules that come before their interpreter wait for it."""

    def __init__(self) -> None:
        self._path: SearchPath | None = None
        self._waiting: list[Node] = []
        self._modules: dict[str, str] = {}
        """The full names of the modules that were found, by the names of their files."""
        self._asked: set[str] = set()

    def __call__(self, closure: Closure, node: Node, head: bytes) -> None:
        name = posixpath.basename(node.name)
        version = PROGRAM.fullmatch(name)
        if version is not None and head.startswith(b"\x7fELF"):
            if self._path is None:
                self._begin(closure, node, version.group(1))
        elif name.endswith(".py") or _is_alone(node.name) or ANY_PROGRAM.fullmatch(interpreter_name(head)):
            self._waiting.append(node)
        elif name.endswith(".so") and f"/{node.name}" in self._modules and self._path is not None:
            self._extension(closure, node, self._path)
        if self._path is not None:
            for each in self._waiting:
                self._module(closure, each, self._path)
            self._waiting.clear()

    def _begin(self, closure: Closure, node: Node, version: str) -> None:
        prefix = "/" + posixpath.dirname(posixpath.dirname(node.name))
        env = closure.start.env
        search = SearchPath(
            closure.files, version, prefix, [f for f in env.get("PYTHONPATH", "").split(":") if f]
        )
        self._path = search
        for folder in env.get("PATH", "").split(":"):
            self._environment(closure, folder, search)
        for word in closure.start.argv:
            path = closure.command(word)
            if path is not None:
                self._of_program(closure, path, search)
        if self._is_program(closure, node):
            search.add_own(closure.start.workdir)
            if closure.start.workdir != "/":
                folder_of_program(closure, closure.start.workdir, node.name)
        for name in STARTUP:
            self.keep(closure, name, node.name, CERTAIN, "the interpreter imports")
        for name, pth in search.started:
            closure.keep(pth, "imports at each start", node.name, LIKELY)
            self.keep(closure, name, node.name, LIKELY, f"{posixpath.basename(pth)} imports")
        self._arguments(closure, node, search)

    def _is_program(self, closure: Closure, node: Node) -> bool:
        """Whether the image starts Python, or a script that names it, and not only something that may."""
        if closure.is_named_first(node):
            return True
        for word in closure.start.argv[:3]:
            path = closure.command(word)
            found = closure.files.find(path) if path is not None else None
            if found is None:
                continue
            if PROGRAM.fullmatch(posixpath.basename(found.name)):
                return True
            if ANY_PROGRAM.fullmatch(interpreter_name(closure.files.data(found, 256))):
                return True
        return False

    def _of_program(self, closure: Closure, path: str, search: SearchPath) -> None:
        """The virtual environments of a program and of the interpreter of a script."""
        node = closure.files.find(path)
        head = closure.files.data(node, 256) if node is not None else b""
        for program in (path, interpreter(head)[0]):
            self._environment(closure, posixpath.dirname(program), search)

    def _environment(self, closure: Closure, folder: str, search: SearchPath) -> None:
        """The virtual environment that a folder of programs is of (PEP 405)."""
        top = posixpath.dirname(folder.rstrip("/"))
        if top and closure.first(f"environment {top}") and closure.files.is_file(f"{top}/pyvenv.cfg"):
            closure.keep(f"{top}/pyvenv.cfg", "the virtual environment")
            search.add_site(f"{top}/lib/python{search.version}/site-packages")

    def _arguments(self, closure: Closure, node: Node, search: SearchPath) -> None:
        argv = list(closure.start.argv)
        if "-m" in argv[:-1]:
            module = argv[argv.index("-m") + 1]
            self.keep(closure, module, "", CERTAIN, "-m")
            self.keep(closure, f"{module}.__main__", "", CERTAIN, "-m")
        for word in (*argv[1:], *closure.start.env.values()):
            name = word.partition(":")[0].removesuffix(".py").replace("/", ".")
            found = search.find(name) if name and "." not in (name[0], name[-1]) else None
            if found is not None and not search.is_standard(found.file) and found.file:
                self.keep(closure, name, "", LIKELY, "an argument or a variable names")

    def keep(self, closure: Closure, name: str, by: str, confidence: int, rule: str) -> bool:
        """Keep a module and the packages that it is in.  Whether there is one of that name."""
        assert self._path is not None  # noqa: S101
        folders: tuple[str, ...] = tuple(self._path.folders())
        whole: list[str] = []
        found: Found | None = None
        for part in name.split("."):
            found = self._path.below(folders, part)
            if found is None:
                return False
            whole.append(part)
            self._take(closure, found, ".".join(whole), by, confidence, rule)
            folders = found.folders
        return found is not None

    def _take(self, closure: Closure, found: Found, name: str, by: str, confidence: int, rule: str) -> None:
        if not found.file:
            return
        node = closure.files.find(found.file)
        if node is None:
            return
        self._modules.setdefault(f"/{node.name}", name)
        closure.keep(found.file, f"{rule} {name}", by, confidence)

    def _module(self, closure: Closure, node: Node, search: SearchPath) -> None:
        path = f"/{node.name}"
        name = self._modules.get(path, "")
        if not path.endswith((".py", ".pyc")):
            self._of_program(closure, path, search)
        if not name:
            folder = posixpath.dirname(path)
            if not search.is_standard(path) and not any(path.startswith(s + "/") for s in search.sites):
                if closure.starts(node):
                    search.add_own(folder)
                    folder_of_program(closure, folder, node.name)
                else:
                    search.add_own(_top(closure, folder))
            name = self._name(path, search)
        if path.endswith(".py") and closure.files.is_file(search.compiled(path)):
            closure.keep(search.compiled(path), "its bytecode", node.name)
        if _is_alone(node.name):
            self._compiled(closure, node, name)
        else:
            self._source(closure, node, name, path, search)
        if name:
            self._hidden(closure, node, name, search)
            self._distribution(closure, node, name, search)

    def _source(self, closure: Closure, node: Node, name: str, path: str, search: SearchPath) -> None:
        module = parse(closure.files.data(node))
        self._imports(closure, node, module, name, path)
        self._named(closure, node, module, name, search)

    def _compiled(self, closure: Closure, node: Node, name: str) -> None:
        """Each name in it may be a module's, or one of its own package's."""
        parts = name.split(".") if name else []
        packages = [".".join(parts[:number]) for number in range(len(parts), 0, -1)]
        for text in names(closure.files.data(node)):
            bare = text.lstrip(".")
            for full in (bare, *(f"{package}.{bare}" for package in packages)):
                if full != name:
                    self.keep(closure, full, node.name, _later(full), "a name in it:")

    def _name(self, path: str, search: SearchPath) -> str:
        """The full name of a module that was found by its path."""
        for folder in search.folders():
            if path.startswith(folder.rstrip("/") + "/") and path.endswith((".py", ".pyc")):
                inner = path[len(folder.rstrip("/")) + 1 :].rpartition(".")[0].removesuffix("/__init__")
                name = inner.replace("/", ".")
                found = search.find(name)
                if found is not None and found.file == path:
                    self._modules[path] = name
                    return name
        return ""

    def _imports(self, closure: Closure, node: Node, module: Module, name: str, path: str) -> None:
        is_package = posixpath.basename(path).startswith("__init__.")
        for one in module.imports:
            full = _absolute(one, name, is_package)
            if full is None:
                continue
            confidence = _later(full) if one.late else CERTAIN
            if full:
                self.keep(closure, full, node.name, confidence, "import of")
            for each in one.names:
                below = f"{full}.{each}" if full else each
                if each == "*":
                    continue
                self.keep(closure, below, node.name, confidence, "import of")

    def _named(self, closure: Closure, node: Node, module: Module, name: str, search: SearchPath) -> None:
        """Modules that texts name, and those that only running tells: all of the package then."""
        if search.is_standard(f"/{node.name}"):
            texts = [text for text in module.texts if text.startswith("/")]
            for text in texts:
                path_named(closure, text, node.name)
            return
        for text in module.named:
            if text.startswith("."):
                text = ".".join(
                    [*name.split(".")[: -(len(text) - len(text.lstrip(".")))], text.lstrip(".")]
                )
            if "." in text or text == name:
                found = search.find(text)
                if found is not None:
                    self.keep(closure, text, node.name, _later(text), "a text names")
            encoding = f"encodings.{text.lower()}"
            if search.find(encoding) is not None:
                self.keep(closure, encoding, node.name, LIKELY, "a text names")
        for text in module.texts:
            if text.startswith("/"):
                path_named(closure, text, node.name)
            elif "-" in text and search.find(f"encodings.{text.lower().replace('-', '_')}") is not None:
                self.keep(
                    closure,
                    f"encodings.{text.lower().replace('-', '_')}",
                    node.name,
                    LIKELY,
                    "a text names",
                )
            elif ".so" in text:
                self._library(closure, node, text)
        if module.dynamic and name:
            self._all(closure, node, name.split(".")[0], search)

    def _library(self, closure: Closure, node: Node, text: str) -> None:
        from wherry.programs.elf import Elf

        elf = Elf(closure.start.platform.architecture, closure.loader)
        place = closure.libraries.opened(text, f"/{node.name}", elf)
        if place is not None:
            opened(closure, place, f"opened as {text}", node.name)

    def _all(self, closure: Closure, node: Node, top: str, search: SearchPath) -> None:
        found = search.find(top)
        if found is None or not closure.first(f"all of {top}"):
            return
        for folder in found.folders:
            for path in search.all_below(folder, LEFT_OUT):
                closure.keep(
                    path, f"a module of {top}, which imports by names made while it runs", node.name, LIKELY
                )

    def _hidden(self, closure: Closure, node: Node, name: str, search: SearchPath) -> None:
        for other in HIDDEN.get(name, ()):
            self.keep(closure, other, node.name, LIKELY, f"{name} imports, without saying so,")
        if name in MADE_UP:
            for each in closure.files.names(search.standard[0]):
                if each.startswith(MADE_UP[name]) and each.endswith(".py"):
                    self.keep(closure, each[:-3], node.name, LIKELY, f"{name} makes the name of")

    def _extension(self, closure: Closure, node: Node, search: SearchPath) -> None:
        """What compiled modules import stands as texts in them."""
        name = self._modules[f"/{node.name}"]
        self._hidden(closure, node, name, search)
        if search.is_standard(f"/{node.name}"):
            return
        self._distribution(closure, node, name, search)
        for number, found in enumerate(IDENTIFIER.findall(closure.files.data(node))):
            if number > MOST_IDENTIFIERS:
                break
            text = found.decode()
            if text not in self._asked and (text.startswith(name.split(".")[0] + ".") or "." not in text):
                self._asked.add(text)
                self.keep(closure, text, node.name, LIKELY, "a text in it names")

    def _distribution(self, closure: Closure, node: Node, name: str, search: SearchPath) -> None:
        """What an installed package has beside its modules: its data, and its records."""
        top = name.split(".")[0]
        site = next((each for each in search.sites if f"/{node.name}".startswith(each + "/")), None)
        if site is None or not closure.first(f"distribution {site} {top}"):
            return
        if closure.files.is_folder(f"{site}/{top}"):
            for path in closure.files.inside(f"{site}/{top}", LEFT_OUT):
                if not path.endswith(SOURCES):
                    closure.keep(path, f"a file of the package {top}", node.name, LIKELY)
        if f"{top}.libs" in closure.files.names(site):
            closure.keep(f"{site}/{top}.libs", f"libraries of {top}", node.name, LIKELY, deep=True)
        for record in self._records(closure, site, top):
            closure.keep(record, f"the record of the package {top}", node.name, LIKELY)

    def _records(self, closure: Closure, site: str, top: str) -> Iterator[str]:
        for folder in closure.files.names(site):
            if not folder.endswith((".dist-info", ".egg-info")):
                continue
            place = f"{site}/{folder}"
            tops = closure.files.text(f"{place}/top_level.txt").split()
            own = folder.split("-")[0].lower().replace("-", "_")
            if top not in tops and own != top.lower() and not _records(closure, place, top):
                continue
            if closure.files.is_file(place):
                yield place
            yield from (f"{place}/{each}" for each in RECORDS if closure.files.is_file(f"{place}/{each}"))


def _records(closure: Closure, place: str, top: str) -> bool:
    text = closure.files.text(f"{place}/RECORD")
    return text.startswith((f"{top}/", f"{top}.py,")) or f"\n{top}/" in text or f"\n{top}.py," in text


def _is_alone(name: str) -> bool:
    """Whether a compiled module stands where its source would (PEP 3147)."""
    return name.endswith(".pyc") and "/__pycache__/" not in name


def _later(name: str) -> int:
    """The confidence of a module that is not imported at once."""
    return GUESS if name.split(".")[0] in INTERACTIVE else LIKELY


def _top(closure: Closure, folder: str) -> str:
    """The folder above the packages that a folder is in."""
    while folder != "/" and "__init__.py" in closure.files.names(folder):
        folder = posixpath.dirname(folder)
    return folder


def _absolute(one: Import, name: str, is_package: bool) -> str | None:
    """The full name of what is imported; None for one that leads out of its package."""
    if not one.level:
        return one.module
    parts = name.split(".") if name else []
    up = one.level - (1 if is_package else 0)
    if up > len(parts) or not parts:
        return None
    base = parts[: len(parts) - up]
    return ".".join([*base, *([one.module] if one.module else [])])
