"""PURE: the resources that routing needs: where they are, and how their objects become small values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from wherry.proxy import project
from wherry.proxy.kube.reflector import Event, Item
from wherry.proxy.model import EndpointSlice, Rejected, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
KINDS = ("ADDED", "MODIFIED", "DELETED")


class Resource(NamedTuple, Generic[T]):
    """A resource of the API; `group` is "" for the core.

    `answerable` says whether a change from one value (None: nothing) to another lets requests be answered
    that could not be.
    """

    group: str
    version: str
    name: str
    project: Callable[[Mapping[str, Any]], T]
    answerable: Callable[[object, object], bool]

    def path(self, namespace: str) -> str:
        """`namespace` "" means all."""
        top = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        return f"{top}/namespaces/{namespace}/{self.name}" if namespace else f"{top}/{self.name}"


class Page(NamedTuple, Generic[T]):
    """One page of a list; `token` "" on the last."""

    items: tuple[Item[T | Rejected], ...]
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


def event(resource: Resource[T], object_: Mapping[str, Any]) -> Event[T | Rejected]:
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


def item(resource: Resource[T], object_: Mapping[str, Any]) -> Item[T | Rejected]:
    """An object that is not what its kind says is reported in its place."""
    meta = object_["metadata"]
    key = (str(meta.get("namespace") or ""), str(meta["name"]))
    value: T | Rejected
    try:
        value = resource.project(object_)
    except project.BadObject as bad:
        value = Rejected("/".join(key), "bad-object", str(bad))
    return Item(key, int(meta["resourceVersion"]), value)


def _service_came(before: object, _now: object) -> bool:
    return before is None


def _pods_came(before: object, now: object) -> bool:
    return _has_pods(now) and not _has_pods(before)


def _has_pods(slice_: object) -> bool:
    return isinstance(slice_, EndpointSlice) and bool(slice_.addresses or slice_.terminating)


SERVICES: Resource[Service] = Resource("", "v1", "services", project.service, _service_came)
SLICES: Resource[EndpointSlice] = Resource(
    "discovery.k8s.io", "v1", "endpointslices", project.endpoint_slice, _pods_came
)
