"""What Ruby programs load: require, require_relative, load, autoload, in the folders that Ruby looks into.

Sources: Kernel#require and Module#autoload in Ruby's documentation; RubyGems' guides.
"""

from __future__ import annotations

import posixpath

from wherry.pattern import pattern
from wherry.slim.elf import named
from wherry.slim.entry import folder_of_program
from wherry.slim.reason import CERTAIN, LIKELY
from wherry.slim.scripts import interpreter_name
from wherry.slim.words import paths
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.layers.view import Node
    from wherry.slim.closure import Closure

PROGRAM = pattern(r"ruby[\d.]*")
SOURCES = (".rb", ".ru")
FOLDERS = (
    *("local/lib/site_ruby/*.*.*", "local/lib/*/site_ruby", "local/lib/site_ruby"),
    *("lib/ruby/site_ruby/*.*.*", "lib/ruby/site_ruby/*.*.*/*-linux*", "lib/ruby/site_ruby"),
    *("lib/ruby/vendor_ruby/*.*.*", "lib/*/ruby/vendor_ruby/*.*.*", "lib/ruby/vendor_ruby"),
    *("lib/ruby/*.*.*", "lib/ruby/*.*.*/*-linux*", "lib/*/ruby/*.*.*"),
)
"""Below the interpreter's prefix: those of its own library, and of Debian's packages."""
GEMS = ("lib/ruby/gems/*.*.*", "share/rubygems-integration/*", "lib/*/rubygems-integration/*",
        "local/bundle")  # fmt: skip
GEMS_ELSEWHERE = ("/var/lib/gems/*", "~/.gem/ruby/*", "~/.local/share/gem/ruby/*", "./vendor/bundle/ruby/*")
STARTUP = (
    *("rubygems", "rbconfig", "monitor", "error_highlight", "did_you_mean", "syntax_suggest/core"),
    *("enc/encdb", "enc/trans/transdb", "enc/trans/single_byte", "enc/trans/utf_16_32", "enc/utf_16le"),
    *("enc/utf_16be", "enc/utf_32le", "enc/utf_32be", "enc/iso_8859_1", "enc/iso_8859_15"),
    *("enc/windows_1252", "unicode_normalize/normalize"),
)
"""What the interpreter loads by itself, and for texts that come from outside."""
COMMENT = pattern(r"^[ \t]*#[^\n]*$|^=begin\b.*?(?:^=end\b|\Z)|^__END__\b.*", 8 | 16)  # re.M | re.S
LOADED = pattern(
    r"""(^|[ \t;({|&=])(require|require_relative|load|autoload)\b[ \t(]*"""
    r"""(?:(?::\w+|["']\w+["'])[ \t]*,\s*)?(["'])([^"'#\n]{1,200})\3""",
    8,
)
DYNAMIC = pattern(
    r"""\b(?:require|require_relative|load)[ \t(]+(?:[a-zA-Z_@(\[]|["'][^"'\n]*\#\{)"""
    r"""|\bautoload[ \t(]+:\w+[ \t)]*$|\bautoload[ \t(]+\w+,|\b(?:const_missing|eager_autoload)\b""",
    8,
)
REQUIRE_PATHS = pattern(r"\.require_paths *= *\[([^\]\n]{1,2000})\]")
WORDS = pattern(r"""["']([^"'#\0]+)["']""")
NAMED = pattern(r"""(["'])([a-z]\w*(?:/\w+)+)\1""")
LEFT_OUT = frozenset(
    (
        *(
            "test",
            "tests",
            "spec",
            "specs",
            "features",
            "doc",
            "docs",
            "rdoc",
            "man",
            "examples",
            "example",
        ),
        *("benchmark", "benchmarks", "ext", "samples", "sample", ".git", ".github"),
    )
)
FOR_PEOPLE = (".md", ".rdoc", ".c", ".h", ".o", ".txt", ".java", ".log", ".out")


