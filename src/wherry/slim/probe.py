"""What is asked of a container from outside: HTTP requests, whose answers are compared."""

from __future__ import annotations

import time

from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PAUSE = 0.05
TIMES = 3
"""Of each request and command: what differs by itself is not compared."""
LARGEST = 1 << 26
TIMEOUT = 30


class Answer(NamedTuple):
    """`status` of a request, or the exit code of a command; `body` what it said; `stable` whether that was
    the same each time."""

    what: str
    status: str
    body: bytes
    stable: bool = True


def check(urls: Sequence[str]) -> None:
    """Raises UsageError for what is no URL of HTTP."""
    from urllib.parse import urlsplit

    for url in urls:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise UsageError(f"--probe {url} is no URL of HTTP", hint="--probe http://127.0.0.1:8080/")


def ask(url: str, seconds: float, alive: Callable[[], bool], expected: str = "") -> Answer:
    """Ask until there is an answer, of the status that is expected where one is; then TIMES.

    For at most so many seconds, and as long as the program is `alive`.
    """
    first = until(
        lambda: _once(url),
        lambda answer: answer.status == expected if expected else bool(answer.status),
        seconds,
        alive,
    )
    if not first.status:
        return first._replace(status="no answer")
    return agreed([first, *(_once(url) for _ in range(TIMES - 1))])


def until(
    once: Callable[[], Answer], enough: Callable[[Answer], bool], seconds: float, alive: Callable[[], bool]
) -> Answer:
    """The first answer that is enough, else the last one: what starts needs a moment."""
    deadline = time.monotonic() + seconds
    while True:
        answer = once()
        if enough(answer) or not alive() or time.monotonic() >= deadline:
            return answer
        time.sleep(PAUSE)


def agreed(answers: Sequence[Answer]) -> Answer:
    """The first of several, and whether the others say the same."""
    return answers[0]._replace(stable=all(each == answers[0] for each in answers))


def _once(url: str) -> Answer:
    """`status` is empty where nobody answers.  Certificates are not checked: it is a test's own."""
    import warnings

    import urllib3

    warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
    with urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False, timeout=TIMEOUT) as pool:
        try:
            response = pool.request("GET", url, redirect=False, preload_content=False)
            body = response.read(LARGEST)
            response.release_conn()
        except urllib3.exceptions.HTTPError:
            return Answer(url, "", b"")
    return Answer(url, str(response.status), body)
