"""Requests to one repository, authorized by a token or a password, or open to everybody.

Source: the distribution's token authentication specification, and its OAuth2 form for refresh tokens.
"""

from __future__ import annotations

import base64
import json
import time
from _thread import RLock
from urllib.parse import urlencode, urlsplit

from wherry.errors import RegistryError
from wherry.registry.endpoints import is_loopback
from wherry.registry.failures import refusal
from wherry.registry.headers import challenges
from wherry.registry.transport import AGENT, TRIES, Transport
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wherry.registry.answer import Answer
    from wherry.registry.credentials import Credentials
    from wherry.registry.headers import Challenge

LEAST_LIFE = 60.0
"""Seconds that a token lives where nothing is said (the specification's number)."""
EARLY = 10.0
"""Seconds before its end at which a token is renewed: a request may take a while to be looked at."""
LONGEST_TOKEN = 1 << 16


class _Token(NamedTuple):
    header: str
    until: float


class Session:
    """Speaks for one user to one registry.  `credentials` is asked for them once, when they are needed."""

    def __init__(self, transport: Transport, credentials: Callable[[], Credentials | None]) -> None:
        self.transport = transport
        self._find = credentials
        self._credentials: Credentials | None = None
        self._asked = False
        self._tokens: dict[str, _Token] = {}
        self._challenge: Challenge | None = None
        self._turn = RLock()

    def request(
        self,
        method: str,
        url: str,
        scope: str,
        headers: Mapping[str, str] = {},
        body: object = None,
        *,
        tries: int = TRIES,
    ) -> Answer:
        """As Transport.request(), with what lets us in for `scope` (``repository:a/b:pull,push``).

        `url` is a path (``/v2/…``) or where the registry sent us; another host is not told who we are.
        """
        if url.startswith("/"):
            url = self.transport.url(url)
        own = urlsplit(url).netloc == urlsplit(self.transport.url("")).netloc
        sent = self._header(scope) if own else ""
        answer = self._send(method, url, headers, body, sent, tries)
        if answer.status != 401 or not own:
            return answer
        challenge = answer.headers.get("WWW-Authenticate", "")
        header = self._let_in(challenge, scope, sent)
        if not header:
            return answer
        answer.drop()
        return self._send(method, url, headers, body, header, tries)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: object, auth: str, tries: int
    ) -> Answer:
        full = {"User-Agent": AGENT, "Accept-Encoding": "identity", **headers}
        if auth:
            full["Authorization"] = auth
        return self.transport.request(method, url, full, body, tries=tries)

    def _header(self, scope: str) -> str:
        """What was good the last time, renewed before its end."""
        with self._turn:
            token = self._tokens.get(scope)
            if token is not None and token.until - EARLY > time.monotonic():
                return token.header
            if self._challenge is None:
                return ""
            return self._answer(self._challenge, scope)

    def _let_in(self, offered: str, scope: str, sent: str) -> str:
        """The header that answers a challenge; "" where that is the one that was refused."""
        with self._turn:
            token = self._tokens.get(scope)
            if token is not None and token.header != sent:
                return token.header  # another thread has just got it
            self._tokens.pop(scope, None)
            for challenge in challenges(offered):
                if challenge.scheme in ("bearer", "basic"):
                    header = self._answer(challenge, scope)
                    if header == sent:
                        return ""
                    self._challenge = challenge
                    return header
        return ""

    def _answer(self, challenge: Challenge, scope: str) -> str:
        if challenge.scheme == "basic":
            return self._basic()
        token = self._fetch_token(challenge, scope)
        self._tokens[scope] = token
        return token.header

    @property
    def was_let_in(self) -> bool:
        """Whether the registry asked who we are, and was told."""
        return self._challenge is not None

    def credentials(self) -> Credentials | None:
        if not self._asked:
            self._credentials = self._find()
            self._asked = True
        return self._credentials

    def _basic(self) -> str:
        known = self.credentials()
        if known is None or not known.user:
            return ""
        pair = f"{known.user}:{known.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()

    def _fetch_token(self, challenge: Challenge, scope: str) -> _Token:
        """A token of the server that the registry names.  Raises RegistryError."""
        realm = challenge.parameters.get("realm", "")
        self._check(realm)
        service = challenge.parameters.get("service", "")
        known = self.credentials()
        if known is not None and known.token:
            answer = self._refresh(realm, service, scope, known)
            if answer.status in (404, 405) and known.user:
                answer.drop()
                answer = self._get(realm, service, scope)
        else:
            answer = self._get(realm, service, scope)
        endpoint = self.transport.endpoint
        if answer.status != 200:
            raise refusal(endpoint, endpoint.path, f"a token for {scope} of {shown(realm)}", answer)
        try:
            value = json.loads(answer.document(LONGEST_TOKEN * 4))
            token = value.get("token") or value["access_token"]
            life = float(value.get("expires_in") or LEAST_LIFE)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._no_token(realm) from None
        if (
            not isinstance(token, str)
            or len(token) > LONGEST_TOKEN
            or not token.isascii()
            or not token.isprintable()
        ):
            raise self._no_token(realm)
        return _Token("Bearer " + token, time.monotonic() + max(life, EARLY + 1))

    def _no_token(self, realm: str) -> RegistryError:
        return RegistryError(
            f"{self.transport.endpoint.host}: its token server {shown(realm)} gave no token",
            hint="is that a registry?",
        )

    def _check(self, realm: str) -> None:
        """A password goes to nobody who could be read on the way."""
        parts = urlsplit(realm)
        if parts.scheme == "https" and parts.netloc:
            return
        plain = self.transport.url("").startswith("http://") or self.transport.endpoint.insecure
        if parts.scheme == "http" and parts.netloc and (plain or is_loopback(parts.netloc)):
            return
        raise RegistryError(
            f"{self.transport.endpoint.host} sends us for a token to {shown(realm)[:200]!r}, without TLS",
            hint="no password is sent there",
        )

    def _get(self, realm: str, service: str, scope: str) -> Answer:
        known = self.credentials()
        query = [("service", service)] if service else []
        query += [("scope", scope)] if scope else []
        if known is not None and known.user:
            query.insert(0, ("account", known.user))
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        headers = {"User-Agent": AGENT}
        basic = self._basic()
        if basic:
            headers["Authorization"] = basic
        return self.transport.request("GET", url, headers)

    def _refresh(self, realm: str, service: str, scope: str, known: Credentials) -> Answer:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": known.token,
            "client_id": AGENT,
            "service": service,
            "scope": scope,
        }
        headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        return self.transport.request("POST", realm, headers, urlencode(form).encode())
