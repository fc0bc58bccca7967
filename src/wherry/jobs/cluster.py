"""The objects of builds in a namespace: made, read, followed and removed."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from wherry.errors import ClusterError
from wherry.jobs import status
from wherry.jobs.manifest import CONTAINER, LABEL
from wherry.jobs.status import NO
from wherry.kube import faults
from wherry.kube.faults import Failed, RequestInfo
from wherry.kube.resource import Resource
from wherry.kube.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from wherry.jobs.manifest import Object
    from wherry.kube.client import Client
    from wherry.kube.reflector import Policy

PASSING = frozenset({faults.UNREACHABLE, faults.SILENT, faults.DROPPED, faults.BROKEN, faults.BUSY})
"""Faults after which the cluster may answer again: an API server that is restarted."""
PATIENCE = 120.0
"""Seconds without an answer after which a build is given up here (its Job goes on)."""
PAUSE = 1.0
DELETIONS = 5
"""Tries to remove a Job."""


def _resource(group: str, name: str, kind: str) -> Resource[Any]:
    return Resource(group, "v1", name, kind, dict)


JOBS = _resource("batch", "jobs", "Job")
SECRETS = _resource("", "secrets", "Secret")
PODS = _resource("", "pods", "Pod")
EVENTS = _resource("", "events", "Event")


class Jobs:
    """Those of one namespace.  Methods raise ClusterError where they do not say something else."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        policy: Policy,
        note: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._client = client
        self._policy = policy
        self._note = note
        self._live: dict[str, str] = {}
        self.left: dict[str, str] = {}
        """The names of Jobs that could not be removed, and why."""
        self.namespace = namespace

    def create(self, job: Object) -> Object:
        name = str(job["metadata"]["name"])
        try:
            with _told():
                created = self._writer(JOBS).create(self.namespace, job)
        except BaseException:
            # It may be there: the answer was lost, or nobody waited for it.
            with contextlib.suppress(Failed):
                self._remove(name, "")
            raise
        self._live[name] = str(created["metadata"]["uid"])
        return created

    def create_secret(self, secret: Object) -> None:
        with _told():
            self._writer(SECRETS).create(self.namespace, secret)

    def delete_all(self) -> None:
        """Let those go that were created here."""
        for name, uid in list(self._live.items()):
            self.delete(name, uid)

    def delete(self, name: str, uid: str) -> None:
        """Let a Job go, and with it its pods and its Secret; one that stays is in `left`.  Raises nothing:
        what was built is not undone by it."""
        self._live.pop(name, None)
        for _ in range(DELETIONS):
            try:
                self._remove(name, uid)
            except Failed as failed:
                self.left[name] = failed.fault.message
                if failed.fault.kind not in PASSING:
                    return
                time.sleep(PAUSE)
            else:
                self.left.pop(name, None)
                return

    def _remove(self, name: str, uid: str) -> None:
        try:
            self._writer(JOBS).delete(self.namespace, name, uid=uid)
        except Failed as failed:
            if failed.fault.kind not in (faults.NOT_FOUND, faults.CONFLICT):
                raise

    def job(self, name: str) -> Object | None:
        """None where it is gone."""

        def ask() -> Object | None:
            try:
                return self._writer(JOBS).read(self.namespace, name)
            except Failed as failed:
                if failed.fault.kind == faults.NOT_FOUND:
                    return None
                raise

        found: Object | None = self._patiently(ask)
        return found

    def pods(self, name: str) -> list[status.Pod]:
        """Those of a build, the oldest first."""
        found = self._patiently(lambda: self._list(PODS, {"labelSelector": f"{LABEL}={name}"}))
        return sorted(map(status.pod, found), key=lambda one: (one.created, one.name))

    def warnings(self, uid: str) -> list[str]:
        """What events warn of about an object, the newest last; nothing where we may not ask."""
        try:
            found = self._list(EVENTS, {"fieldSelector": f"involvedObject.uid={uid},type=Warning"})
        except Failed:
            return []
        found.sort(key=lambda one: str(one.get("lastTimestamp") or one.get("eventTime") or ""))
        return [str(one.get("message") or "") for one in found]

    def log(self, pod: str, since: str) -> Generator[bytes, None, None]:
        """The lines of a pod's container as they come, with their times; to be closed.

        `since` is a time, or "".  Raises Failed: whoever reads goes on from the last line.
        """
        query = {"container": CONTAINER, "follow": "true", "timestamps": "true"}
        query |= {"sinceTime": since} if since else {}
        path = PODS.one(self.namespace, pod, "log")
        return self._client.lines(path, query, self._info("get", PODS, pod, "log"))

    def _list(self, resource: Resource[Any], query: Mapping[str, str]) -> list[Object]:
        answer = self._client.get(resource.path(self.namespace), query, self._info("list", resource))
        found = answer.get("items") if isinstance(answer, dict) else None
        return [one for one in found or () if isinstance(one, dict)]

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """An answer, where it may take a while until there is one."""
        deadline = time.monotonic() + PATIENCE
        renewed = noted = False
        while True:
            try:
                return ask()
            except Failed as failed:
                kind = failed.fault.kind
                if kind == faults.UNAUTHORIZED and not renewed:
                    renewed = True
                    with _told():
                        self._client.renew()
                    continue
                if kind not in PASSING or time.monotonic() > deadline:
                    raise _error(failed) from None
                if not noted:
                    self._note(f"{failed.fault.message}; the build goes on in the cluster, waiting")
                noted = True
                time.sleep(PAUSE)

    def _writer(self, resource: Resource[Any]) -> Writer:
        return Writer(self._client, resource, self._policy)

    def _info(
        self, verb: str, resource: Resource[Any], name: str = "", subresource: str = ""
    ) -> RequestInfo:
        server, origin = self._client.server, self._client.origin
        return RequestInfo(
            verb, resource.group, resource.name, self.namespace, server, origin, name, subresource
        )


@contextlib.contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Failed as failed:
        raise _error(failed) from None


def _error(failed: Failed) -> ClusterError:
    fault = failed.fault
    return ClusterError(fault.message, hint=fault.hint or (NO if fault.kind == faults.REFUSED else None))
