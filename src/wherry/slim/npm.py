"""PURE: what `npm start` and the like run: the scripts of a package.json."""

from __future__ import annotations

import json
import posixpath

from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.slim.files import Files

MANAGERS = ("npm", "pnpm", "yarn")
SCRIPTS = ("start", "test", "stop", "restart")
"""Which need no `run` before them."""
RUN = ("run", "run-script")
BIN = "node_modules/.bin"
BETWEEN = pattern(r"[\s;&|()\"']+")
DEEPEST = 5


def followed(argv: Sequence[str], workdir: str, files: Files) -> list[str]:
    """`argv`, and behind it the words of the scripts that it runs; programs of packages by their paths.

    Source: npm-run-script(1).
    """
    words = [word for each in argv for word in BETWEEN.split(each)]  # also those of sh -c
    return [*argv, *_words(words, workdir, files, 0)]


def _words(argv: Sequence[str], workdir: str, files: Files, depth: int) -> Iterator[str]:
    scripts = _scripts(files.text(posixpath.join("/", workdir, "package.json")))
    for name in _asked(argv):
        for each in (f"pre{name}", name, f"post{name}"):
            words = [word for word in BETWEEN.split(scripts.get(each, "")) if word]
            for word in words:
                program = posixpath.join("/", workdir, BIN, word)
                yield program if "/" not in word and files.is_file(program) else word
            if depth < DEEPEST:
                yield from _words(words, workdir, files, depth + 1)


def _asked(argv: Sequence[str]) -> Iterator[str]:
    """The names of scripts: of `npm start`, `npm run NAME`, `yarn NAME`."""
    for place, word in enumerate(argv):
        if posixpath.basename(word) not in MANAGERS:
            continue
        words = [each for each in argv[place + 1 :] if not each.startswith("-")]
        if words[:1] and words[0] in RUN:
            yield from words[1:2]
        elif words and (words[0] in SCRIPTS or posixpath.basename(word) != "npm"):
            yield words[0]


def _scripts(text: str) -> dict[str, str]:
    try:
        value = json.loads(text or "{}")["scripts"]
        return {name: script for name, script in value.items() if isinstance(script, str)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
