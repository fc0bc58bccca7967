"""PURE: kinds of files that few programs need when they run, as a table; and how an image does without."""

from __future__ import annotations

import json

from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wherry.programs.symbols import Symbols

TITLES = {
    "package-caches": "package caches and lists",
    "documentation": "documentation",
    "man-pages": "manual pages",
    "locales": "locales and translations",
    "static-libraries": "static libraries",
    "headers": "headers",
    "compilers": "compilers and linkers",
    "tests": "tests of libraries",
    "version-control": "version control",
    "bytecode": "Python bytecode",
    "dev-dependencies": "development dependencies of Node",
    "debug-symbols": "debug symbols",
    "temporary-files": "logs and temporary files",
}


class Rule(NamedTuple):
    """`where` is a regular expression for whole paths, `advice` what keeps such files out."""

    category: str
    where: str
    advice: str


_HOME = r"(?:root|home/[^/]+)"
_ANY = r"(?:.*/)?"
_STAGE = "build in a stage of its own and COPY --from only what it gives"
_EXCLUDE = "before installing: RUN echo 'path-exclude=/{}/*' >> /etc/dpkg/dpkg.cfg.d/excludes"


def _mount(target: str) -> str:
    return f"RUN --mount=type=cache,target={target}"


RULES = (
    Rule(
        "package-caches",
        r"var/lib/apt/lists/.+",
        f"end the same RUN with && rm -rf /var/lib/apt/lists/*, or {_mount('/var/lib/apt/lists')}",
    ),
    Rule(
        "package-caches",
        r"var/cache/(?:apt|debconf)/.+",
        f"end the same RUN with && apt-get clean, or {_mount('/var/cache/apt')}",
    ),
    Rule("package-caches", r"(?:var/cache/apk|etc/apk/cache)/.+", "apk add --no-cache"),
    Rule(
        "package-caches", r"var/cache/(?:yum|dnf|libdnf5|zypp)/.+", "end the same RUN with && dnf clean all"
    ),
    Rule(
        "package-caches",
        rf"{_HOME}/\.cache/(?:pip|uv)/.+",
        f"pip install --no-cache-dir, or {_mount('/root/.cache')}",
    ),
    Rule(
        "package-caches",
        rf"{_HOME}/(?:\.npm/_.+|\.cache/(?:yarn|node-gyp)/.+|\.yarn/berry/cache/.+)"
        r"|usr/local/share/\.cache/.+",
        f"end the same RUN with && npm cache clean --force, or {_mount('/root/.npm')}",
    ),
    Rule(
        "package-caches",
        rf"{_HOME}/\.cache/go-build/.+|(?:{_HOME}/)?go/pkg/mod/cache/.+",
        f"{_mount('/root/.cache/go-build')}, or {_STAGE}",
    ),
    Rule(
        "package-caches",
        rf"(?:usr/local/cargo|{_HOME}/\.cargo)/registry/.+|{_HOME}/(?:\.m2/repository|\.gradle/caches)/.+"
        rf"|{_HOME}/(?:\.composer/cache|\.cache/composer)/.+|{_ANY}\.bundle/cache/.+",
        f"{_mount('the cache')}, or {_STAGE}",
    ),
    Rule("package-caches", rf"{_HOME}/\.cache/.+", _mount("/root/.cache")),
    Rule("man-pages", r"usr/(?:local/)?(?:share/)?man/.+", _EXCLUDE.format("usr/share/man")),
    Rule(
        "documentation",
        # The licenses stay: they have to be where their programs are.
        r"usr/(?:local/)?share/(?:doc|info|gtk-doc|doc-base|help|lintian)/"
        r"(?!.*(?:/|^)(?:copyright|COPYING|LICEN[CS]E)[^/]*$).+",
        _EXCLUDE.format("usr/share/doc") + " with path-include=/usr/share/doc/*/copyright",
    ),
    Rule(
        "locales",
        r"usr/(?:local/)?share/(?:locale|i18n)/.+|usr/lib/locale/(?!C\.).+",
        _EXCLUDE.format("usr/share/locale"),
    ),
    Rule("static-libraries", rf"{_ANY}lib(?:32|64|x32)?/(?:.*/)?[^/]+\.l?a", _STAGE),
    Rule("headers", rf"usr/(?:local/)?include/.+|{_ANY}include/.*\.(?:h|hh|hpp|hxx)", _STAGE),
    Rule(
        "compilers",
        r"usr/(?:libexec|lib)/gcc(?:-cross)?/.+/(?:cc1[a-z]*|lto1|lto-wrapper|collect2|f951|go1|gnat1|d21)"
        r"|usr/(?:local/)?bin/(?:[a-z0-9_]+-)*(?:gcc|g\+\+|c\+\+|cpp|clang|clang\+\+|ld|ld\.[a-z]+|as|gold)"
        r"(?:-\d[\d.]*)?"
        r"|usr/(?:local/go|lib/go-[\d.]+)/(?:bin|pkg/tool)/.+|usr/lib/llvm-\d+/bin/.+"
        r"|usr/local/rustup/toolchains/.+",
        _STAGE,
    ),
    Rule("bytecode", rf"{_ANY}__pycache__/.+", "pip install --no-compile; programs start slower without"),
    Rule(
        "tests",
        rf"{_ANY}(?:site|dist)-packages/(?:.+/)?tests?/.+|{_ANY}lib/python3[^/]*/test/.+"
        rf"|{_ANY}node_modules/(?:.+/)?(?:__tests__|tests?)/.+",
        "remove them in the RUN that installs them",
    ),
    Rule("version-control", rf"{_ANY}\.(?:git|hg|svn)/.+", ".git in .dockerignore"),
    Rule("debug-symbols", rf"usr/lib/debug/.+|{_ANY}[^/]+\.(?:debug|dwo|pdb)", "strip, or " + _STAGE),
    Rule(
        "temporary-files",
        r"(?:var/)?tmp/.+|var/log/.+\.(?:log|gz|\d)|var/cache/(?:ldconfig|man|fontconfig)/.+",
        "remove them in the RUN that leaves them",
    ),
)
DEV = Rule("dev-dependencies", "", "npm ci --omit=dev")
SYMBOLS = Rule(
    "debug-symbols", "", "link with -s (Cargo.toml: strip = true), or strip them where they are built"
)
SYMBOLS_OF_GO = Rule("debug-symbols", "", 'go build -ldflags="-s -w"')
_ALL = pattern("|".join(f"(?P<r{number}>{rule.where})" for number, rule in enumerate(RULES)))
LOCK = "node_modules/.package-lock.json"
"""Where npm writes down what it installed, and why."""


def rule_of(path: str) -> Rule | None:
    """The first rule that a path is of, or None."""
    found = _ALL.fullmatch(path)
    return RULES[int(found.lastgroup[1:])] if found is not None and found.lastgroup else None


def rule_for(symbols: Symbols) -> Rule:
    """Of debug symbols inside of a program or library."""
    return SYMBOLS_OF_GO if symbols.is_go else SYMBOLS


class DevDependencies:
    """Packages that npm installed for development alone, as its own list of them says."""

    def __init__(self, locks: Iterable[tuple[str, bytes]]) -> None:
        """`locks` are lists that npm wrote, by their paths (which end with LOCK).  A damaged one tells
        nothing."""
        self._folders = frozenset(folder for path, data in locks for folder in _dev_folders(path, data))

    def has(self, path: str) -> bool:
        while self._folders and path:
            if path in self._folders:
                return True
            path = path.rpartition("/")[0]
        return False


def _dev_folders(path: str, data: bytes) -> Iterator[str]:
    try:
        packages = json.loads(data)["packages"]
        entries = list(packages.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return
    top = path.removesuffix(LOCK)
    for name, about in entries:
        if isinstance(name, str) and isinstance(about, dict) and about.get("dev") is True:
            yield top + name
