"""HTTP to an API server: raw bytes, as they come, under our own clock.

Every way to fail comes out as faults.Failed, and nothing else does.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
import urllib.parse
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.errors import ClusterError
from wherry.kube import faults
from wherry.kube.faults import Failed, Fault, RequestInfo
from wherry.kube.lines import Lines, TooLong

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from wherry.kube.access import Access, Finder
    from wherry.kube.reflector import Policy

CHUNK = 1 << 16
LARGEST_PAGE = 512 << 20
LARGEST_COMPLAINT = 1 << 16
LARGEST_LINE = 1 << 20
"""Bytes of a line of text; a longer one is cut."""


class Body(NamedTuple):
    """What a request sends: bytes, and their media type."""

    data: bytes
    type: str


class Client:
    """One API server; safe to use from several threads.  Raises ClusterError if access is misconfigured."""

    def __init__(self, finder: Finder, policy: Policy) -> None:
        self._finder = finder
        self._policy = policy
        self._lock = threading.Lock()
        self._use(finder.find())

    @property
    def namespace(self) -> str:
        """The namespace of the context, or of the pod."""
        return self._access.namespace

    @property
    def server(self) -> str:
        return self._access.server

    @property
    def origin(self) -> str:
        return self._access.origin

    def renew(self) -> None:
        """Read certificates and tokens again.  Raises Failed."""
        with self._lock:
            try:
                self._use(self._finder.find())
            except ClusterError as error:
                raise Failed(Fault(faults.CREDENTIALS, error.message, error.hint)) from None

    def get(self, path: str, query: Mapping[str, str], info: RequestInfo) -> Any:
        """The JSON of one answer."""
        # Compressed: a tenth of the bytes.
        with self._answer("GET", _url(path, query), info, encoding="gzip") as answer:
            return self._json(answer, info)

    def send(self, method: str, path: str, query: Mapping[str, str], body: Body, info: RequestInfo) -> Any:
        """Send one object; the JSON of the answer.  Not every Failed tells whether it was done."""
        with self._answer(method, _url(path, query), info, body=body) as answer:
            return self._json(answer, info)

    @contextlib.contextmanager
    def watch(self, path: str, query: Mapping[str, str], info: RequestInfo) -> Iterator[Stream]:
        """An open watch, once the server has accepted it."""
        # Not compressed: events would wait in somebody's buffer.
        silence = self._policy.inactivity
        with self._answer("GET", _url(path, query), info, patience=silence) as answer:
            yield Stream(answer, info, self._policy.inactivity)

    def lines(self, path: str, query: Mapping[str, str], info: RequestInfo) -> Generator[bytes, None, None]:
        """An answer that is text, line by line as they come, without line ends; to be closed.

        What comes after the last line end is left out: it may be half a line, whose other half never came.
        Raises Failed, also for a server that is silent for the policy's inactivity.  No context manager:
        an error of whoever reads shall not be taken for one of the connection.
        """
        silence = self._policy.inactivity
        with self._answer("GET", _url(path, query), info, patience=silence) as answer:
            yield from _text_lines(answer)

    @contextlib.contextmanager
    def _answer(
        self,
        method: str,
        url: str,
        info: RequestInfo,
        *,
        patience: float = 0.0,
        encoding: str = "identity",
        body: Body | None = None,
    ) -> Iterator[Any]:
        """The answer, its body unread, of success; whatever the block raises is explained too.

        `patience`: seconds without a byte, 0: those for a page.
        """
        import urllib3

        with _explained(info):
            answer = self._pool.request(
                method,
                self.server + url,
                body=body.data if body is not None else None,
                headers=self._headers(encoding, body),
                timeout=urllib3.Timeout(connect=self._policy.connect, read=patience or self._policy.page),
                retries=False,
                preload_content=False,
            )
            try:
                if answer.status // 100 != 2:
                    complaint = _body(answer, LARGEST_COMPLAINT, time.monotonic() + self._policy.connect)
                    raise Failed(faults.of_response(answer.status, answer.headers, complaint, info))
                yield answer
            finally:
                # What was read to its end went back to the pool by itself; a cut one must not.
                answer.close()

    def _json(self, answer: Any, info: RequestInfo) -> Any:
        body = _body(answer, LARGEST_PAGE, time.monotonic() + self._policy.page)
        try:
            return json.loads(body)
        except ValueError:
            raise Failed(Fault(faults.GARBLED, f"{info.server} sent no JSON")) from None

    def _headers(self, encoding: str, body: Body | None) -> Any:
        """Raises Failed for a token that cannot be had."""
        import urllib3

        headers = urllib3.HTTPHeaderDict(
            {"Accept": "application/json", "User-Agent": "wherry", "Accept-Encoding": encoding}
        )
        if body is not None:
            headers.add("Content-Type", body.type)
        expires = self._access.credentials.expires
        if expires and time.time() > expires:
            self.renew()
        credentials = self._access.credentials
        try:
            for name, value in credentials.authorization():
                headers.add(name, value)
        except (OSError, ValueError) as error:
            reason = faults.printable(error)
            raise Failed(Fault(faults.CREDENTIALS, f"{self.origin} has no token: {reason}")) from None
        return headers

    def _use(self, access: Access) -> None:
        from wherry.kube.connection import connect

        self._access, self._pool = access, connect(access, self._finder.environ)


def _text_lines(answer: Any) -> Iterator[bytes]:
    rest = b""
    while data := answer.read1(CHUNK):
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > LARGEST_LINE:
            lines, rest = [*lines, rest], b""
        yield from lines


class Stream:
    """The events of one watch, as JSON objects.  cut() may be called from another thread."""

    def __init__(self, answer: Any, info: RequestInfo, inactivity: float) -> None:
        self._answer = answer
        self._info = info
        self._inactivity = inactivity

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Ends where the server ends it in order; raises Failed for all else.

        The clock runs from event to event: a server that sends bytes and no event is silent.
        """
        lines = Lines()
        heard = time.monotonic()
        while data := self._answer.read1(CHUNK):
            try:
                found = lines.feed(data)
            except TooLong:
                raise self._failed(faults.GARBLED, "sends an event without an end") from None
            for line in found:
                yield self._parsed(line)
            now = time.monotonic()
            if found:
                heard = now
            elif now - heard > self._inactivity:
                raise self._failed(faults.SILENT, "sends bytes, and no event")
        if lines.partial:
            raise self._failed(faults.DROPPED, "cut the connection within an event")

    def cut(self) -> None:
        """Make whoever reads stop."""
        with contextlib.suppress(Exception):  # it may be closed already, in any of a dozen states
            self._answer.shutdown()

    def _parsed(self, line: bytes) -> Mapping[str, Any]:
        try:
            event = json.loads(line)
        except ValueError:
            raise self._failed(faults.GARBLED, "sent an event that is no JSON") from None
        if not isinstance(event, dict) or not isinstance(event.get("object"), dict):
            raise self._failed(faults.GARBLED, "sent an event that is none")
        if event.get("type") == "ERROR":
            raise Failed(faults.of_event(event["object"], self._info))
        return event

    def _failed(self, kind: str, words: str) -> Failed:
        return Failed(Fault(kind, f"{self._info.server} {words}"))


