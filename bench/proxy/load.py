"""Clients at a bounded, constant rate that count every way to fail: ``python -m bench.proxy.load``.

Settings come as JSON on stdin's first line; it goes on until stdin ends, or `longest` seconds; the counts
go to stdout as JSON.  A process of its own, so that nothing else keeps its loop from running.

What counts as failed: every request that did not come back whole, with the status and the body that were
expected.  Nothing is tried again.  A kept connection that the server closed before the next request was
written is opened anew, as every client does, and counted as `reopened`: that one cost nobody an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import sys
import time
from collections import Counter
from typing import NamedTuple

REFUSED, NO_CONNECTION = "refused", "no connection in time"
RESET, CUT, LATE = "reset before the answer", "cut within the answer", "no answer in time"
STATUS, BODY = "another status", "another body"


class Settings(NamedTuple):
    """`clients` clients, each with pauses of uniformly 0 to 2 x `pause` seconds between requests."""

    host: str
    port: int
    names: tuple[str, ...]
    path: str
    size: int  # bytes of the body that is expected
    clients: int
    pause: float
    kept: bool  # connections are kept between requests
    patience: float = 10.0
    longest: float = 300.0


class Failed(Exception):
    """A request that counts as failed; the first argument is its kind."""


class Client:
    """One client: at most one connection, at most one request at a time."""

    def __init__(self, settings: Settings, counts: Counter[str], seconds: list[float]) -> None:
        self._settings = settings
        self._counts = counts
        self._seconds = seconds
        self._link: socket.socket | None = None
        self._loop = asyncio.get_running_loop()

    async def run(self, done: asyncio.Event) -> None:
        await self._sleep(random.uniform(0, 2 * self._settings.pause), done)
        while not done.is_set():
            begun = time.perf_counter()
            self._counts["requests"] += 1
            try:
                await self._request()
                self._seconds.append(time.perf_counter() - begun)
            except Failed as failed:
                self._counts[str(failed)] += 1
                self._close()
            await self._sleep(random.uniform(0, 2 * self._settings.pause), done)
        self._close()

    @staticmethod
    async def _sleep(seconds: float, done: asyncio.Event) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), seconds)

    async def _request(self) -> None:
        link = await self._connection()
        try:
            async with asyncio.timeout(self._settings.patience):
                await self._exchange(link)
        except TimeoutError:
            raise Failed(LATE) from None

    async def _connection(self) -> socket.socket:
        if self._link is not None and not _still_open(self._link):
            self._counts["reopened"] += 1
            self._close()
        if self._link is None:
            link = socket.socket()
            link.setblocking(False)
            self._link = link
            try:
                async with asyncio.timeout(self._settings.patience):
                    await self._loop.sock_connect(link, (self._settings.host, self._settings.port))
            except TimeoutError:
                raise Failed(NO_CONNECTION) from None
            except OSError:
                raise Failed(REFUSED) from None
            self._counts["connections"] += 1
        return self._link

    async def _exchange(self, link: socket.socket) -> None:
        s = self._settings
        wish = "" if s.kept else "Connection: close\r\n"
        text = f"GET {s.path} HTTP/1.1\r\nHost: {random.choice(s.names)}\r\n{wish}\r\n"
        try:
            await self._loop.sock_sendall(link, text.encode())
        except OSError:
            raise Failed(RESET) from None
        data = b""
        while b"\r\n\r\n" not in data:
            data += await self._more(link, data)
        head, _, body = data.partition(b"\r\n\r\n")
        status, headers = _parsed(head)
        length, parts = int(headers.get("content-length", "-1")), [body]
        left = length - len(body)
        while left > 0:
            parts.append(await self._more(link, head))
            left -= len(parts[-1])
        if status != "200":
            raise Failed(f"{STATUS}: {status}")
        if length != s.size or left:
            raise Failed(BODY)
        if not s.kept or headers.get("connection", "") == "close":
            self._close()

    async def _more(self, link: socket.socket, before: bytes) -> bytes:
        try:
            data = await self._loop.sock_recv(link, 1 << 18)
        except OSError:
            data = b""
        if not data:
            raise Failed(CUT if before else RESET)
        return data

    def _close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None


def _still_open(link: socket.socket) -> bool:
    try:
        link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False  # closed, or a second answer that nobody asked for


def _parsed(head: bytes) -> tuple[str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first.split(" ")[1], {name.lower(): value.strip().lower() for name, _, value in pairs}


async def drive(settings: Settings, done: asyncio.Event) -> dict[str, object]:
    """Load until `done`; how many requests, how each failed one failed, and the seconds of the others."""
    counts: Counter[str] = Counter()
    seconds: list[float] = []
    clients = [Client(settings, counts, seconds) for _ in range(settings.clients)]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(settings.longest):
            await asyncio.gather(*(client.run(done) for client in clients))
    return {"counts": dict(counts), "seconds": seconds}


async def _until_stdin_ends() -> dict[str, object]:
    settings = Settings(**json.loads(sys.stdin.buffer.readline()))
    done = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, done.set)
    return await drive(settings, done)


if __name__ == "__main__":
    json.dump(asyncio.run(_until_stdin_ends()), sys.stdout)
