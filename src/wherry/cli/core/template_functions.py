"""PURE: the functions of Go's text/template and those of the docker CLI, and how Go prints values."""

from __future__ import annotations

import json
import operator
import re

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "\0": "\ufffd"}
_JS = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
_VERB = re.compile(r"%([-+# 0]*)([0-9]*)((?:\.[0-9]*)?)(.)", re.DOTALL)
WIDEST = 1000
"""Of what printf and pad make, in characters."""


def text(value: Any) -> str:
    """As Go prints values: ``map[a:1]``, ``[x y]``, ``true``, ``<nil>``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "<nil>"
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{text(v)}" for k, v in sorted(value.items())) + "]"
    if isinstance(value, (list, tuple)):
        return "[" + " ".join(text(item) for item in value) + "]"
    if isinstance(value, float):
        return f"{value:.15g}"
    return str(value)


def _print(*values: Any) -> str:
    """With spaces between two that are both no strings."""
    shown = ""
    for number, value in enumerate(values):
        if number and not isinstance(value, str) and not isinstance(values[number - 1], str):
            shown += " "
        shown += text(value)
    return shown


def _printf(form: str, *values: Any) -> str:
    left = list(values)

    def one(match: re.Match[str]) -> str:
        flags, width, precision, verb = match.groups()
        if (
            len(width) > 4
            or len(precision) > 5
            or int(width or 0) > WIDEST
            or int(precision[1:] or 0) > WIDEST
        ):
            raise ValueError(f"a width in {form!r}")
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        return _formatted(left.pop(0), flags, width, precision, verb)

    shown = _VERB.sub(one, form)
    if left:
        shown += "%!(EXTRA " + ", ".join(f"{_type(value)}={text(value)}" for value in left) + ")"
    return shown


def _formatted(value: Any, flags: str, width: str, precision: str, verb: str) -> str:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if verb == "v":
        shown, precision = text(value), ""
    elif verb in "sq" and isinstance(value, str):
        shown = json.dumps(value, ensure_ascii=False) if verb == "q" else value
    elif isinstance(value, bool if verb == "t" else (list, tuple, dict) if verb == "s" else ()):
        shown = text(value)
    elif (verb in "dxXo" and number and not isinstance(value, float)) or (
        verb in "feEgG" and isinstance(value, float)
    ):
        return f"%{flags}{width}{precision}{verb}" % value
    elif verb in "xX" and isinstance(value, str):
        shown = value.encode().hex()
    else:
        return f"%!{verb}({_type(value)}={text(value)})"
    if precision:
        shown = shown[: int(precision[1:] or 0)]
    return shown.ljust(int(width or 0)) if "-" in flags else shown.rjust(int(width or 0))


def _type(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float64", str: "string"}
    return names.get(
        type(value), "map[string]interface {}" if isinstance(value, dict) else "[]interface {}"
    )


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key, "") if isinstance(value, dict) else value[key]
    return value


def _slice(value: Any, start: int = 0, stop: int | None = None) -> Any:
    end = len(value) if stop is None else stop
    if not 0 <= start <= end <= len(value):
        raise IndexError(f"index out of range: {stop if stop is not None else start}")
    return value[start:end]


def _kind(value: Any) -> str:
    """Of what can be compared."""
    for types, name in ((bool, "bool"), (int, "integer"), (float, "float"), (str, "string")):
        if isinstance(value, types):
            return name
    return "nothing" if value is None else "other"


def _same(one: Any, other: Any) -> bool:
    if _kind(one) == "other" or _kind(other) == "other":
        raise TypeError("non-comparable types")
    if None not in (one, other) and _kind(one) != _kind(other):
        raise TypeError("incompatible types for comparison")
    return bool(one == other)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def call(one: Any, other: Any) -> bool:
        if _kind(one) != _kind(other):
            raise TypeError("incompatible types for comparison")
        if _kind(one) in ("bool", "nothing", "other"):
            raise TypeError("invalid type for comparison")
        return compare(one, other)

    return call


def _equal(value: Any, *others: Any) -> bool:
    if not others:
        raise TypeError("missing argument for comparison")
    return any(_same(value, other) for other in others)


def _js(*values: Any) -> str:
    return "".join(_JS.get(char) or (char if char >= " " and char != "\x7f" else f"\\u{ord(char):04X}")
                   for char in _print(*values))  # fmt: skip


def _urlquery(*values: Any) -> str:
    import urllib.parse

    return urllib.parse.quote_plus(_print(*values))


def _pad(value: str, before: int, after: int) -> str:
    if not (0 <= before <= WIDEST and 0 <= after <= WIDEST):
        raise ValueError(f"more than {WIDEST} spaces")
    return " " * before + value + " " * after if value else value


def _truncate(value: str, length: int) -> str:
    if length < 0:
        raise ValueError("a negative length")
    return value[:length]


def _length(value: Any) -> int:
    """Of a string the bytes, as in Go."""
    return len(value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value or ())


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json": lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False),
    "join": lambda values, separator: separator.join(map(text, values or ())),
    "split": lambda value, separator: value.split(separator) if separator else list(value),
    "upper": lambda value: text(value).upper(),
    "lower": lambda value: text(value).lower(),
    "title": lambda value: text(value).title(),
    "pad": _pad,
    "truncate": _truncate,
    "len": _length,
    "print": _print,
    "println": lambda *values: " ".join(map(text, values)) + "\n",
    "printf": _printf,
    "index": _index,
    "slice": _slice,
    "html": lambda *values: "".join(_HTML.get(char, char) for char in _print(*values)),
    "js": _js,
    "urlquery": _urlquery,
    "eq": _equal,
    "ne": lambda one, other: not _same(one, other),
    "lt": _ordered(operator.lt),
    "le": _ordered(operator.le),
    "gt": _ordered(operator.gt),
    "ge": _ordered(operator.ge),
    "not": lambda value: not value,
}
LAZY: dict[str, bool] = {"and": False, "or": True}
"""Functions that give the first argument whose truth is this, and look at none after it."""
