"""PURE: the text of a Go template as nodes.  Source: Go's text/template/parse.

Not understood, and refused by name: ``define``, ``template``, ``block``.
"""

from __future__ import annotations

import re

from wherry.digits import whole
from wherry.errors import TemplateError
from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, TypeAlias

    Node: TypeAlias = "str | Action | Branch | Loop | Jump"
    Operand: TypeAlias = "Literal | Field | Variable | Function | Group"

_TOKEN = pattern(
    r"""(?P<space>\s+)
      | (?P<string>"(?:[^"\\\n]|\\.)*" | `[^`]*` | '(?:[^'\\\n]|\\.)+')
      | (?P<number>[-+]?(?:0[xX][0-9a-fA-F_]+ | (?:[0-9]+\.?[0-9]* | \.[0-9]+)(?:[eE][-+]?[0-9]+)?))
      | (?P<variable>\$\w*(?:\.[^\W\d]\w*)*)
      | (?P<field>\.(?:[^\W\d]\w*(?:\.[^\W\d]\w*)*)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<mark>:=|[=|(),])
    """,
    re.VERBOSE,
)
_ESCAPE = pattern(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
CONSTANTS = {"true": True, "false": False, "nil": None}
UNSUPPORTED = ("define", "template", "block")
DEEPEST = 100


class Literal(NamedTuple):
    value: Any


class Field(NamedTuple):
    """``.A.B``; ``.`` has an empty path."""

    path: tuple[str, ...]


class Variable(NamedTuple):
    name: str
    path: tuple[str, ...]


class Function(NamedTuple):
    name: str


class Group(NamedTuple):
    """A pipeline in parentheses, and the fields of what it gives."""

    pipeline: Pipeline
    path: tuple[str, ...]


class Pipeline(NamedTuple):
    """Commands, each of whose results is the next one's last argument; what is set to the last result, and
    whether these variables are new."""

    commands: tuple[tuple[Operand, ...], ...]
    names: tuple[str, ...] = ()
    declares: bool = False


class Action(NamedTuple):
    pipeline: Pipeline


class Branch(NamedTuple):
    """``if``, or ``with``, which sets the dot."""

    pipeline: Pipeline
    body: tuple[Node, ...]
    other: tuple[Node, ...]
    sets_dot: bool


class Loop(NamedTuple):
    pipeline: Pipeline
    body: tuple[Node, ...]
    other: tuple[Node, ...]


class Jump(NamedTuple):
    """``break`` or ``continue``."""

    keyword: str


class Token(NamedTuple):
    """`touches`: no white space stands before it."""

    kind: str
    text: str
    touches: bool = False


def parse(text: str, functions: Collection[str]) -> tuple[Node, ...]:
    """Raises TemplateError where the text is no template, or names a function that there is not."""
    return _Parser(text, functions).parsed()


def _error(what: str) -> TemplateError:
    return TemplateError(f"template parsing error: {what}")


def _lex(text: str) -> list[str | list[Token]]:
    """Texts and the tokens of actions, without the white space that ``{{-`` and ``-}}`` take away."""
    found: list[str | list[Token]] = []
    at, trims = 0, False
    while True:
        start = text.find("{{", at)
        literal = text[at:] if start < 0 else text[at:start]
        literal = literal.lstrip() if trims else literal
        if start < 0:
            return [*found, literal]
        at = start + 2
        if text[at : at + 1] == "-" and text[at + 1 : at + 2].isspace():
            literal, at = literal.rstrip(), at + 2
        tokens, at, trims = _action(text, at)
        found += [literal, tokens]


def _action(text: str, at: int) -> tuple[list[Token], int, bool]:
    """The tokens of an action, where it ends, and whether it takes the white space after it away."""
    comment = re.compile(r"\s*/\*.*?\*/\s*?(\s-)?\}\}", re.DOTALL).match(text, at)
    if comment is not None:
        return [], comment.end(), comment[1] is not None
    tokens: list[Token] = []
    touches = False
    while True:
        if text.startswith("}}", at):
            return tokens, at + 2, False
        if text.startswith("-}}", at) and text[at - 1].isspace():
            return tokens, at + 3, True
        match = _TOKEN.match(text, at)
        if match is None:
            raise _error(
                f"unexpected {text[at]!r} in an action" if text.find("}}", at) >= 0 else "unclosed action"
            )
        at = match.end()
        kind = str(match.lastgroup)
        if kind != "space":
            tokens.append(Token(kind, match[kind], touches))
        touches = kind != "space"


class _Parser:
    def __init__(self, text: str, functions: Collection[str]) -> None:
        self._items = _lex(text)
        self._at = 0
        self._functions = functions
        self._variables = ["$"]
        self._loops = self._depth = 0

    def parsed(self) -> tuple[Node, ...]:
        nodes, stop = self._block()
        if stop:
            raise _error(f"unexpected {{{{{stop[0].text}}}}}")
        return nodes

    def _block(self) -> tuple[tuple[Node, ...], list[Token]]:
        """Nodes up to an ``else`` or ``end``, and that action; nothing at the end of the text."""
        nodes: list[Node] = []
        while self._at < len(self._items):
            item = self._items[self._at]
            self._at += 1
            if isinstance(item, str):
                nodes.append(item)
            elif item and item[0].kind == "name" and item[0].text in ("else", "end"):
                return tuple(nodes), item
            elif item:
                nodes.append(self._node(item))
        return tuple(nodes), []

    def _node(self, tokens: list[Token]) -> Node:
        word = tokens[0].text if tokens[0].kind == "name" else ""
        if word in ("if", "with", "range"):
            return self._control(word, tokens[1:])
        if word in UNSUPPORTED:
            raise _error(f"{{{{{word}}}}} is not supported")
        if word in ("break", "continue"):
            if not self._loops:
                raise _error(f"{{{{{word}}}}} outside {{{{range}}}}")
            return Jump(word)
        return Action(self._whole(tokens, "command"))

    def _control(self, keyword: str, tokens: list[Token]) -> Branch | Loop:
        self._depth += 1
        if self._depth > DEEPEST:
            raise _error("nested too deep")
        known = len(self._variables)
        pipeline = self._whole(tokens, keyword)
        self._loops += keyword == "range"
        body, stop = self._block()
        self._loops -= keyword == "range"
        other: tuple[Node, ...] = ()
        if stop and stop[0].text == "else":
            del self._variables[known + len(pipeline.names) :]
            if len(stop) > 1 and stop[1].text in ("if", "with"):
                other, stop = (self._control(stop[1].text, stop[2:]),), stop[:1]
            else:
                other, stop = self._block()
                if stop and stop[0].text == "else":
                    raise _error("expected end; found {{else}}")
        if not stop:
            raise _error("unexpected EOF: {{end}} is missing")
        del self._variables[known:]
        self._depth -= 1
        return Loop(pipeline, body, other) if keyword == "range" else Branch(
            pipeline, body, other, keyword == "with"
        )  # fmt: skip

    def _whole(self, tokens: list[Token], context: str) -> Pipeline:
        """All tokens of an action as a pipeline."""
        names, declares, rest = _declared(tokens)
        if len(names) > 1 and context != "range":
            raise _error(f"too many declarations in {context}")
        if not declares:
            for name in names:
                self._known(name)
        commands, rest = self._commands(rest, context)
        if rest:
            raise _error("unexpected right paren")
        if declares:
            self._variables += names
        return Pipeline(commands, names, declares)

    def _commands(
        self, tokens: list[Token], context: str
    ) -> tuple[tuple[tuple[Operand, ...], ...], list[Token]]:
        """Commands up to a closing parenthesis, and what stands from there on."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise _error("nested too deep")
        commands: list[list[Operand]] = [[]]
        while tokens and tokens[0] != Token("mark", ")", tokens[0].touches):
            token, *tokens = tokens
            if token.kind == "mark" and token.text == "|":
                commands.append([])
            elif token.kind == "mark" and token.text == "(":
                operand, tokens = self._group(tokens)
                commands[-1].append(operand)
            else:
                commands[-1].append(self._operand(token))
        if not all(commands):
            raise _error(f"missing value for {context}")
        if any(isinstance(command[0], Literal) for command in commands[1:]):
            raise _error("non executable command in a later stage of the pipeline")
        self._depth -= 1
        return tuple(map(tuple, commands)), tokens

    def _group(self, tokens: list[Token]) -> tuple[Group, list[Token]]:
        commands, tokens = self._commands(tokens, "parenthesized pipeline")
        if not tokens:
            raise _error("unclosed left paren")
        tokens = tokens[1:]
        path: tuple[str, ...] = ()
        if tokens and tokens[0].kind == "field" and tokens[0].touches:
            path, tokens = _path(tokens[0].text), tokens[1:]
        return Group(Pipeline(commands), path), tokens

    def _operand(self, token: Token) -> Operand:
        kind, text, _ = token
        if kind == "field":
            return Field(_path(text))
        if kind == "variable":
            name, *path = text.split(".")
            return Variable(self._known(name), tuple(path))
        if kind == "string":
            return Literal(_unquoted(text))
        if kind == "number":
            return Literal(_number(text))
        if kind == "name" and text in CONSTANTS:
            return Literal(CONSTANTS[text])
        if kind == "name" and text in self._functions:
            return Function(text)
        raise _error(f'function "{text}" not defined' if kind == "name" else f"unexpected {text!r}")

    def _known(self, name: str) -> str:
        if name not in self._variables:
            raise _error(f'undefined variable "{name}"')
        return name


def _declared(tokens: list[Token]) -> tuple[tuple[str, ...], bool, list[Token]]:
    """``$x :=``, ``$i, $x :=`` or ``$x =`` at the beginning: the names, whether they are new, the rest."""
    for count in (1, 2):
        texts = [token.text for token in tokens[: 2 * count]]
        *pairs, sign = texts or [""]
        names = tuple(pairs[::2])
        if sign in (":=", "=") and pairs[1::2] == [","] * (count - 1) and all(map(_is_variable, names)):
            return names, sign == ":=", tokens[2 * count :]
    return (), False, tokens


def _is_variable(text: str) -> bool:
    return text.startswith("$") and "." not in text


def _path(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(".") if part)


def _unquoted(text: str) -> Any:
    if text[0] == "`":
        return text[1:-1]
    value = _ESCAPE.sub(lambda match: _unescaped(match[1]), text[1:-1])
    if text[0] == '"':
        return value
    if len(value) != 1:
        raise _error(f"malformed character constant: {text}")
    return ord(value)


def _unescaped(text: str) -> str:
    if text[0] in "xuU" and len(text) > 1:
        number = int(text[1:], 16)
    elif text.isdecimal() and len(text) == 3:
        number = int(text, 8)
    elif text in _ESCAPES or text in ("\\", '"', "'"):
        return _ESCAPES.get(text, text)
    else:
        raise _error(f"unknown escape \\{text}")
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise _error(f"\\{text} is no character")
    return chr(number)


def _number(text: str) -> int | float:
    sign, digits = (-1 if text[0] == "-" else 1), text.lstrip("+-").replace("_", "")
    if digits[:2].lower() == "0x":
        if not 0 < len(digits) - 2 <= 15:
            raise _error(f"integer overflow: {text[:40]}")
        return sign * int(digits, 16)
    if digits.isdecimal():
        number = whole(digits)
        if number is None:
            raise _error(f"integer overflow: {text[:40]}")
        return sign * number
    return sign * float(digits)
