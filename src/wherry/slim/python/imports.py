"""PURE: what a module imports, read from its source as the compiler does, or by its lines where that fails.

A newer Python's syntax is not this one's: then the lines that begin with `import` or `from` have to do.
"""

from __future__ import annotations

import ast
import warnings

from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE = pattern(
    r"^(\s*)(?:import\s+([\w., \t]+)|from\s+(\.*)([\w.]*)\s+import\s+\(?([\w., \t*]*))", 8
)  # re.M
DOTTED = pattern(r"\.{0,3}[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?::\w+)?")
# Functions that import what their argument says, or look for modules; their own definitions are no calls.
CALL = pattern(
    r"(?<!def )\b(import_module|__import__|import_string|iter_modules|walk_packages)\("
    r"\s*(?:([\"'])([\w.]+)\2)?"
)
TEXT = pattern(r"""(["'])([^"'\\\n ]{1,200})\1""")
LOOKS_FOR_MODULES = frozenset(("iter_modules", "walk_packages"))
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
MOST_TEXTS = 20_000


class Import(NamedTuple):
    """``from ..module import names``: `level` points, "" where there is no module; `late`: only when a
    function of it is called."""

    module: str
    level: int = 0
    names: tuple[str, ...] = ()
    late: bool = False


class Module(NamedTuple):
    """`named` are what its texts call modules or files, `dynamic` whether it imports what only running
    tells."""

    imports: tuple[Import, ...] = ()
    named: tuple[str, ...] = ()
    dynamic: bool = False
    texts: tuple[str, ...] = ()
    """Other texts in it: paths and names of libraries."""


def parse(data: bytes) -> Module:
    """Whatever the bytes are."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
        found = _Found()
        found.visit(tree)
        found.search(data.decode("utf-8", "replace"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Module(tuple(_lines(data.decode("utf-8", "replace"))))
    return Module(
        tuple(dict.fromkeys(found.imports)),
        tuple(found.named),
        found.dynamic,
        tuple(found.texts),
    )


def _lines(text: str) -> Iterator[Import]:
    for found in LINE.finditer(text):
        indent, plain, points, module, names = found.groups()
        late = bool(indent.strip("\n"))
        if plain is not None:
            for each in plain.split(","):
                yield Import(each.split(" as ")[0].strip(), late=late)
        else:
            listed = tuple(each.split(" as ")[0].strip() for each in (names or "").split(","))
            yield Import(module, len(points), tuple(each for each in listed if each), late)


class _Found:
    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.named: list[str] = []
        self.texts: list[str] = []
        self.dynamic = False

    def visit(self, tree: ast.Module) -> None:
        """Statements alone: what expressions say is found in the text, which is many times faster.  A stack
        of its own: hostile sources nest deeper than Python's."""
        stack: list[tuple[ast.AST, bool]] = [(each, False) for each in tree.body]
        while stack:
            node, late = stack.pop()
            if isinstance(node, ast.Import):
                self.imports += [Import(alias.name, late=late) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = tuple(alias.name for alias in node.names)
                self.imports.append(Import(node.module or "", node.level, names, late))
            elif isinstance(node, ast.If) and _is_for_others(node.test):
                stack += [(each, late) for each in node.orelse]
            else:
                inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                stack += [(each, inside) for field in BLOCKS for each in getattr(node, field, ())]

    def search(self, text: str) -> None:
        """Calls that import by name, and texts that may be names."""
        for found in CALL.finditer(text):
            function, _, value = found.groups()
            if value is None or function in LOOKS_FOR_MODULES:
                self.dynamic = True
            elif DOTTED.fullmatch(value):
                module = value.lstrip(".")
                self.imports.append(Import(module, len(value) - len(module), late=True))
        seen = set()
        for number, found in enumerate(TEXT.finditer(text)):
            if number > MOST_TEXTS:
                return
            value = found.group(2)
            if value in seen:
                continue
            seen.add(value)
            if DOTTED.fullmatch(value):
                self.named.append(value.partition(":")[0])
            if value.startswith("/") or ".so" in value or "-" in value:
                self.texts.append(value)


def _is_for_others(test: ast.expr) -> bool:
    """What only type checkers, or tests of a module itself, go into."""
    if isinstance(test, ast.Name | ast.Attribute):
        name = test.attr if isinstance(test, ast.Attribute) else test.id
        return name == "TYPE_CHECKING"
    left = test.left if isinstance(test, ast.Compare) else None
    return isinstance(left, ast.Name) and left.id == "__name__"
