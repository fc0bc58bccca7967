"""Asking a running nginx which generation of the configuration it serves."""

from __future__ import annotations

import contextlib
import socket
import time

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_PATH = 107
"""Bytes in a unix socket's path (sun_path less its NUL, unix(7))."""

SHORTEST, LONGEST = 0.0005, 0.01
"""Seconds between two looks, growing."""
UNSEEN = 0.1
"""Seconds after which workers are asked even if no new one has been seen: /proc may not show any."""


class Answer(NamedTuple):
    """A worker's generation and process id."""

    generation: int
    pid: int


def ask(path: str, timeout: float = 2.0) -> Answer | None:
    """One worker's answer on the unix socket, or None when nobody answers."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(timeout)
        with contextlib.suppress(OSError, ValueError):
            link.connect(path)
            link.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while part := link.recv(4096):
                answer += part
            generation, pid = answer.partition(b"\r\n\r\n")[2].split()
            return Answer(int(generation), int(pid))
    return None


def wait_for(
    path: str,
    generation: int,
    timeout: float,
    alive: Callable[[], bool],
    started: Callable[[], bool] = lambda: True,
) -> Answer | None:
    """Poll until a worker answers `generation`; None after `timeout` seconds or once it is not `alive`.

    Before new workers have `started` nobody is asked: old ones would answer, and take the master's time.
    """
    begun = time.monotonic()
    pause = SHORTEST
    while True:
        if started() or time.monotonic() - begun > UNSEEN:
            answer = ask(path)
            if answer is not None and answer.generation == generation:
                return answer
        if time.monotonic() - begun >= timeout or not alive():
            return None
        time.sleep(pause)
        pause = min(pause * 1.02, LONGEST)