class Load(NamedTuple):
    """`name` as it stands there; `is_relative` to the file; `late`: not before its code runs."""

    name: str
    is_relative: bool
    late: bool


class Module(NamedTuple):
    """`named` are texts that may be names of files of its library, `dynamic`: it loads what only running
    tells."""

    loads: tuple[Load, ...]
    named: tuple[str, ...]
    dynamic: bool


def parse(text: str) -> Module:
    """Whatever the text is."""
    code = COMMENT.sub("", text)
    loads = (
        Load(name, word == "require_relative", bool(before) or word == "autoload")
        for before, word, _, name in LOADED.findall(code)
    )
    named = dict.fromkeys(name for _, name in NAMED.findall(code))
    return Module(tuple(dict.fromkeys(loads)), tuple(named), DYNAMIC.search(code) is not None)


class Reader:
    """Of one closure.  Files that come before their interpreter wait for it."""

    def __init__(self) -> None:
        self._folders: list[str] = []
        self._gems: list[str] = []
        self._waiting: list[Node] = []

    def __call__(self, closure: Closure, node: Node, head: bytes) -> None:
        if PROGRAM.fullmatch(posixpath.basename(node.name)) and head.startswith(b"\x7fELF"):
            if not self._folders:
                self._begin(closure, node)
        elif node.name.endswith(SOURCES) or PROGRAM.fullmatch(interpreter_name(head)):
            self._waiting.append(node)
        if self._folders:
            for each in self._waiting:
                self._file(closure, each)
            self._waiting.clear()

    def _begin(self, closure: Closure, node: Node) -> None:
        prefix = "/" + posixpath.dirname(posixpath.dirname(node.name))
        start = closure.start
        self._gems = [
            gem
            for root in _gem_roots(closure, prefix)
            for gem in closure.files.glob(f"{root}/gems/*")
            if closure.files.is_folder(gem)
        ]
        given = [each for each in start.env.get("RUBYLIB", "").split(":") if each]
        given += [word[2:] for word in start.argv if word.startswith("-I") and len(word) > 2]
        own = [posixpath.join("/", start.workdir, each) for each in given]
        library = [each for place in FOLDERS for each in closure.files.glob(posixpath.join(prefix, place))]
        self._folders = [*own, *library, *(lib for gem in self._gems for lib in _libraries(closure, gem))]
        for name in STARTUP:
            self._load(closure, name, node.name, LIKELY, "the interpreter loads")
        for root in _gem_roots(closure, prefix):
            closure.keep(f"{root}/specifications", "what gems there are", node.name, LIKELY, deep=True)
        for word in [*start.argv, *start.env.get("RUBYOPT", "").split()]:
            if word.startswith("-r") and len(word) > 2:
                self._load(closure, word[2:], node.name, LIKELY, "an option requires")
        if self._is_program(closure, node) and start.workdir != "/":
            folder_of_program(closure, start.workdir, node.name)

    def _is_program(self, closure: Closure, node: Node) -> bool:
        """Whether the image starts Ruby, or a script that names it, and not only something that may."""
        if closure.is_named_first(node):
            return True
        for word in closure.start.argv[:3]:
            path = closure.command(word)
            found = closure.files.find(path) if path is not None else None
            if found is not None and (
                PROGRAM.fullmatch(posixpath.basename(found.name))
                or PROGRAM.fullmatch(interpreter_name(closure.files.data(found, 256)))
            ):
                return True
        return False

    def _file(self, closure: Closure, node: Node) -> None:
        path = f"/{node.name}"
        text = closure.files.text(path)
        module = parse(text)
        for one in module.loads:
            confidence = LIKELY if one.late else CERTAIN
            if one.is_relative or one.name.startswith(("./", "../")):
                name = posixpath.normpath(posixpath.join(posixpath.dirname(path), one.name))
                self._named(closure, name, node.name, confidence, f"require of {one.name}")
            else:
                self._load(closure, one.name, node.name, confidence, "require of")
        top = self._top(path)
        if not top:
            if closure.starts(node):
                folder_of_program(closure, posixpath.dirname(path), node.name)
            for each in paths(text):
                named(closure, each, node.name)
            return
        self._gem(closure, node, top)
        if _is_standard(path):
            return
        for name in module.named:
            self._load(closure, name, node.name, LIKELY, "a text names")
        if module.dynamic:
            self._all(closure, node, top)

    def _load(self, closure: Closure, name: str, by: str, confidence: int, rule: str) -> None:
        for folder in ("",) if name.startswith("/") else self._folders:
            if self._named(closure, posixpath.join(folder, name), by, confidence, f"{rule} {name}"):
                return

    def _named(self, closure: Closure, path: str, by: str, confidence: int, rule: str) -> bool:
        for ending in ("", ".rb", ".so"):
            if closure.files.is_file(path + ending):
                closure.keep(path + ending, rule, by, confidence)
                return True
        return False

    def _top(self, path: str) -> str:
        """What a file belongs to: a gem's folder, or ``FOLDER/NAME`` of Ruby's folders; "" for neither."""
        gem = next((each for each in self._gems if path.startswith(f"{each}/")), "")
        if gem:
            return gem
        folder = max((each for each in self._folders if path.startswith(f"{each}/")), key=len, default="")
        inner = path[len(folder) + 1 :].split("/")[0]
        return f"{folder}/{inner.removesuffix('.rb')}" if folder else ""

    def _gem(self, closure: Closure, node: Node, gem: str) -> None:
        """What a gem has beside its code: data, and the markers of what was compiled for it."""
        if gem not in self._gems or not closure.first(f"gem {gem}"):
            return
        for path in closure.files.inside(gem, LEFT_OUT):
            if not path.endswith((".rb", *FOR_PEOPLE)):
                closure.keep(path, f"a file of the gem {posixpath.basename(gem)}", node.name, LIKELY)
        root, name = posixpath.split(gem)
        for path in closure.files.glob(f"{posixpath.dirname(root)}/extensions/*/*/{name}"):
            closure.keep(path, f"compiled for the gem {name}", node.name, LIKELY, deep=True)

    def _all(self, closure: Closure, node: Node, top: str) -> None:
        if not closure.first(f"all of {top}"):
            return
        rule = f"of {posixpath.basename(top)}, which loads by names made while it runs"
        folder = f"{top}/lib" if top in self._gems else top
        for path in closure.files.inside(folder, LEFT_OUT):
            if path.endswith((".rb", ".so")):
                closure.keep(path, rule, node.name, LIKELY)


