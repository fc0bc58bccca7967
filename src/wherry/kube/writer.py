"""Objects of one resource, read and written one by one.

A request is repeated only where the server has done nothing of it: it is busy (429, after as long as it
asks for), or did not take our token (401: it may have been replaced, so it is read again, once).  What
became of a write whose connection broke is not known: whoever writes reads again, and decides.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from wherry.kube import faults
from wherry.kube.client import Body
from wherry.kube.faults import Failed, RequestInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wherry.kube.client import Client
    from wherry.kube.reflector import Policy
    from wherry.kube.resource import Resource

Object = dict[str, Any]
TRIES = 5
"""Of one write, while the server is busy."""
JSON = "application/json"
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
"""JSON is YAML; older servers know no other name for a server-side apply."""


class Writer:
    """Writes as the field manager `manager`.  Each method raises Failed, and BadObject for a bad name.

    `namespace` is "" for what is in none.  `pause` waits between tries: seconds.  For one thread at a time.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource[Any],
        policy: Policy,
        manager: str = "wherry",
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = client
        self._resource = resource
        self._policy = policy
        self._manager = manager
        self._pause = pause

    def read(self, namespace: str, name: str) -> Object:
        """The object as it is now."""
        path, info = self._resource.one(namespace, name), self._info("get", namespace, name)
        return self._object(lambda: self._client.get(path, {}, info))

    def create(self, namespace: str, object_: Mapping[str, Any]) -> Object:
        """Put it there; what the server made of it.  Fault EXISTS where there is one of that name."""
        path, info = self._resource.path(namespace), self._info("create", namespace)
        return self._send("POST", path, self._query(), _body(object_, JSON), info)

    def merge(
        self, namespace: str, name: str, changes: Mapping[str, Any], *, subresource: str = ""
    ) -> Object:
        """A JSON merge patch (RFC 7386): null removes a field, a list replaces the whole list.

        With metadata.resourceVersion in `changes` it is done only if nothing else was: fault CONFLICT.
        `subresource` "status" changes the status, and nothing else.
        """
        path = self._resource.one(namespace, name, subresource)
        info = self._info("patch", namespace, name, subresource)
        return self._send("PATCH", path, self._query(), _body(changes, MERGE), info)

    def apply(
        self, namespace: str, object_: Mapping[str, Any], *, force: bool = False, subresource: str = ""
    ) -> Object:
        """Server-side apply: the fields of `object_` are ours from now on; those that were ours and are
        missing in it are removed.  It may be repeated: the second time nothing changes.

        `object_` is made where it is not there.  Fault CONFLICT where another manager holds a field to
        another value, unless `force` takes it over.
        """
        name = str((object_.get("metadata") or {}).get("name") or "")
        path = self._resource.one(namespace, name, subresource)
        info = self._info("apply", namespace, name, subresource)
        version = f"{self._resource.group}/{self._resource.version}".lstrip("/")
        whole = {"apiVersion": version, "kind": self._resource.kind, **object_}
        query = self._query() | {"force": str(force).lower()}
        return self._send("PATCH", path, query, _body(whole, APPLY), info)

    def delete(self, namespace: str, name: str, *, uid: str = "", version: str = "") -> None:
        """Let it go, and in the background what it owns; finalizers may keep it for a while.

        With `uid` or `version` only that very object, or that state of it: fault CONFLICT for another.
        Fault NOT_FOUND where it is gone already.
        """
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        preconditions = {"uid": uid} if uid else {}
        preconditions |= {"resourceVersion": version} if version else {}
        if preconditions:
            options["preconditions"] = preconditions
        path, info = self._resource.one(namespace, name), self._info("delete", namespace, name)
        self._send("DELETE", path, {}, _body(options, JSON), info)

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Body, info: RequestInfo
    ) -> Object:
        return self._object(lambda: self._client.send(method, path, query, body, info))

    def _object(self, request: Callable[[], Any]) -> Object:
        answer = self._tried(request)
        if not isinstance(answer, dict):
            raise Failed(faults.Fault(faults.GARBLED, f"{self._client.server} sent no object"))
        return answer

    def _tried(self, request: Callable[[], Any]) -> Any:
        renewed = False
        tries = 0
        while True:
            try:
                return request()
            except Failed as failed:
                fault = failed.fault
                if fault.kind == faults.UNAUTHORIZED and not renewed:
                    renewed = True
                    self._client.renew()
                    continue
                tries += 1
                if fault.kind != faults.BUSY or tries >= TRIES:
                    raise
                longest = self._policy.longest_pause
                self._pause(fault.retry_after or min(self._policy.first_pause * (1 << tries), longest))

    def _query(self) -> dict[str, str]:
        return {"fieldManager": self._manager}

    def _info(self, verb: str, namespace: str, name: str = "", subresource: str = "") -> RequestInfo:
        return RequestInfo(
            verb,
            self._resource.group,
            self._resource.name,
            namespace,
            self._client.server,
            self._client.origin,
            name=name,
            subresource=subresource,
        )


def _body(object_: Mapping[str, Any], type_: str) -> Body:
    return Body(json.dumps(object_, separators=(",", ":")).encode(), type_)
