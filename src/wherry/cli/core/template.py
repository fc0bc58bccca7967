"""PURE: the part of Go's text/template that people use with ``--format``.

Fields and indexes (``{{.Config.Env}}``, ``{{index .Labels "x"}}``), ``range``/``if``/``with``/``else``,
variables of range, pipes, trimming dashes, and Docker's functions: json, join, upper, lower, title, len,
println, print, printf, split, eq, ne, and, or, not, slice.
"""

from __future__ import annotations

import json
import re

from wherry.digits import whole
from wherry.errors import UsageError
from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Scope = dict[str, Any]

_WORD = pattern(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*"|`[^`]*`)
      | (?P<number>-?\d+)
      | (?P<variable>\$\w*(?:\.\w+)*)
      | (?P<field>\.(?:\w+(?:\.\w+)*)?)
      | (?P<name>[A-Za-z_]\w*)
      | (?P<mark>:=|[|(),])
    )""",
    re.VERBOSE,
)


WORDS = {"true": True, "false": False, "nil": None}
# What a template of the user's can do wrong with a value.
FAULTS = (TypeError, ValueError, LookupError, ArithmeticError, RecursionError, MemoryError)


class Template:
    """A parsed template.  Raises UsageError where the text is none."""

    def __init__(self, text: str) -> None:
        self._tokens = _split(text)
        self._at = 0
        try:
            self._nodes, stopped = self._block(())
        except RecursionError:
            raise UsageError("template parsing error: nested too deep") from None
        if stopped:
            raise UsageError(f"template parsing error: unexpected {{{{{stopped}}}}}")

    def render(self, value: Any) -> str:
        """The text for one value.  Raises UsageError for a field that it does not have."""
        out: list[str] = []
        try:
            _render(self._nodes, value, {"$": value}, out)
        except FAULTS as error:
            raise UsageError(f"template: {error}") from None
        return "".join(out)

    def _block(self, stops: tuple[str, ...]) -> tuple[list[Any], str]:
        """Nodes up to one of `stops` (``else``, ``end``), and which it was."""
        nodes: list[Any] = []
        while self._at < len(self._tokens):
            is_action, text = self._tokens[self._at]
            self._at += 1
            if not is_action:
                nodes.append(text)
                continue
            keyword = text.split(None, 1)[0] if text else ""
            if keyword in ("else", "end"):
                if keyword not in stops:
                    return nodes, keyword
                return nodes, text
            if keyword in ("if", "range", "with"):
                nodes.append(self._control(keyword, text[len(keyword) :]))
            elif not text.startswith("/*"):
                nodes.append(("pipe", _pipeline(text)))
        if stops:
            raise UsageError("template parsing error: unexpected EOF: {{end}} is missing")
        return nodes, ""

    def _control(self, keyword: str, rest: str) -> Any:
        names: list[str] = []
        if ":=" in rest:
            left, _, rest = rest.partition(":=")
            names = [name.strip() for name in left.split(",")]
        condition = _pipeline(rest)
        body, stopped = self._block(("else", "end"))
        other: list[Any] = []
        if stopped.startswith("else if"):
            other = [self._control("if", stopped.removeprefix("else if"))]
        elif stopped == "else":
            other, _ = self._block(("end",))
        return (keyword, names, condition, body, other)


def _split(text: str) -> list[tuple[bool, str]]:
    """Literal texts and actions, with the white space that ``{{-`` and ``-}}`` eat removed."""
    tokens: list[tuple[bool, str]] = []
    at = 0
    trim = False
    while True:
        start = text.find("{{", at)
        literal = text[at:] if start < 0 else text[at:start]
        if trim:
            literal = literal.lstrip()
        if start < 0:
            tokens.append((False, literal))
            return tokens
        end = text.find("}}", start)
        if end < 0:
            raise UsageError(f"template parsing error: unclosed action: {text[start : start + 40]}")
        action = text[start + 2 : end]
        if action.startswith("- "):
            literal, action = literal.rstrip(), action[2:]
        trim = action.endswith(" -")
        if trim:
            action = action[:-2]
        tokens += [(False, literal), (True, action.strip())]
        at = end + 2


def _pipeline(text: str) -> list[list[Any]]:
    words = _words(text)
    pipeline, rest = _commands(words)
    if rest:
        raise UsageError(f'template parsing error: unexpected ")" in {{{{{text}}}}}')
    if not all(pipeline):
        raise UsageError(f"template parsing error: missing value for command in {{{{{text}}}}}")
    return pipeline


def _words(text: str) -> list[tuple[str, str]]:
    found = []
    at = 0
    text = text.strip()
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise UsageError(f"template parsing error: unexpected {text[at : at + 20]!r}")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        at = match.end()
    return found


def _commands(words: list[tuple[str, str]]) -> tuple[list[list[Any]], bool]:
    """A pipeline; parentheses hold pipelines of their own.  `words` is consumed."""
    pipeline: list[list[Any]] = [[]]
    while words:
        kind, text = words.pop(0)
        if (kind, text) == ("mark", "("):
            inner, closed = _commands(words)
            if not closed:
                raise UsageError("template parsing error: unclosed left paren")
            pipeline[-1].append(("paren", inner))
        elif (kind, text) == ("mark", ")"):
            return pipeline, True
        elif (kind, text) == ("mark", "|"):
            pipeline.append([])
        elif kind == "mark":
            raise UsageError(f"template parsing error: unexpected {text!r}")
        else:
            pipeline[-1].append((kind, text))
    return pipeline, False


def _render(nodes: list[Any], dot: Any, scope: Scope, out: list[str]) -> None:
    for node in nodes:
        if isinstance(node, str):
            out.append(node)
        elif node[0] == "pipe":
            out.append(_text(_evaluate(node[1], dot, scope)))
        else:
            _control(node, dot, scope, out)


def _control(node: Any, dot: Any, scope: Scope, out: list[str]) -> None:
    keyword, names, condition, body, other = node
    value = _evaluate(condition, dot, scope)
    if keyword != "range":
        if value:
            _render(body, value if keyword == "with" else dot, scope, out)
        else:
            _render(other, dot, scope, out)
        return
    items = sorted(value.items()) if isinstance(value, dict) else list(enumerate(value or ()))
    for key, item in items:
        inner = dict(scope)
        if len(names) == 2:
            inner[names[0]], inner[names[1]] = key, item
        elif names:
            inner[names[0]] = item
        _render(body, item, inner, out)
    if not items:
        _render(other, dot, scope, out)


def _evaluate(pipeline: list[list[Any]], dot: Any, scope: Scope) -> Any:
    value: Any = None
    for index, command in enumerate(pipeline):
        piped = [value] if index else []
        kind, text = command[0]
        if kind == "name" and text not in WORDS:
            function = FUNCTIONS.get(text)
            if function is None:
                raise UsageError(f'template parsing error: function "{text}" not defined')
            arguments = [_operand(word, dot, scope) for word in command[1:]] + piped
            try:
                value = function(*arguments)
            except FAULTS as error:
                raise UsageError(f"template: {text}: {error}") from None
        else:
            value = _operand(command[0], dot, scope)
    return value


def _number(text: str) -> int:
    number = whole(text.removeprefix("-"))
    if number is None:
        raise UsageError(f"template parsing error: integer overflow: {text[:40]}")
    return -number if text.startswith("-") else number


def _operand(word: Any, dot: Any, scope: Scope) -> Any:
    kind, text = word
    if kind == "paren":
        return _evaluate(text, dot, scope)
    if kind == "string":
        return text[1:-1] if text[0] == "`" else json.loads(text)
    if kind == "number":
        return _number(text)
    if kind == "name":
        if text not in WORDS:
            raise UsageError(f'template parsing error: function "{text}" not defined')
        return WORDS[text]
    if kind == "variable":
        name, *path = text.split(".")
        if name not in scope:
            raise UsageError(f'template parsing error: undefined variable "{name}"')
        return _field(scope[name], path)
    return _field(dot, [part for part in text.split(".") if part])


def _field(value: Any, path: list[str]) -> Any:
    for name in path:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise UsageError(f"template: can't evaluate field {name} in type {type(value).__name__}")
        if name not in value:
            from wherry.errors import nearest

            near = nearest(name, [str(key) for key in value])
            raise UsageError(
                f"template: can't evaluate field {name}",
                hint=f"did you mean .{near}?" if near else f"fields are {', '.join(map(str, value))}",
            )
        value = value[name]
    return value


def _text(value: Any) -> str:
    """As Go prints values: ``map[a:1]``, ``[x y]``, ``true``, ``<nil>``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "<nil>"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{_text(v)}" for k, v in sorted(value.items())) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(_text(item) for item in value) + "]"
    return str(value)


