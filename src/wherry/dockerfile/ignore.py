"""PURE: ``.dockerignore``.

Source: the Docker documentation, ".dockerignore file"; where it is silent, moby/patternmatcher: the last
pattern that matches a path or one of its folders decides.
"""

from __future__ import annotations

import posixpath

from wherry.errors import ContextError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.dockerfile.automaton import Block, State

# Folders whose state is remembered.
MOST_FOLDERS = 1000


class Pattern(NamedTuple):
    """`text` is normalised: no leading or trailing slash."""

    text: str
    exception: bool
    line: int
    written: str


class Verdict(NamedTuple):
    """Whether a path is left out, and by which line (0 where none matched)."""

    excluded: bool
    line: int = 0
    pattern: str = ""


class _Inside(NamedTuple):
    """What is known below a folder: the living states, and the last pattern that matches the folder."""

    states: tuple[State, ...]
    best: int


class Ignore:
    """The patterns of one file, ready to match.  No patterns exclude nothing."""

    def __init__(self, patterns: tuple[Pattern, ...] = ()) -> None:
        self.patterns = patterns
        self._exceptions = any(pattern.exception for pattern in patterns)
        self._verdicts = [Verdict(not p.exception, p.line, p.written) for p in patterns]
        self._verdicts.append(Verdict(False))
        self._folders: dict[str, _Inside] = {}
        self._root: _Inside | None = None

    def verdict(self, path: str) -> Verdict:
        """For a path relative to the context, with slashes and without a leading one."""
        folder, _, name = path.rpartition("/")
        return self._verdicts[self._enter(self._inside(folder), name).best]

    def may_skip(self, folder: str) -> bool:
        """Whether nothing below an excluded folder can come back through a later exception."""
        if not self._exceptions:
            return True
        inside = self._inside(folder)
        return all(state.hope() <= inside.best for state in inside.states)

    def _inside(self, folder: str) -> _Inside:
        if not folder:
            if self._root is None:
                self._root = _Inside(tuple(block.start() for block in _blocks(self.patterns)), -1)
            return self._root
        known = self._folders.get(folder)
        if known is None:
            above, _, name = folder.rpartition("/")
            at = self._enter(self._inside(above), name)
            below = (state["/"] for state in at.states)
            known = _Inside(tuple(state for state in below if state.bits), at.best)
            if len(self._folders) >= MOST_FOLDERS:
                self._folders.clear()
            self._folders[folder] = known
        return known

    def _enter(self, folder: _Inside, name: str) -> _Inside:
        """One step down: what holds at an entry of a folder."""
        best = folder.best
        living = []
        for state in folder.states:
            for char in name:
                state = state[char]
                if not state.bits:
                    break
            else:
                living.append(state)
                best = max(best, state.best)
        return _Inside(tuple(living), best)


def parse(text: str) -> Ignore:
    """Read a ``.dockerignore``.  Raises ContextError for a pattern that has no meaning."""
    patterns = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        written = line.strip()
        if written and not line.startswith("#"):
            patterns.append(_pattern(_cleaned(written).strip(), number, written))
    return Ignore(tuple(patterns))


def of_patterns(patterns: Iterable[str]) -> Ignore:
    """Patterns of no file: "#" begins no comment, a slash in front stays.  Raises ContextError."""
    return Ignore(tuple(_pattern(posixpath.normpath(text), 0, text) for text in patterns if text.strip()))


def _cleaned(written: str) -> str:
    """Relative to the context, without dots; the "!" stays in front."""
    mark = "!" if written.startswith("!") else ""
    body = written[len(mark) :].strip()
    if body:
        body = posixpath.normpath(body)
        # normpath keeps two leading slashes (POSIX).
        body = body.lstrip("/") or "/"
    return mark + body


def _pattern(cleaned: str, number: int, written: str) -> Pattern:
    from wherry.dockerfile.automaton import tokens

    exception = cleaned.startswith("!")
    body = cleaned.removeprefix("!").rstrip("/")
    where = f".dockerignore line {number}" if number else "--exclude"
    if exception and not body:
        raise ContextError(f'{where}: illegal exclusion pattern: "!"')
    try:
        tokens(body)
    except ContextError as error:
        raise ContextError(f"{where}: {error.message}", hint=error.hint) from None
    return Pattern(body, exception, number, written)


def _blocks(patterns: tuple[Pattern, ...]) -> list[Block]:
    """Patterns that begin alike share a block, so that few blocks live at any path."""
    if not patterns:
        return []
    from wherry.dockerfile.automaton import BLOCK, Block, tokens

    blocks: list[Block] = []
    for number, pattern in sorted(enumerate(patterns), key=lambda one: one[1].text):
        if not blocks or blocks[-1].size >= BLOCK:
            blocks.append(Block())
        for alternative in tokens(pattern.text):
            blocks[-1].add(alternative, number, exception=pattern.exception)
    return blocks
