"""PURE: kubeconfig files as kubectl reads them: several are one, and a context names a cluster and a user.

What a file says first holds (k8s.io "Merging kubeconfig files").  Paths in a file start at its folder.
Field names are those of k8s.io/client-go/tools/clientcmd/api/v1.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KINDS = ("clusters", "users", "contexts")
PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


class BadConfig(Exception):
    """What is wrong with it, without its secrets; `near` names what it has instead."""


class Selected(NamedTuple):
    """A context's own name and namespace, and the fields of its cluster and of its user."""

    context: str
    namespace: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]


def select(files: Iterable[tuple[str, Any]], context: str | None) -> Selected:
    """The context that is named, or the current one.  `files` are (path, parsed).  Raises BadConfig."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {kind: {} for kind in KINDS}
    current = ""
    for path, config in files:
        if not isinstance(config, dict):
            raise BadConfig(f"{path} is not a mapping")
        current = current or text(config, "current-context")
        for kind in KINDS:
            for name, fields in _entries(config, kind, path):
                found[kind].setdefault(name, fields)
    name = current if context is None else context
    if not name:
        raise BadConfig("no current-context is set")
    chosen = _named(found, "contexts", name)
    user = text(chosen, "user")
    return Selected(
        name,
        text(chosen, "namespace") or "default",
        _named(found, "clusters", text(chosen, "cluster")),
        _named(found, "users", user) if user else {},
    )


def text(fields: Mapping[str, Any], name: str) -> str:
    """A field that is text, "" where it is absent.  Raises BadConfig."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadConfig(f"{name} is not text")
    return value


def texts(fields: Mapping[str, Any], name: str) -> list[str]:
    """A field that is a list of texts.  Raises BadConfig."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadConfig(f"{name} is not a list of texts")
    return value


def _entries(config: Mapping[str, Any], kind: str, path: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    entries = config.get(kind) or []
    if not isinstance(entries, list):
        raise BadConfig(f"{kind} of {path} is not a list")
    for entry in entries:
        fields = entry.get(kind[:-1]) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise BadConfig(f"an entry of {kind} in {path} has no name")
        if fields is not None and not isinstance(fields, dict):
            raise BadConfig(f"{kind[:-1]} {entry['name']} of {path} is not a mapping")
        yield entry["name"], _located(fields or {}, posixpath.dirname(path))


def _located(fields: Mapping[str, Any], folder: str) -> Mapping[str, Any]:
    """The fields with paths that hold wherever we are; a plugin without a slash is looked for on PATH."""
    located: dict[str, Any] = {
        name: posixpath.join(folder, value) if name in PATHS and value and isinstance(value, str) else value
        for name, value in fields.items()
    }
    plugin = located.get("exec")
    if isinstance(plugin, dict) and "/" in text(plugin, "command"):
        located["exec"] = {**plugin, "command": posixpath.join(folder, plugin["command"])}
    return located


def _named(found: Mapping[str, Mapping[str, Mapping[str, Any]]], kind: str, name: str) -> Mapping[str, Any]:
    fields = found[kind].get(name)
    if fields is None:
        raise BadConfig(f"there is no {kind[:-1]} named {name!r}")
    return fields
