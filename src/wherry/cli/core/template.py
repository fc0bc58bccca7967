"""PURE: Go's text/template, as far as people use it with ``--format``, with the docker CLI's functions.

Fields, indexes, variables, pipes, ``range``, ``if``, ``with``, ``else``, ``break``, ``continue``, comments
and trimming dashes; a field may be a function, as ``.Label "key"`` is.
"""

from __future__ import annotations

from wherry.cli.core import template_parse as ast
from wherry.cli.core.template_functions import FUNCTIONS, LAZY, text
from wherry.errors import RenderError, nearest
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

# What a template of the user's can do wrong with a value.
FAULTS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError, MemoryError)


class Template:
    """A parsed template.  Raises TemplateError for a text that cannot be parsed."""

    def __init__(self, form: str) -> None:
        self._nodes = ast.parse(form, {*FUNCTIONS, *LAZY})

    def render(self, value: Any) -> str:
        """The text for one value.  Raises RenderError for a field that it does not have."""
        run = _Run(value)
        try:
            run.render(self._nodes, value)
        except FAULTS as error:
            raise RenderError(f"template: {error}") from None
        return "".join(run.out)


class _Set(NamedTuple):
    name: str
    value: Any


class _Run:
    """One rendering: what it gives so far, and the variables, the innermost last."""

    def __init__(self, value: Any) -> None:
        self.out: list[str] = []
        self._variables = [_Set("$", value)]

    def render(self, nodes: Sequence[ast.Node], dot: Any) -> str:
        """Which of ``break`` and ``continue`` ended it, or ""."""
        for node in nodes:
            jump = ""
            if isinstance(node, str):
                self.out.append(node)
            elif isinstance(node, ast.Action):
                value = self._evaluate(node.pipeline, dot)
                if not node.pipeline.names:
                    self.out.append(text(value))
            elif isinstance(node, ast.Jump):
                return node.keyword
            else:
                known = len(self._variables)
                jump = self._loop(node, dot) if isinstance(node, ast.Loop) else self._branch(node, dot)
                del self._variables[known:]
            if jump:
                return jump
        return ""

    def _branch(self, node: ast.Branch, dot: Any) -> str:
        value = self._evaluate(node.pipeline, dot)
        if value:
            return self.render(node.body, value if node.sets_dot else dot)
        return self.render(node.other, dot)

    def _loop(self, node: ast.Loop, dot: Any) -> str:
        names = node.pipeline.names
        items = list(_items(self._evaluate(node.pipeline._replace(names=()), dot)))
        known = len(self._variables)
        for key, item in items:
            values = (key, item) if len(names) == 2 else (item,)
            for name, value in zip(names, values, strict=False):
                self._assign(name, value, new=node.pipeline.declares)
            jump = self.render(node.body, item)
            del self._variables[known:]
            if jump == "break":
                return ""
        return "" if items else self.render(node.other, dot)

    def _assign(self, name: str, value: Any, *, new: bool) -> None:
        if new:
            self._variables.append(_Set(name, value))
            return
        place = max(i for i, known in enumerate(self._variables) if known.name == name)
        self._variables[place] = _Set(name, value)

    def _evaluate(self, pipeline: ast.Pipeline, dot: Any) -> Any:
        piped: tuple[Any, ...] = ()
        for command in pipeline.commands:
            piped = (self._command(command, dot, piped),)
        for name in pipeline.names:
            self._assign(name, piped[0], new=pipeline.declares)
        return piped[0]

    def _command(self, command: Sequence[ast.Operand], dot: Any, piped: tuple[Any, ...]) -> Any:
        first, *rest = command
        if isinstance(first, ast.Function):
            return self._call(first.name, rest, dot, piped)
        value = self._operand(first, dot)
        if callable(value):
            return _called(value, _shown(first), (*(self._operand(each, dot) for each in rest), *piped))
        if rest or piped:
            raise RenderError(f"template: can't give argument to non-function {_shown(first)}")
        return value

    def _call(self, name: str, operands: Iterable[ast.Operand], dot: Any, piped: tuple[Any, ...]) -> Any:
        if name in LAZY:
            value: Any = None
            for value in (*(self._operand(operand, dot) for operand in operands), *piped):
                if bool(value) == LAZY[name]:
                    break
            return value
        return _called(FUNCTIONS[name], name, (*(self._operand(each, dot) for each in operands), *piped))

    def _operand(self, operand: ast.Operand, dot: Any) -> Any:
        if isinstance(operand, ast.Literal):
            return operand.value
        if isinstance(operand, ast.Field):
            return _field(dot, operand.path)
        if isinstance(operand, ast.Variable):
            known = next(known for known in reversed(self._variables) if known.name == operand.name)
            return _field(known.value, operand.path)
        if isinstance(operand, ast.Group):
            return _field(self._evaluate(operand.pipeline, dot), operand.path)
        return self._call(operand.name, (), dot, ())


def _called(function: Callable[..., Any], name: str, arguments: Sequence[Any]) -> Any:
    try:
        return function(*arguments)
    except FAULTS as error:
        if isinstance(error, TypeError) and "positional argument" in str(error):
            raise RenderError(f"template: wrong number of args for {name}: {len(arguments)}") from None
        raise RenderError(f"template: error calling {name}: {error}") from None


def _items(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return sorted(value.items())
    if value is not None and not isinstance(value, (list, tuple)):
        raise RenderError(f"template: range can't iterate over {text(value)}")
    return enumerate(value or ())


def _shown(operand: ast.Operand) -> str:
    return "." + ".".join(operand.path) if isinstance(operand, ast.Field) else text(operand[0])


def _field(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise RenderError(f"template: can't evaluate field {name} in type {type(value).__name__}")
        if name not in value:
            near = nearest(name, [str(key) for key in value])
            hint = f"did you mean .{near}?" if near else f"fields are {', '.join(map(str, value))}"
            raise RenderError(f"template: can't evaluate field {name}", hint=hint)
        value = value[name]
    return value
