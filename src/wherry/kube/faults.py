"""PURE: what can go wrong between us and an API server, as values, and what each means in words."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPIRED, FUTURE = "410", "future"
TIMEOUT, SILENT, DROPPED, GARBLED = "timeout", "silent", "dropped", "garbled"
UNREACHABLE, TLS, CREDENTIALS = "unreachable", "tls", "credentials"
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, BUSY, BROKEN, REFUSED = "401", "403", "404", "429", "5xx", "refused"
CONFLICT, EXISTS = "409", "exists"
"""Of writes: the object, or a field of it, is not what the writer took it for; or it is there already."""

RELIST = frozenset({EXPIRED, FUTURE})
"""The resourceVersion is of no use any more: begin again with a list."""
RENEW = frozenset({UNAUTHORIZED, TLS, CREDENTIALS})
"""Certificates and tokens rotate: read them again before the next try."""
LASTING = frozenset(
    {UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TLS, CREDENTIALS, UNREACHABLE, REFUSED, CONFLICT, EXISTS}
)
"""Trying again at once would not help."""
READS = ("get", "list", "watch")
RIGHTS = {"list": ("list", "watch"), "watch": ("list", "watch"), "apply": ("create", "patch")}
"""Verbs of RBAC for one of ours: who lists watches, too, and what is applied may be new."""
LONGEST_RETRY_AFTER = 120.0
MOST_WORDS = 300


class Fault(NamedTuple):
    """One request or stream that ended early.

    `kind` is a short code that metrics count, `message` and `hint` are for people, `retry_after` is what
    the server asked for, in seconds.
    """

    kind: str
    message: str
    hint: str | None = None
    retry_after: float = 0.0


class Failed(Exception):
    """Carries a Fault from where it is seen to where it is handled."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class RequestInfo(NamedTuple):
    """What a request wants, in the words of RBAC; "apply" is a server-side apply.

    `namespace` "" means all, or none; `name` "" the collection; `server` says whom, `credentials` as whom.
    """

    verb: str
    group: str
    resource: str
    namespace: str
    server: str
    credentials: str
    name: str = ""
    subresource: str = ""

    @property
    def rights(self) -> str:
        """The resource as a rule of RBAC names it."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    def __str__(self) -> str:
        if self.name:
            place = f" in namespace {self.namespace}" if self.namespace else ""
            return f'{self.rights} "{self.name}"{place}'
        return f"{self.resource} in {f'namespace {self.namespace}' if self.namespace else 'all namespaces'}"


def of_response(status: int, headers: Mapping[str, str], body: bytes, info: RequestInfo) -> Fault:
    """The Fault that an answer is whose status is not of success."""
    answer = status_object(body)
    return _fault(status, _seconds(headers.get("Retry-After"), answer), answer, info)


def of_event(answer: Mapping[str, Any], info: RequestInfo) -> Fault:
    """The Fault that an ERROR event of a watch is; its object is a metav1.Status."""
    code = answer.get("code")
    return _fault(code if isinstance(code, int) else 500, _seconds(None, answer), answer, info)


def status_object(body: bytes) -> Mapping[str, Any]:
    """The metav1.Status in a body; an empty mapping where there is none (a proxy's error page)."""
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def printable(text: object) -> str:
    """A stranger's words on one line of a terminal."""
    words = " ".join(str(text).split())
    return "".join(c if c.isprintable() else "?" for c in words)[:MOST_WORDS]


def _fault(status: int, retry_after: float, answer: Mapping[str, Any], info: RequestInfo) -> Fault:
    words = printable(answer.get("message") or f"status {status}")
    reason = answer.get("reason")
    if status == 410 or reason in ("Expired", "Gone"):
        return Fault(EXPIRED, f"{info}: {words}")
    if _too_large(answer):
        return Fault(FUTURE, f"{info}: {words}")
    if status == 401:
        return Fault(
            UNAUTHORIZED,
            f"{info.server} does not accept the credentials of {info.credentials} (401)",
            "they expired or were withdrawn: renew them (log in again), or name others with --context",
        )
    if status == 403:
        return _forbidden(words, info)
    if status == 409:
        return _conflict(words, answer, info)
    if status == 404 and reason == "NotFound" and _details(answer).get("name"):
        return _missing(words, _details(answer), info)
    if status == 404:
        return Fault(
            NOT_FOUND,
            f"{info.server} knows no {info.resource}{f'.{info.group}' if info.group else ''} (404)",
            "is this the address of a Kubernetes API server, 1.21 or later?",
        )
    if status == 429:
        return Fault(BUSY, f"{info.server} is busy (429)", None, retry_after)
    if status >= 500:
        return Fault(BROKEN, f"{info.server} fails ({status}): {words}", None, retry_after)
    return Fault(REFUSED, f"{info.server} refuses to {info.verb} {info} ({status}): {words}")


def _forbidden(words: str, info: RequestInfo) -> Fault:
    user = re.search(r'User "([^"]+)"', words)
    if user is None and info.verb not in READS:
        # No right is missing: admission has a reason (a quota, a namespace that ends, a webhook).
        return Fault(REFUSED, f"{info.server} refuses to {info.verb} {info} (403): {words}")
    who = user[1] if user else info.credentials
    kind, place = ("Role", f" in namespace {info.namespace}") if info.namespace else ("ClusterRole", "")
    verbs = json.dumps(RIGHTS.get(info.verb, (info.verb,)))
    rule = f'apiGroups: ["{info.group}"], resources: ["{info.rights}"], verbs: {verbs}'
    return Fault(
        FORBIDDEN,
        f"{who} may not {info.verb} {info} (403)",
        f"bind it to a {kind}{place} with this rule: {{{rule}}}",
    )


def _conflict(words: str, answer: Mapping[str, Any], info: RequestInfo) -> Fault:
    """metav1.Status of 409: AlreadyExists, or Conflict (optimistic locking, field managers)."""
    if answer.get("reason") == "AlreadyExists":
        return Fault(EXISTS, f"{info}: {words}")
    managers = any(c.get("reason") == "FieldManagerConflict" for c in _causes(answer))
    hint = (
        "somebody else owns these fields: leave them out, or force it"
        if managers
        else "it has changed meanwhile: read it again, and write what is then right"
    )
    return Fault(CONFLICT, f"{info}: {words}", hint)


def _missing(words: str, details: Mapping[str, Any], info: RequestInfo) -> Fault:
    """The server knows the resource, and has no such object, or not the namespace to put one into."""
    elsewhere = details.get("kind") == "namespaces" and info.resource != "namespaces"
    hint = f"kubectl create namespace {printable(details['name'])}" if elsewhere else None
    return Fault(NOT_FOUND, f"{info.server}: {words} (404)", hint)


def _details(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    details = answer.get("details")
    return details if isinstance(details, dict) else {}


def _causes(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    causes = _details(answer).get("causes")
    return [c for c in causes if isinstance(c, dict)] if isinstance(causes, list) else []


def _too_large(answer: Mapping[str, Any]) -> bool:
    """The server is behind the resourceVersion that we know (it was restored, or is another)."""
    known = any(c.get("reason") == "ResourceVersionTooLarge" for c in _causes(answer))
    return known or "Too large resource version" in str(answer.get("message"))


def _seconds(header: str | None, answer: Mapping[str, Any]) -> float:
    """Retry-After in seconds (RFC 9110 10.2.3; a date is not used by API servers), or the Status' own."""
    value = header or _details(answer).get("retryAfterSeconds")
    text = str(value or "").strip()
    return min(float(text), LONGEST_RETRY_AFTER) if re.fullmatch("[0-9]{1,9}", text) else 0.0
