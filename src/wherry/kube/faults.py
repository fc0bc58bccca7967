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

RELIST = frozenset({EXPIRED, FUTURE})
"""The resourceVersion is of no use any more: begin again with a list."""
RENEW = frozenset({UNAUTHORIZED, TLS, CREDENTIALS})
"""Certificates and tokens rotate: read them again before the next try."""
LASTING = frozenset({UNAUTHORIZED, FORBIDDEN, NOT_FOUND, TLS, CREDENTIALS, UNREACHABLE, REFUSED})
"""Trying again at once would not help."""
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
    """What a request wants, in the words of RBAC.  `namespace` "" means all; `server` says whom."""

    verb: str
    group: str
    resource: str
    namespace: str
    server: str
    credentials: str

    def __str__(self) -> str:
        return f"{self.resource} in {f'namespace {self.namespace}' if self.namespace else 'all namespaces'}"


def of_response(status: int, headers: Mapping[str, str], body: bytes, info: RequestInfo) -> Fault:
    """The Fault that an answer other than 200 is."""
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
    who = user[1] if user else info.credentials
    kind, place = ("Role", f" in namespace {info.namespace}") if info.namespace else ("ClusterRole", "")
    rule = f'apiGroups: ["{info.group}"], resources: ["{info.resource}"], verbs: ["list", "watch"]'
    return Fault(
        FORBIDDEN,
        f"{who} may not {info.verb} {info} (403)",
        f"bind it to a {kind}{place} with this rule: {{{rule}}}",
    )


def _too_large(answer: Mapping[str, Any]) -> bool:
    """The server is behind the resourceVersion that we know (it was restored, or is another)."""
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    known = any(isinstance(c, dict) and c.get("reason") == "ResourceVersionTooLarge" for c in causes or ())
    return known or "Too large resource version" in str(answer.get("message"))


def _seconds(header: str | None, answer: Mapping[str, Any]) -> float:
    """Retry-After in seconds (RFC 9110 10.2.3; a date is not used by API servers), or the Status' own."""
    details = answer.get("details")
    value = header or (details.get("retryAfterSeconds") if isinstance(details, dict) else None)
    text = str(value or "").strip()
    return min(float(text), LONGEST_RETRY_AFTER) if re.fullmatch("[0-9]{1,9}", text) else 0.0
