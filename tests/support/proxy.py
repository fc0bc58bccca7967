"""A running ``wherry proxy …``, programs behind it, and clients in front of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from support.clients import Clients
from support.waiting import PATIENCE, wait_until
from wherry.proxy.reload.process import children


class Answer(NamedTuple):
    status: int
    body: str
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


class Backend:
    """An HTTP server on a free port that tells what it was asked: its name, the request line, headers."""

    def __init__(self, name: str, delay: float = 0.0) -> None:
        self.connections = 0
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                backend.connections += 1

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                time.sleep(delay)
                told = {
                    "name": name,
                    "path": self.path,
                    "method": self.command,
                    "http": self.request_version,
                }
                body = json.dumps({**told, "headers": dict(self.headers.items())}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Proxy:
    """A process of ``wherry proxy``; what it says goes to a file."""

    def __init__(self, folder: Path, *words: str, env: dict[str, str] | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.log = folder / "log"
        self.out = folder / "out"
        # Not below pytest's folders: the names of unix sockets are short.
        self.runtime = Path(tempfile.mkdtemp(prefix="wp-"))
        with self.log.open("ab") as log, self.out.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wherry", "proxy", *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env={**os.environ, "XDG_RUNTIME_DIR": str(self.runtime), **(env or {})},
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text()

    def says(self, text: str, times: int = 1) -> None:
        """Wait for it to be said; fails the test where it ends before."""

        def heard() -> bool:
            if self.said().count(text) >= times:
                return True
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.said()}"
            return False

        wait_until(heard, f"{text!r} in {self.said()!r}")

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it, and wait: its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def master(self) -> int:
        """nginx's; its workers' numbers may be smaller: they begin again at pid_max."""
        (found,) = [pid for pid in children(self.process.pid) if pid in self.nginx()]
        return found

    def nginx(self) -> list[int]:
        """The processes of its session other than itself."""
        found = []
        for name in os.listdir("/proc"):
            try:
                if (
                    name.isdigit()
                    and int(name) != self.process.pid
                    and os.getsid(int(name)) == self.process.pid
                ):
                    found.append(int(name))
            except ProcessLookupError:
                continue
        return found

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in self.nginx():
            with contextlib.suppress(ProcessLookupError):  # its master has just ended
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.runtime)


def ask(
    port: int, host: str, path: str = "/", *, method: str = "GET", body: bytes | None = None, **headers: str
) -> Answer:
    """One request on a connection of its own.  Status 0: no answer."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        link.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        link.putheader("Host", host)
        for name, value in headers.items():
            link.putheader(name.replace("_", "-"), value)
        if body is not None:
            link.putheader("Content-Length", str(len(body)))
        link.endheaders(body)
        response = link.getresponse()
        return Answer(response.status, response.read().decode(), dict(response.getheaders()))
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, repr(error), {})
    finally:
        link.close()


def answers(port: int, host: str, status: int, name: str | None = None, path: str = "/") -> None:
    """Wait until that host is answered so."""

    def so() -> bool:
        found = ask(port, host, path)
        return found.status == status and (name is None or found.json()["name"] == name)

    wait_until(so, f"{host}{path} answered with {status} by {name}")


class Load(Clients):
    """Requests without a pause from some clients, each on a new connection, until the block ends."""

    def __init__(self, port: int, host: str, clients: int = 3) -> None:
        super().__init__([self._run] * clients)
        self._where = (port, host)

    def _run(self) -> None:
        while not self.stop.is_set():
            found = ask(*self._where)
            self.count(
                found.json()["name"] if found.status == 200 else f"{found.status} {found.body.strip()}"
            )
