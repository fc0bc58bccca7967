"""PURE: ``.dockerignore``.

Source: the Docker documentation, ".dockerignore file"; where it is silent, moby/patternmatcher: the last
pattern that matches a path or one of its folders decides.
"""

from __future__ import annotations

import posixpath
import re

from wherry.dockerfile.glob import match as match_component
from wherry.errors import ContextError
from wherry.typed import NamedTuple

# Patterns with more wildcards than this are matched by following all possibilities at once: a regular
# expression would try them one after the other, and a hostile pattern makes that take forever.
MOST_FOR_REGEX = 3


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


class Ignore:
    """The patterns of one file, ready to match.  No patterns exclude nothing."""

    def __init__(self, patterns: tuple[Pattern, ...] = ()) -> None:
        self.patterns = patterns
        self._matchers = [(_matcher(pattern.text), pattern) for pattern in patterns]
        self._exceptions = any(pattern.exception for pattern in patterns)
        self._any = None
        if patterns and not self._exceptions and all(_simple(p.text) for p in patterns):
            # One look for all patterns, which is what most paths need.
            self._any = re.compile("|".join(_regex(p.text) for p in patterns), re.DOTALL).match

    def verdict(self, path: str) -> Verdict:
        """For a path relative to the context, with slashes and without a leading one."""
        if self._any is not None and self._any(path) is None:
            return Verdict(False)
        result = Verdict(False)
        for matches, pattern in self._matchers:
            # A pattern that would not change the result need not be tried, unless it names the line.
            if pattern.exception == result.excluded and matches(path):
                result = Verdict(not pattern.exception, pattern.line, pattern.written)
        return result

    def may_skip(self, folder: str) -> bool:
        """Whether nothing below an excluded folder can come back through a later exception."""
        if not self._exceptions:
            return True
        return not any(p.exception and _reaches_below(p.text, folder) for p in self.patterns)


def parse(text: str) -> Ignore:
    """Read a ``.dockerignore``.  Raises ContextError for a pattern that has no meaning."""
    patterns = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        written = line.strip()
        if not written or line.startswith("#"):
            continue
        exception = written.startswith("!")
        body = written[1:].strip() if exception else written
        if exception and not body:
            raise ContextError(f'.dockerignore line {number}: illegal exclusion pattern: "!"')
        body = posixpath.normpath(body)
        # normpath keeps two leading slashes (POSIX); a pattern is always relative to the context.
        body = body.lstrip("/") if len(body) > 1 else body
        if body in (".", "/"):
            continue
        try:
            for component in body.split("/"):
                match_component(component.replace("**", "*"), "")
            _matcher(body)
        except re.error as error:
            raise ContextError(f".dockerignore line {number}: syntax error in pattern: {error}") from None
        except ContextError as error:
            raise ContextError(f".dockerignore line {number}: {error.message}", hint=error.hint) from None
        patterns.append(Pattern(body, exception, number, written))
    return Ignore(tuple(patterns))


def _simple(pattern: str) -> bool:
    return pattern.count("*") <= MOST_FOR_REGEX


def _matcher(pattern: str):  # type: ignore[no-untyped-def]
    if _simple(pattern):
        return re.compile(_regex(pattern), re.DOTALL).match
    parts = pattern.split("/")
    return lambda path: _follow(parts, path.split("/"))


def _regex(pattern: str) -> str:
    """A pattern that matches the path or one of its folders, from the start."""
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*" and pattern.startswith("*", at):
            at += 1
            if pattern.startswith("/", at):
                at += 1
            out.append(".*" if at >= len(pattern) else "(?:.*/)?")
        elif char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            end = _class_end(pattern, at)
            out.append("(?!/)" + _class(pattern[at : end - 1]))
            at = end
        elif char == "\\":
            out.append(re.escape(pattern[at : at + 1]))
            at += 1
        else:
            out.append(re.escape(char))
    return "(?:" + "".join(out) + r")(?:/|\Z)"


def _class_end(pattern: str, at: int) -> int:
    at += pattern.startswith("^", at)
    first = True
    while first or pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
        first = False
    return at + 1


def _class(inside: str) -> str:
    negated = inside.startswith("^")
    body = inside[1:] if negated else inside
    escaped = []
    at = 0
    while at < len(body):
        if body[at] == "\\":
            at += 1
            escaped.append(re.escape(body[at]))
        else:
            escaped.append("-" if body[at] == "-" else re.escape(body[at]))
        at += 1
    return "[" + ("^" if negated else "") + "".join(escaped) + "]"


def _follow(parts: list[str], path: list[str]) -> bool:
    """Component by component, all possibilities at once.  ``**`` stands for any number of components."""
    states = {0}
    for name in path:
        reached: set[int] = set()
        for state in _through_double(states, parts):
            if state == len(parts):
                return True
            if parts[state] == "**":
                reached.add(state)
            elif match_component(parts[state].replace("**", "*"), name):
                reached.add(state + 1)
        states = reached
        if len(parts) in states:
            return True
    return any(all(part == "**" for part in parts[state:]) for state in states)


def _through_double(states: set[int], parts: list[str]) -> set[int]:
    """The states, and those that follow when ``**`` stands for nothing."""
    result = set(states)
    for state in states:
        while state < len(parts) and parts[state] == "**":
            state += 1
            result.add(state)
    return result


def _reaches_below(pattern: str, folder: str) -> bool:
    """Whether an exception could match something below `folder`.  When in doubt, yes."""
    parts = pattern.split("/")
    for part, name in zip(parts, folder.split("/"), strict=False):
        if "**" in part:
            return True
        if not match_component(part, name):
            return False
    return True