def _printf(form: str, *values: Any) -> str:
    if re.search(r"%[-+ #0]*[0-9.]{5}", form):
        raise ValueError(f"a width in {form!r}")
    form = re.sub(r"%([-0-9.]*)[vsq]", lambda m: f"%{m[1]}s" if m[0][-1] != "q" else '"%s"', form)
    return form % tuple(v if isinstance(v, (int, float)) and "%d" in form else _text(v) for v in values)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key, "") if isinstance(value, dict) else value[key]
    return value


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json": lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
    "join": lambda values, separator: separator.join(map(_text, values or ())),
    "split": lambda text, separator: text.split(separator),
    "upper": lambda text: _text(text).upper(),
    "lower": lambda text: _text(text).lower(),
    "title": lambda text: _text(text).title(),
    "len": lambda value: len(value or ()),
    "print": lambda *values: "".join(map(_text, values)),
    "println": lambda *values: " ".join(map(_text, values)) + "\n",
    "printf": _printf,
    "index": _index,
    "slice": lambda value, start=0, stop=None: value[start:stop],
    "eq": lambda value, *others: any(value == other for other in others),
    "ne": lambda value, other: value != other,
    "and": lambda *values: next((v for v in values if not v), values[-1]),
    "or": lambda *values: next((v for v in values if v), values[-1]),
    "not": lambda value: not value,
}
