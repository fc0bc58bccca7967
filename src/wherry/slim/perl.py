"""What Perl programs load: use, require and do, in the folders of @INC, with what is compiled for a module.

Sources: perlfunc (require, use, do), perlrun (PERL5LIB, -I, -M), XSLoader, AutoLoader; the @INC of Debian,
Alpine and Perl's own ./Configure.
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
    from wherry.layers.view import Node
    from wherry.slim.closure import Closure

PROGRAM = pattern(r"perl(?:5[\d.]*)?")
SOURCES = (".pl", ".pm", ".psgi", ".t")
FOLDERS = (
    *("local/lib/*/perl/5.*", "local/share/perl/5.*", "lib/*/perl5/5.*", "share/perl5", "lib/*/perl-base"),
    *("lib/*/perl/5.*", "share/perl/5.*", "local/lib/site_perl"),
    *("lib/perl5/site_perl/5.*/*-linux*", "lib/perl5/site_perl/5.*", "lib/perl5/vendor_perl/5.*/*-linux*"),
    *("lib/perl5/vendor_perl/5.*", "lib/perl5/5.*/*-linux*", "lib/perl5/5.*"),
    *("local/lib/perl5/site_perl", "local/share/perl5/site_perl", "lib/perl5/vendor_perl"),
    *("share/perl5/vendor_perl", "lib/perl5/core_perl", "share/perl5/core_perl"),
)
"""Below the interpreter's prefix: Debian's, Perl's own, Alpine's."""
CORE = pattern(r"/(?:perl-base|perl/5\.[\d.]+|perl5/5\.[\d.]+|core_perl)/")
STARTUP = (
    *("strict", "warnings", "Config", "Carp", "Exporter", "XSLoader", "DynaLoader", "utf8", "feature"),
    *("PerlIO", "PerlIO::encoding", "PerlIO::scalar", "Encode", "File::Glob", "Errno", "attributes", "mro"),
    *("Tie::Hash::NamedCapture", "re", "overloading", "bytes", "charnames"),
)
"""What the interpreter loads by itself, where an operator or a layer of a program asks for it."""
HIDDEN: dict[str, tuple[str, ...]] = {
    "Encode": (
        *("Encode::Alias", "Encode::Config", "Encode::Encoding", "Encode::MIME::Name", "Encode::Unicode"),
        *("Encode::XS", "Encode::Byte"),
    ),
    "Config": ("Config_heavy.pl", "Config_git.pl"),
    "bytes": ("bytes_heavy.pl",),
    "JSON": ("JSON::XS", "JSON::PP", "JSON::backportPP"),
    "JSON::MaybeXS": ("Cpanel::JSON::XS", "JSON::XS", "JSON::PP"),
    "YAML::Any": ("YAML::XS", "YAML"),
    "IO::Socket": ("IO::Socket::INET", "IO::Socket::UNIX"),
    "IO::Handle": ("IO::File", "IO::Seekable"),
    "LWP::UserAgent": ("LWP::Protocol::http", "LWP::Protocol::https", "Mozilla::CA"),
}
"""Modules by those that load them by names that they make."""
NAME = r"[A-Za-z_]\w*(?:(?:::|')\w+)*"
NOT_CODE = pattern(r"^=[a-zA-Z].*?(?:^=cut\b[^\n]*$|\Z)|^__(?:END|DATA)__\b.*|^[ \t]*#[^\n]*$", 8 | 16)
USED = pattern(rf"(?:^|[;{{}}(]|\b(?:eval|and|or|do)\b)([ \t]*)(use|no|require)[ \t]+({NAME})", 8)
BASES = pattern(r"\buse[ \t]+(?:parent|base|aliased|superclass|Mojo::Base)\b([^;]{1,300});")
FILE = pattern(r"""\b(?:require|do)\s{0,9}\(?\s{0,9}(["'])([^"'$@\n]{1,200})\1""")
ADDED = pattern(r"""\buse\s{1,9}lib\s{1,9}(?:qw\s{0,9}[(\[{/]\s{0,9})?["']?([^"';)\]}\n]{1,200})""")
TOKEN = pattern(r"(?<![\w:$@%&])[A-Za-z_]\w*(?:::\w+)+")
WORD = pattern(NAME)
DRIVER = pattern(r"""["'q{]\s*dbi:(\w+)""", 2)  # re.I
DYNAMIC = pattern(
    r"""\brequire\s{0,9}\(?\s{0,9}["']?[$@]|\bdo\s{0,9}\(?\s{0,9}\$"""
    r"""|\beval\s{0,9}\(?\s{0,9}q{0,2}\W{0,2}\s{0,9}(?:use|require)\b"""
    r"""|\b(?:load_class|load_classes|find_modules|require_module|use_module|load_module|try_load_class|autoload"""
    r"""|use_package_optimistically|load_optional_class|_load_class)\b|\bModule::Pluggable\b"""
)
LEFT_OUT = frozenset(("t", "xt", "examples", "doc", "docs", "Install", "unicore"))
COMPILED = (".so", ".ix", ".al")
FILES = (".pl", ".pm", ".ph")
FOR_PEOPLE = (".pod", ".h", ".xs", ".ph", ".e2x", ".eg", ".packlist", ".txt", ".md")


class Load(NamedTuple):
    """A module's name, or a file's; `late`: not before its code runs."""

    name: str
    late: bool


class Module(NamedTuple):
    """`named` are names of modules anywhere in it, `added` what `use lib` adds, `dynamic`: it
    loads what only running tells."""

    loads: tuple[Load, ...]
    named: tuple[str, ...]
    added: tuple[str, ...]
    dynamic: bool


def parse(text: str) -> Module:
    """Whatever the text is."""
    code = NOT_CODE.sub("", text)
    loads = [
        Load(name.replace("'", "::"), word == "require" and bool(space))
        for space, word, name in USED.findall(code)
    ]
    loads += [Load(name, late=False) for words in BASES.findall(code) for name in WORD.findall(words)]
    loads += [Load(name, late=True) for _, name in FILE.findall(code)]
    loads += [Load(f"DBD::{name}", late=True) for name in DRIVER.findall(code)]
    named = dict.fromkeys(TOKEN.findall(code))
    return Module(
        tuple(dict.fromkeys(loads)),
        tuple(named),
        tuple(ADDED.findall(code)),
        DYNAMIC.search(code) is not None,
    )


class Reader:
    """Of one closure.  Files that come before their interpreter wait for it."""

    def __init__(self) -> None:
        self._folders: list[str] = []
        self._own: list[str] = []
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
        given = [each for each in start.env.get("PERL5LIB", "").split(":") if each]
        given += [word[2:] for word in start.argv if word.startswith("-I") and len(word) > 2]
        self._own = [posixpath.join("/", start.workdir, each) for each in given]
        self._folders = [
            each for place in FOLDERS for each in closure.files.glob(posixpath.join(prefix, place))
        ] or ["/etc/perl"]
        for name in STARTUP:
            self._load(closure, name, node.name, LIKELY, "the interpreter loads")
        for word in start.argv:
            if word[:2] in ("-M", "-m") and len(word) > 2:
                name = word[2:].lstrip("-").partition("=")[0]
                self._load(closure, name, node.name, LIKELY, "an option uses")

    def _file(self, closure: Closure, node: Node) -> None:
        path = f"/{node.name}"
        text = closure.files.text(path)
        module = parse(text)
        folder = self._folder(path)
        inner = path[len(folder) + 1 :].removesuffix(".pm")
        if folder:
            self._module(closure, node, inner)
        else:
            self._program(closure, node, text, module)
        for one in module.loads:
            self._load(closure, one.name, node.name, LIKELY if one.late else CERTAIN, "use of")
        if not CORE.search(path):
            if folder:
                self._installed(closure, node, f"{folder}/{inner.split('/')[0]}", module)
            for name in module.named:
                self._load(closure, name, node.name, LIKELY, "a text names")

    def _program(self, closure: Closure, node: Node, text: str, module: Module) -> None:
        """What no folder of @INC has: the program's own files."""
        here = posixpath.dirname(f"/{node.name}")
        for each in module.added:
            place = posixpath.join("/", closure.start.workdir, each)
            if "$" in each:
                place = posixpath.join(here, each.rpartition("$")[2].partition("/")[2])
            if place not in self._own:
                self._own.append(posixpath.normpath(place))
        if closure.starts(node):
            folder_of_program(closure, here, node.name)
        for each in paths(text):
            named(closure, each, node.name)

    def _load(self, closure: Closure, name: str, by: str, confidence: int, rule: str) -> None:
        """Keep a module (``A::B``), or a file (``a/b.pl``)."""
        inner = name if "/" in name or name.endswith(FILES) else name.replace("::", "/") + ".pm"
        for folder in ("/",) if inner.startswith("/") else (*self._own, *self._folders):
            path = posixpath.normpath(posixpath.join(folder, inner))
            if closure.files.is_file(path):
                closure.keep(path, f"{rule} {name}", by, confidence)
                return

    def _module(self, closure: Closure, node: Node, inner: str) -> None:
        """What Perl loads with a module: libraries (XSLoader), functions apart from it (AutoLoader)."""
        for folder in (*self._own, *self._folders):
            place = f"{folder}/auto/{inner}"
            for name in closure.files.names(place):
                if name.endswith(COMPILED):
                    closure.keep(f"{place}/{name}", "compiled for it", node.name)
        name = inner.replace("/", "::")
        for other in HIDDEN.get(name, ()):
            self._load(closure, other, node.name, LIKELY, f"{name} loads, without saying so,")

    def _installed(self, closure: Closure, node: Node, top: str, module: Module) -> None:
        """What a distribution has beside its modules; all of them, where it loads by made-up names."""
        if closure.first(f"data {top}"):
            for path in closure.files.inside(top, LEFT_OUT):
                if not path.endswith((*SOURCES, *COMPILED, *FOR_PEOPLE)):
                    closure.keep(path, f"a file of {posixpath.basename(top)}", node.name, LIKELY)
        if module.dynamic and closure.first(f"all of {top}"):
            rule = f"of {posixpath.basename(top)}, which loads by names made while it runs"
            for path in closure.files.inside(top, LEFT_OUT):
                if path.endswith(SOURCES):
                    closure.keep(path, rule, node.name, LIKELY)

    def _folder(self, path: str) -> str:
        """The folder of @INC that a file is in."""
        return max((each for each in self._folders if path.startswith(f"{each}/")), key=len, default="")
