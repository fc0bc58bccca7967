"""PURE: a resource of the API: where it is, and how what the server sends of it becomes small values."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from wherry.kube.fields import BadObject
from wherry.kube.reflector import Event, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
KINDS = ("ADDED", "MODIFIED", "DELETED")


class Invalid(NamedTuple):
    """Stands for an object that its projection refused; `message` names the field."""

    namespace: str
    name: str
    message: str


def _never(_before: object, _now: object) -> bool:
    return False


class Resource(NamedTuple, Generic[T]):
    """A resource of the API; `group` is "" for the core, `name` the plural that URLs and RBAC use.

    `project` makes of an object what is kept of it, and raises fields.BadObject.  `urgent` says whether a
    change from one value (None: nothing) to another shall not wait for others.
    """

    group: str
    version: str
    name: str
    kind: str
    project: Callable[[Mapping[str, Any]], T]
    urgent: Callable[[object, object], bool] = _never
    namespaced: bool = True

    def path(self, namespace: str) -> str:
        """The collection; `namespace` "" means all."""
        top = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{_segment(namespace)}" if namespace and self.namespaced else ""
        return f"{top}{place}/{self.name}"

    def one(self, namespace: str, name: str, subresource: str = "") -> str:
        """The path of one object.  Raises BadObject where `name` is none: it would lead elsewhere."""
        below = f"/{_segment(subresource)}" if subresource else ""
        return f"{self.path(namespace)}/{_segment(name)}{below}"


def _segment(text: str) -> str:
    """apimachinery's IsValidPathSegmentName; "" would be the collection, ".." what is above it."""
    if text in ("", ".", "..") or "/" in text or "%" in text:
        raise BadObject(f"{text!r} is not the name of an object")
    return urllib.parse.quote(text, safe=":")


class Page(NamedTuple, Generic[T]):
    """One page of a list; `token` "" on the last."""

    items: tuple[Item[T | Invalid], ...]
    version: int
    token: str


class Malformed(Exception):
    """JSON that is no list and no event."""


def page(resource: Resource[T], object_: Any) -> Page[T]:
    """Raises Malformed."""
    try:
        meta = object_["metadata"]
        items = tuple(item(resource, one) for one in object_.get("items") or ())
        return Page(items, int(meta["resourceVersion"]), str(meta.get("continue") or ""))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"no list of {resource.name}: {error}") from None


def event(resource: Resource[T], object_: Mapping[str, Any]) -> Event[T | Invalid]:
    """Raises Malformed."""
    try:
        kind, one = object_["type"], object_["object"]
        if kind == "BOOKMARK":
            return Event(kind, int(one["metadata"]["resourceVersion"]))
        if kind not in KINDS:
            raise ValueError(f"type {kind!r}")
        found = item(resource, one)
        return Event(kind, found.version, found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Malformed(f"no event of {resource.name}: {error}") from None


def item(resource: Resource[T], object_: Mapping[str, Any]) -> Item[T | Invalid]:
    """An object that is not what its kind says is reported in its place."""
    meta = object_["metadata"]
    key = (str(meta.get("namespace") or ""), str(meta["name"]))
    value: T | Invalid
    try:
        value = resource.project(object_)
    except BadObject as bad:
        value = Invalid(*key, str(bad))
    return Item(key, int(meta["resourceVersion"]), value)