def _gem_roots(closure: Closure, prefix: str) -> Iterator[str]:
    env, workdir = closure.start.env, closure.start.workdir
    given = [env.get("GEM_HOME", ""), *env.get("GEM_PATH", "").split(":")]
    for pattern_ in (*given, *(posixpath.join(prefix, each) for each in GEMS), *GEMS_ELSEWHERE):
        if pattern_.startswith("~"):
            pattern_ = env.get("HOME", "/") + pattern_[1:]
        if pattern_:
            yield from closure.files.glob(posixpath.join("/", workdir, pattern_))


def _libraries(closure: Closure, gem: str) -> Iterator[str]:
    """Where Ruby looks for the files of a gem: mostly lib.  Source: Gem::Specification#require_paths."""
    root, name = posixpath.split(gem)
    text = closure.files.text(f"{posixpath.dirname(root)}/specifications/{name}.gemspec")
    said = REQUIRE_PATHS.search(text)
    for path in WORDS.findall(said.group(1)) if said is not None else ("lib",):
        folder = posixpath.normpath(posixpath.join(gem, path))
        if folder.startswith(f"{gem}/"):
            yield folder


def _is_standard(path: str) -> bool:
    """Of Ruby's own library: what that loads by made-up names is asked for by programs, or never."""
    return "/gems/" not in path and "/vendor_ruby/" not in path and "/site_ruby/" not in path
