"""What a registry refused, or why it could not be asked, in words, with what to do next."""

from __future__ import annotations

import json
import re
import time

from wherry.errors import RegistryError, WherryError
from wherry.registry.headers import retry_after
from wherry.remote.urls import shown
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.registry.answer import Answer
    from wherry.registry.endpoints import Endpoint

LONGEST = 300
"""Characters of a registry's own words that are repeated."""


def explained(endpoint: Endpoint, method: str, url: str, error: Exception) -> Exception:
    """An error of the line in words; one that is no such error stays what it is."""
    import urllib3

    if isinstance(error, WherryError) or not isinstance(
        error, (urllib3.exceptions.HTTPError, UnicodeError)
    ):
        return error
    host = endpoint.host
    request = f"{method} {shown(url)[:LONGEST]}"
    text = _reason(error)
    if isinstance(error, urllib3.exceptions.SSLError):
        return RegistryError(
            f"{host}: its certificate is not to be trusted: {text} ({request})",
            hint=f"put its CA into certs.d/{host}/ca.crt, or allow it: --tls-verify=false",
        )
    if isinstance(error, urllib3.exceptions.ProxyError):
        return RegistryError(
            f"{host}: the proxy failed: {text} ({request})", hint="see HTTPS_PROXY and NO_PROXY"
        )
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return RegistryError(
            f"{host}: no such host ({request})",
            hint="is the name right, and is there a network? A local registry is named with its port",
        )
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return RegistryError(
            f"{host}: {text} ({request})", hint="is the registry running, and is that its port?"
        )
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return RegistryError(f"{host}: it did not answer in time ({request})", hint="try again later")
    return RegistryError(f"{host}: the connection failed: {text} ({request})", hint="try again")


def refusal(endpoint: Endpoint, path: str, what: str, answer: Answer) -> RegistryError:
    """What an answer's status means for `what` was asked of a repository.  Reads its body."""
    reason = _said(answer)
    where = f"{endpoint.host}/{path}"
    status = answer.status
    words = f": {reason}" if reason else ""
    if status == 401:
        return RegistryError(
            f"{where}: {what}: not authorized{words}",
            hint=f"wherry login {endpoint.domain or endpoint.host}",
        )
    if status == 403:
        return RegistryError(
            f"{where}: {what}: denied{words}",
            hint=f"it may need another login: wherry login {endpoint.domain or endpoint.host}",
        )
    if status == 404:
        return RegistryError(f"{where}: {what}: not found{words}", hint="are the name and the tag right?")
    if status == 429:
        return RegistryError(f"{where}: {what}: too many requests{words}", hint=_when(answer))
    if status >= 500:
        return RegistryError(
            f"{where}: {what}: the registry failed with {status}{words}", hint="try again later"
        )
    return RegistryError(f"{where}: {what}: the registry answered {status}{words}")


def _when(answer: Answer) -> str:
    reset = answer.headers.get("Retry-After", "")
    seconds = retry_after(reset, time.time())
    login = "log in to be allowed more"
    if seconds is None:
        return f"try again later, or {login}"
    at = time.strftime("%H:%M:%S", time.localtime(time.time() + min(seconds, 1e8)))
    return f"try again in {seconds:.0f} s (at {at}), or {login}"


def _said(answer: Answer) -> str:
    """The registry's own words (distribution-spec, "Error Codes"); of a page of HTML only its kind."""
    try:
        data = answer.document(1 << 16)
    except Exception:
        answer.close()
        return ""
    try:
        errors = json.loads(data)["errors"]
        words = [_words(error) for error in errors[:3]]
        return "; ".join(word for word in words if word)[:LONGEST]
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError):
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if "html" in kind:
            return "(a page of HTML: is that a registry?)"
        return shown(data[:LONGEST].decode("utf-8", "replace").strip())


def _words(error: dict[str, object]) -> str:
    code, message = str(error.get("code") or ""), str(error.get("message") or "")
    detail = error.get("detail")
    more = f" ({detail})" if isinstance(detail, str) and detail and detail not in message else ""
    return shown(message or code.lower().replace("_", " ")) + shown(more)


def _reason(error: BaseException) -> str:
    """The innermost cause, without the history of tries and numbers of errors."""
    cause = error
    for _ in range(5):
        inner = getattr(cause, "reason", None) or cause.__cause__
        if not isinstance(inner, BaseException):
            break
        cause = inner
    if type(cause).__name__ == "IncompleteRead":  # http.client's and urllib3's, whose text is a number
        return "it was cut before all bytes were there"
    text = str(cause.args[-1] if cause.args else cause)
    text = re.sub(r"\[Errno -?[0-9]+\] |\(_ssl\.c:[0-9]+\)", "", text)
    text = text.partition("certificate verify failed: ")[2] or text.rpartition("]: ")[2] or text
    text = text.strip().rstrip(".") or type(cause).__name__
    return shown(text[:1].lower() + text[1:])[:LONGEST]
