"""PURE: the fields of a Kubernetes object, as parsed from JSON or YAML, each of the type that it must have.

Objects may be hostile or merely wrong: whatever is not what its kind says raises BadObject with the field's
name, and nothing else is raised.  A `path` is for that message; its last word is the field in `holder`.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_NAMESPACE = "default"


class BadObject(Exception):
    """The object is not what its kind says; the text names the field."""


def name(meta: Mapping[str, Any]) -> str:
    return required(meta, "metadata.name")


def namespace(meta: Mapping[str, Any]) -> str:
    """A manifest without one goes into ``default``, as with kubectl."""
    return text(meta, "metadata.namespace", DEFAULT_NAMESPACE)


def created(meta: Mapping[str, Any]) -> str:
    """creationTimestamp as RFC 3339 text, "" for none; YAML may have made a datetime of it."""
    value = meta.get("creationTimestamp")
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    iso = getattr(value, "isoformat", None)
    if iso is None:
        raise BadObject("metadata.creationTimestamp is not a time")
    return str(iso()).replace("+00:00", "") + "Z"


def text(holder: Mapping[str, Any], path: str, default: str = "") -> str:
    value = holder.get(_leaf(path))
    if value is None or value == "":
        return default
    if not isinstance(value, str):
        raise BadObject(f"{path} is not text")
    return value


def required(holder: Mapping[str, Any], path: str) -> str:
    value = text(holder, path)
    if not value:
        raise BadObject(f"{path} is missing")
    return value


def port(holder: Mapping[str, Any], path: str) -> int:
    value = holder.get(_leaf(path))
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        raise BadObject(f"{path} is not a port number")
    return value


def mapping(holder: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    value = holder.get(_leaf(path))
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadObject(f"{path} is not a mapping")
    return value


def items(holder: Mapping[str, Any], path: str) -> list[Any]:
    """A list; [] where there is none."""
    value = holder.get(_leaf(path))
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadObject(f"{path} is not a list")
    return value


@functools.lru_cache(1 << 10)
def _leaf(path: str) -> str:
    return path.rpartition(".")[2]