def _url(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urllib.parse.urlencode(query)}" if query else path


def _body(answer: Any, largest: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while data := answer.read1(CHUNK):
        parts.append(data)
        size += len(data)
        if size > largest:
            raise Failed(Fault(faults.GARBLED, f"the answer is larger than {largest >> 20} MiB"))
        if time.monotonic() > deadline:
            raise Failed(Fault(faults.SILENT, "the answer takes too long"))
    return b"".join(parts)


@contextlib.contextmanager
def _explained(info: RequestInfo) -> Iterator[None]:
    """urllib3's exceptions, and those of what is below it, as Failed."""
    import urllib3.exceptions as e

    server = info.server
    try:
        yield
    except (e.NewConnectionError, e.ConnectTimeoutError, e.ProxyError, e.LocationValueError) as error:
        raise Failed(
            Fault(
                faults.UNREACHABLE,
                f"cannot reach {server}: {_reason(error)}",
                f"is it running, and is its address right in {info.credentials}?",
            )
        ) from None
    except (e.SSLError, ssl.SSLError) as error:
        raise Failed(_tls(error, info)) from None
    except (e.ReadTimeoutError, TimeoutError):
        raise Failed(Fault(faults.SILENT, f"{server} is silent")) from None
    except (e.HTTPError, OSError, ValueError, AttributeError) as error:
        # The last two come from reading a connection that another thread has cut.
        raise Failed(Fault(faults.DROPPED, f"the connection to {server} broke: {_reason(error)}")) from None


def _tls(error: Exception, info: RequestInfo) -> Fault:
    inner = next((a for a in error.args if isinstance(a, ssl.SSLError)), error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return Fault(
            faults.TLS,
            f"the certificate of {info.server} does not verify: {faults.printable(inner.verify_message)}",
            f"is this server the right one, and certificate-authority in {info.credentials} its CA?",
        )
    if "EOF" in str(inner):
        return Fault(faults.DROPPED, f"the connection to {info.server} broke")
    return Fault(
        faults.TLS,
        f"no TLS with {info.server}: {faults.printable(getattr(inner, 'reason', None) or inner)}",
        f"is it https, and is the client certificate in {info.credentials} still good?",
    )


def _reason(error: BaseException) -> str:
    """What the machine said, without addresses of Python objects."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return str(cause.strerror)
        cause = cause.__cause__ or cause.__context__
    if "timed out" in str(error):
        return "it does not answer"
    return faults.printable(type(error).__name__ if "object at" in str(error) else error)
