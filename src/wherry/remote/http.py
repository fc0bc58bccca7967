"""Files over HTTP: sent again only if they may have changed, and never taken half."""

from __future__ import annotations

import email.utils
import hashlib
import json
import os
import posixpath
from urllib.parse import unquote, urlsplit

from wherry.errors import ContextError
from wherry.remote.proxies import of_environment, proxy_for
from wherry.remote.urls import shown, without_user
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from urllib3 import BaseHTTPResponse, PoolManager

    from wherry.store import Store

CONNECT, SILENCE = 30.0, 60.0
"""Seconds for a connection, and for the next bytes."""
MOST_REDIRECTS = 10
TRIES = 3
CHUNK = 1 << 18


class Known(NamedTuple):
    """What was at a URL when it was last asked for.

    `digest` is hexadecimal SHA-256, `modified` a Unix time (0 where the server did not say).
    """

    digest: str
    size: int
    modified: int
    etag: str = ""
    last_modified: str = ""


def file_name(url: str) -> str:
    """The last part of its path; "" where there is none."""
    name = posixpath.basename(unquote(urlsplit(url).path)).replace("/", "_").strip("\0")
    return "" if name in (".", "..") else name


class Downloads:
    """What is known of URLs is kept in the store's cache, so that an unchanged file is not sent again."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def known(self, url: str) -> Known | None:
        record = self._store.cache.get(_key(url))
        return Known(*json.loads(record.value)) if record else None

    def current(self, url: str, path: str, before_body: Callable[[], object]) -> Known:
        """What the URL gives now.  `path` has its bytes if the server sent them: where it says that nothing
        changed since the last time, there is no file.  Raises ContextError.
        """
        known = self.known(url)
        found = self._get(url, path, known, before_body)
        if found is None:
            assert known is not None  # noqa: S101
            return known
        self._store.cache.put(_key(url), json.dumps(found), {"kind": "url"})
        return found

    def fetch(self, url: str, path: str) -> Known:
        """Its bytes, in `path`.  Raises ContextError."""
        found = self._get(url, path, None, lambda: None)
        assert found is not None  # noqa: S101
        self._store.cache.put(_key(url), json.dumps(found), {"kind": "url"})
        return found

    def _get(self, url: str, path: str, known: Known | None, before: Callable[[], object]) -> Known | None:
        return _get(url, path, known, before, of_environment(self._store.runtime.env))


def _key(url: str) -> str:
    # A digest of a password is a way to find it.
    return hashlib.sha256(b"url\0" + shown(url).encode("utf-8", "surrogateescape")).hexdigest()


def _get(
    url: str, path: str, known: Known | None, before_body: Callable[[], object], proxies: Mapping[str, str]
) -> Known | None:
    """None where the server says that what is known is still so."""
    import urllib3

    headers = {"User-Agent": "wherry", "Accept-Encoding": "identity"}
    if known is not None and known.etag:
        headers["If-None-Match"] = known.etag
    elif known is not None and known.last_modified and shown(url) == url:
        # A time alone does not tell what one user gets from what another one gets.
        headers["If-Modified-Since"] = known.last_modified
    auth = urlsplit(url).username
    if auth is not None:
        password = urlsplit(url).password or ""
        headers |= urllib3.make_headers(basic_auth=f"{unquote(auth)}:{unquote(password)}")
    try:
        with _manager(url, proxies) as pool:
            answer = pool.request("GET", without_user(url), headers=headers, preload_content=False)
            if answer.status == 304 and known is not None:
                return None
            if answer.status != 200:
                reason = (answer.reason or "")[:80]
                raise ContextError(
                    f"{shown(url)}: the server answered {answer.status} {reason}".rstrip(),
                    hint="open it in a browser, or with curl -v, to see why",
                )
            before_body()
            return _save(answer, path)
    except (urllib3.exceptions.HTTPError, UnicodeError, ValueError) as error:
        raise ContextError(f"{shown(url)} could not be fetched: {shown(_reason(error))}") from None


def _save(answer: BaseHTTPResponse, path: str) -> Known:
    digest, size = hashlib.sha256(), 0
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        for chunk in answer.stream(CHUNK, decode_content=False):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
    header = answer.headers.get("Last-Modified", "")
    try:
        modified = int(email.utils.parsedate_to_datetime(header).timestamp()) if header else 0
    except (ValueError, OverflowError):
        modified, header = 0, ""
    os.chmod(path, 0o600)
    os.utime(path, (modified, modified))
    return Known(digest.hexdigest(), size, modified, answer.headers.get("ETag", ""), header)


def _manager(url: str, proxies: Mapping[str, str]) -> PoolManager:
    import urllib3

    retries = urllib3.Retry(
        TRIES, connect=TRIES, read=0, redirect=MOST_REDIRECTS, status=0, backoff_factor=0.2
    )
    timeout = urllib3.Timeout(connect=CONNECT, read=SILENCE)
    parts = urlsplit(url)
    proxy = proxy_for(proxies, parts.scheme, parts.hostname or "")
    if proxy:
        who = urlsplit(proxy)
        headers = {}
        if who.username is not None:
            who_is = f"{unquote(who.username)}:{unquote(who.password or '')}"
            headers = urllib3.make_headers(proxy_basic_auth=who_is)
        return urllib3.ProxyManager(
            without_user(proxy), proxy_headers=headers, retries=retries, timeout=timeout
        )
    return urllib3.PoolManager(retries=retries, timeout=timeout)


def _reason(error: Exception) -> str:
    """The innermost cause: what went wrong, without the history of tries."""
    import urllib3

    cause: BaseException = error
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        cause = error.reason
    if isinstance(cause, urllib3.exceptions.ResponseError):
        return "too many redirects"
    if isinstance(cause, urllib3.exceptions.IncompleteRead):
        return f"the connection was cut after {cause.partial} bytes, {cause.expected} more were to come"
    import re

    text = re.sub(r"\[Errno -?[0-9]+\] ", "", str(cause.args[-1] if cause.args else cause))
    return text.rpartition(": ")[2] or type(cause).__name__
