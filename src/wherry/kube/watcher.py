"""The loop around one reflector: asks what it wants to know, waits where it says so."""

from __future__ import annotations

import contextlib
import random
import threading
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from wherry.kube import faults, resource
from wherry.kube.faults import Failed, Fault, RequestInfo
from wherry.kube.reflector import List, Policy, Reflector
from wherry.kube.resource import Invalid, Malformed, Resource

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.kube.client import Client, Stream
    from wherry.kube.reflector import Changes, Watch

T = TypeVar("T")
TRIES = 5
"""Of one list, at faults that pass."""


class Scope(NamedTuple):
    """What part of a resource: `namespace` "" means all, `selector` "" everything."""

    namespace: str = ""
    selector: str = ""


class Reports(NamedTuple):
    """Whom a watcher tells, from its own thread.

    `heard`: an event, a bookmark or a list came.  `changed`: and something is different.  `restarted`: a
    watch ended, with its fault or None.  `troubled`: a request failed, and is tried again in so many
    seconds.
    """

    heard: Callable[[], None]
    changed: Callable[[Changes], None]
    restarted: Callable[[Fault | None], None]
    troubled: Callable[[Fault, float], None]


class Watcher(Generic[T]):
    """One resource in one scope.  Use it either for list() or for run()."""

    def __init__(self, client: Client, of: Resource[T], scope: Scope, policy: Policy) -> None:
        self._client = client
        self._resource = of
        self._scope = scope
        self._policy = policy
        self._reflector: Reflector[T | Invalid] = Reflector(policy, of.urgent)
        self._told = False
        self._stream: Stream | None = None
        self._random = random.Random()  # noqa: S311  spreads load, hides nothing

    @property
    def resource(self) -> Resource[T]:
        return self._resource

    @property
    def values(self) -> list[T | Invalid] | None:
        """What there is now, a new list each time, for any thread; None before the first one came.

        It takes as long as there is much, so ask when it is needed, and not at each event of a storm.
        """
        return self._reflector.values() if self._told else None

    def __str__(self) -> str:
        return str(self._info("list"))

    def list(self, pause: Callable[[float], object]) -> list[T | Invalid]:
        """Read everything once.  Faults that pass are tried again a few times; raises Failed."""
        tries = 0
        while not self._reflector.listed:
            try:
                self._page()
            except Failed as failed:
                tries += 1
                seconds = self._reflector.ended(failed.fault, self._random.random())
                if failed.fault.kind in faults.LASTING or tries >= TRIES:
                    raise
                pause(seconds)
        return self._reflector.values()

    def run(self, reports: Reports, stop: threading.Event) -> None:
        """Follow it until `stop` is set and cut() is called."""
        while not stop.is_set():
            fault: Fault | None = None
            request = self._reflector.request()
            try:
                if isinstance(request, List):
                    self._tell(reports, self._page(), whole=self._reflector.listed)
                    continue
                self._watch(request, reports, stop)
            except Failed as failed:
                fault = failed.fault
            if stop.is_set():
                return
            if not isinstance(request, List):
                reports.restarted(fault)
            seconds = self._reflector.ended(fault, self._random.random())
            if fault is not None:
                reports.troubled(fault, seconds)
            stop.wait(seconds)
            if fault is not None and fault.kind in faults.RENEW:
                self._renew()

    def cut(self) -> None:
        """End what is being read; from any thread."""
        stream = self._stream
        if stream is not None:
            stream.cut()

    def _page(self) -> Changes:
        request = self._reflector.request()
        assert isinstance(request, List)  # noqa: S101
        query = {"limit": str(request.limit)} if request.limit else {}
        if request.token:
            query["continue"] = request.token
        info = self._info("list")
        body = self._client.get(self._path(), query | self._selection(), info)
        try:
            page = resource.page(self._resource, body)
        except Malformed as error:
            raise Failed(Fault(faults.GARBLED, f"{info.server} sent {error}")) from None
        return self._reflector.page(page.items, page.version, page.token)

    def _watch(self, request: Watch, reports: Reports, stop: threading.Event) -> None:
        info = self._info("watch")
        seconds = self._policy.watch * (0.9 + self._random.random() / 5)
        query = {
            "watch": "true",
            "resourceVersion": str(request.version),
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, round(seconds))),
        }
        with self._client.watch(self._path(), query | self._selection(), info) as stream:
            self._stream = stream
            self._reflector.accepted()
            try:
                for object_ in stream:
                    if stop.is_set():
                        return
                    try:
                        event = resource.event(self._resource, object_)
                    except Malformed as error:
                        raise Failed(Fault(faults.GARBLED, f"{info.server} sent {error}")) from None
                    self._tell(reports, self._reflector.event(event))
            finally:
                self._stream = None

    def _tell(self, reports: Reports, changes: Changes, *, whole: bool = True) -> None:
        reports.heard()
        if whole and (changes or not self._told):
            self._told = True
            reports.changed(changes)

    def _renew(self) -> None:
        with contextlib.suppress(Failed):  # the next request says what is wrong, with what we have
            self._client.renew()

    def _path(self) -> str:
        return self._resource.path(self._scope.namespace)

    def _selection(self) -> dict[str, str]:
        return {"labelSelector": self._scope.selector} if self._scope.selector else {}

    def _info(self, verb: str) -> RequestInfo:
        return RequestInfo(
            verb,
            self._resource.group,
            self._resource.name,
            self._scope.namespace,
            self._client.server,
            self._client.origin,
        )
