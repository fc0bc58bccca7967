"""One place over HTTP: TLS, proxies, redirects, and tries where a try may help.

Whatever a server answers is bounded: headers by the HTTP library, documents by who reads them, waits and
redirects here.
"""

from __future__ import annotations

import os
import random
import time
from _thread import RLock
from urllib.parse import urljoin, urlsplit

from wherry.errors import RegistryError
from wherry.registry.answer import Answer
from wherry.registry.headers import retry_after
from wherry.remote.proxies import proxy_for
from wherry.remote.urls import shown, without_user
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from typing import Any

    from urllib3 import PoolManager

    from wherry.registry.endpoints import Endpoint
    from wherry.registry.settings import Settings

AGENT = "wherry"
CONNECT, SILENCE = 30.0, 60.0
"""Seconds for a connection, and for the next bytes."""
TRIES = 5
PAUSE = 0.25
"""Seconds before the second try; each later one waits twice as long."""
LONGEST_PAUSE = 60.0
MOST_REDIRECTS = 10
AGAIN = (429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 303, 307, 308)


class Transport:
    """Requests to one host.  Any number of threads use it at once; connections are kept."""

    def __init__(self, settings: Settings, endpoint: Endpoint, *, connections: int = 8) -> None:
        self._settings = settings
        self.endpoint = endpoint
        self._connections = connections
        self._managers: dict[tuple[str, str, bool], PoolManager] = {}
        self._turn = RLock()
        self._base = ""

    def url(self, path: str) -> str:
        """``/v2/…`` at the registry, by the scheme that it speaks."""
        return self._scheme() + path

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: object = None,
        *,
        tries: int = TRIES,
    ) -> Answer:
        """The answer, redirects followed; another host is not shown who we are.

        What may pass is tried again: a connection that fails or is cut, 429 and 5xx with the wait that the
        server asks for.  `body` is bytes, or a function that makes the bytes anew for each try.
        Raises RegistryError.
        """
        for attempt in range(1, tries + 1):
            last = attempt == tries
            try:
                answer = self._follow(method, url, dict(headers), body)
            except Exception as error:
                if last or not _passes(error):
                    raise self.failure(method, url, error) from None
                self._wait(attempt, None)
                continue
            if answer.status not in AGAIN or last:
                return answer
            pause = retry_after(answer.headers.get("Retry-After", ""), time.time())
            if pause is not None and pause > LONGEST_PAUSE:
                return answer
            answer.drop()
            self._wait(attempt, pause)
        raise AssertionError("the last try returns or raises")

    @staticmethod
    def _wait(attempt: int, retry_after: float | None) -> None:
        pause = PAUSE * 2 ** (attempt - 1)
        time.sleep((retry_after or 0.0) + pause * random.uniform(0.5, 1.5))  # noqa: S311  not for a secret

    def _follow(self, method: str, url: str, headers: dict[str, str], body: object) -> Answer:
        first = urlsplit(url)
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._once(method, url, headers, body)
            target = answer.headers.get("Location")
            if answer.status not in REDIRECTS or not target:
                return answer
            answer.drop()
            url = urljoin(url, target)
            to = urlsplit(url)
            if to.scheme not in ("http", "https"):
                raise RegistryError(f"{self.endpoint.host} sent us to {shown(url)}, which is no HTTP")
            if to.scheme == "http" and first.scheme == "https":
                raise RegistryError(
                    f"{self.endpoint.host} sent us to {shown(url)}, which is without TLS",
                    hint="that is not followed: anybody on the way could read and change it",
                )
            if (to.scheme, to.netloc) != (first.scheme, first.netloc):
                headers.pop("Authorization", None)
            if answer.status == 303:
                method, body = "GET", None
        raise RegistryError(
            f"{self.endpoint.host} redirected {MOST_REDIRECTS} times and came to no end: {shown(url)[:200]}"
        )

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: object) -> Answer:
        parts = urlsplit(url)
        if parts.username is not None:
            url = without_user(url)
        data: Any = body() if callable(body) else body
        manager = self._manager(parts.scheme, parts.hostname or "", own=parts.netloc == self.endpoint.host)
        response = manager.request(
            method,
            url,
            headers=dict(headers),
            body=data,
            preload_content=False,
            redirect=False,
            retries=False,
        )
        return Answer(response.status, response.headers, url, response)

    def _scheme(self) -> str:
        """``https://host``, or ``http://host`` where that may be and nothing else is spoken there."""
        with self._turn:
            if not self._base:
                self._base = self._found_scheme()
            return self._base

    def _found_scheme(self) -> str:
        import urllib3

        host = self.endpoint.host
        if not self.endpoint.insecure:
            return f"https://{host}"
        try:
            self._once("GET", f"https://{host}/v2/", {"User-Agent": AGENT}, None).drop()
        except urllib3.exceptions.SSLError:
            return f"http://{host}"
        except urllib3.exceptions.HTTPError:
            pass  # nobody is there, or somebody who hangs up on TLS
        else:
            return f"https://{host}"
        try:
            self._once("GET", f"http://{host}/v2/", {"User-Agent": AGENT}, None).drop()
        except urllib3.exceptions.HTTPError:
            return f"https://{host}"
        return f"http://{host}"

    def _manager(self, scheme: str, hostname: str, *, own: bool) -> PoolManager:
        key = (scheme, proxy_for(self._settings.proxies, scheme, hostname), own)
        with self._turn:
            if key not in self._managers:
                self._managers[key] = self._new_manager(*key)
            return self._managers[key]

    def _new_manager(self, scheme: str, proxy: str, own: bool) -> PoolManager:
        import urllib3

        options: dict[str, Any] = {
            "timeout": urllib3.Timeout(connect=CONNECT, read=SILENCE),
            "maxsize": self._connections,
        }
        if scheme == "https":
            options["ssl_context"] = self._tls(own=own)
        if not proxy:
            return urllib3.PoolManager(**options)
        from urllib.parse import unquote

        who = urlsplit(proxy)
        headers = {}
        if who.username is not None:
            auth = f"{unquote(who.username)}:{unquote(who.password or '')}"
            headers = urllib3.make_headers(proxy_basic_auth=auth)
        return urllib3.ProxyManager(without_user(proxy), proxy_headers=headers, **options)

    def _tls(self, *, own: bool) -> ssl.SSLContext:
        """The machine's authorities, and for the registry itself the user's own."""
        import ssl

        if not own:
            return ssl.create_default_context()
        if self.endpoint.insecure:
            import urllib3

            # That nobody vouches for the certificate was decided, and is not said for each request.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context = ssl.create_default_context()
        for folder in self._settings.certificate_folders:
            self._add_certificates(context, os.path.join(folder, self.endpoint.host))
        return context

    def _add_certificates(self, context: ssl.SSLContext, folder: str) -> None:
        """``*.crt`` are authorities, ``*.cert`` with ``*.key`` is who we are (docker's certs.d)."""
        try:
            names = sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return
        for name in names:
            path = os.path.join(folder, name)
            try:
                if name.endswith(".crt"):
                    context.load_verify_locations(path)
                elif name.endswith(".cert"):
                    context.load_cert_chain(path, path.removesuffix(".cert") + ".key")
            except (OSError, ValueError) as error:
                raise RegistryError(
                    f"{path} cannot be used: {getattr(error, 'strerror', None) or error}",
                    hint="certs.d holds CA.crt, NAME.cert and NAME.key in PEM",
                ) from None

    def failure(self, method: str, url: str, error: Exception) -> Exception:
        """An error in words: what was asked of whom, why it failed, and what to do."""
        from wherry.registry.failures import explained

        return explained(self.endpoint, method, url, error)

    def close(self) -> None:
        for manager in self._managers.values():
            manager.clear()


def _passes(error: Exception) -> bool:
    """Whether the same request may go well a moment later."""
    import urllib3

    passing = (
        urllib3.exceptions.ProtocolError,
        urllib3.exceptions.TimeoutError,
        urllib3.exceptions.NewConnectionError,
    )
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return False
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "refused" not in str(error)
    return isinstance(error, passing)
