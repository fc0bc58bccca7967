"""Programs behind a proxy that misbehave as pods do, and an nginx with a rendered configuration."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

from support.ports import free_port
from support.waiting import wait_until
from wherry.proxy.model import Route, Settings
from wherry.proxy.nginx.main import MainOptions, main
from wherry.proxy.nginx.render import RenderOptions, render
from wherry.proxy.reload.binary import Nginx
from wherry.proxy.reload.process import children


class Listener:
    """A server whose connections are served by a thread each, and counted."""

    def __init__(self, address: str) -> None:
        self.connections = 0
        self._socket = socket.create_server((address, 0), backlog=1024)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Nobody listens any more.  Is idempotent.

        A thread that is about to accept would take a connection of whoever gets the number of a closed
        descriptor next; so it is ended first.
        """
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def serve(self, link: socket.socket) -> None:
        """One connection, until it ends."""
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(link,), daemon=True).start()


class Pod(Listener):
    """An HTTP/1.1 server that keeps connections and counts what is delivered to it.

    ``/drop`` ends the connection without an answer, ``/slow`` takes a moment.  With TLS it answers 421
    to a host that is not its connection's server name (RFC 9110, 15.5.20).
    """

    def __init__(self, name: str = "pod", tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.delivered: Counter[str] = Counter()
        self._names: dict[int, str | None] = {}
        self._tls = tls
        if tls is not None:
            tls.sni_callback = lambda link, name, _context: self._names.update({id(link): name})
        super().__init__("127.0.0.1")
        self.address = f"127.0.0.1:{self.port}"

    def serve(self, link: socket.socket) -> None:
        with contextlib.suppress(OSError), link:
            if self._tls is None:
                self._talk(link)
            else:
                with self._tls.wrap_socket(link, server_side=True) as inner:
                    self._talk(inner)

    def _talk(self, link: socket.socket) -> None:
        link.settimeout(30)
        with link.makefile("rb") as file:
            while self._one(link, file):
                pass

    def _one(self, link: socket.socket, file: object) -> bool:
        """Answer one request; False where the connection ends."""
        words = file.readline().decode("latin-1").split()  # type: ignore[attr-defined]
        if not words:
            return False
        headers: dict[str, str] = {}
        while line := file.readline().decode("latin-1").strip():  # type: ignore[attr-defined]
            key, _, value = line.partition(":")
            headers[key.lower()] = value.strip()
        body = file.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
        self.delivered[f"{words[0]} {words[1]}"] += 1
        if words[1].startswith("/drop"):
            return False
        if words[1] == "/slow":
            time.sleep(0.3)
        status = "200 OK"
        if self._tls is not None and self._names.get(id(link)) != headers["host"].partition(":")[0]:
            status = "421 Misdirected Request"
        told = {"name": self.name, "path": words[1], "headers": headers, "body": body.decode("latin-1")}
        text = json.dumps(told).encode()
        link.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        return headers.get("connection", "").lower() != "close"


def route(
    to: str | tuple[str, ...], host: str = "a.example", path: str = "/", spare: str = "", **settings: object
) -> Route:
    """A route of a Service named as its host."""
    addresses = (to,) if isinstance(to, str) else to
    name = f"default/{host.replace('.', '-').replace('*', 'any')}:80"
    return Route(name, host, path, addresses, Settings(**settings), spare)  # type: ignore[arg-type]


class Door:
    """An nginx that serves `routes`, and its logs: that of errors from `level` on."""

    def __init__(self, folder: Path, *routes: Route, level: str = "error", **options: object) -> None:
        self.port = free_port()
        self._log = folder / "access.log"
        (folder / "temp").mkdir(parents=True)
        rendering = RenderOptions(listen=(f"127.0.0.1:{self.port}",), access_log=str(self._log))
        text = render(routes, rendering._replace(**options))
        (folder / "default.conf").write_text(f"{text}error_log stderr {level};\n")
        nginx = Nginx.find("nginx", os.environ)
        # Workers of another user could not reach the folders of a test.
        own = MainOptions(str(folder), user="root" if os.geteuid() == 0 else "", workers="1")
        (folder / "nginx.conf").write_text(main(own, nginx.binary, str(folder / "default.conf"), 1))
        self._folder = folder
        self._errors = (folder / "errors").open("wb")
        command = nginx.command(str(folder / "nginx.conf"), str(folder))
        self._process = subprocess.Popen(command, stderr=self._errors, stdout=self._errors)
        wait_until(self._answers, self.errors())

    def log(self, lines: int = 1) -> list[dict[str, object]]:
        """What the access log says once it has so many lines, each JSON in UTF-8."""
        wait_until(lambda: self._log.read_bytes().count(b"\n") >= lines, "a line in the log")
        return [json.loads(line) for line in self._log.read_bytes().decode("utf-8").splitlines()]

    def errors(self) -> str:
        return (self._folder / "errors").read_text()

    def files(self) -> list[str]:
        """Temporary files that its workers have open; nginx removes their names at once."""
        folders = [Path(f"/proc/{pid}/fd") for pid in children(self._process.pid)]
        found = []
        for file in (file for folder in folders for file in folder.iterdir()):
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                found.append(os.readlink(file))
        return [name for name in found if "/temp/" in name]

    def say(self, data: bytes) -> bytes:
        """Everything that comes back for these bytes, until nginx ends the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as link:
            link.sendall(data)
            said = b""
            while part := link.recv(1 << 16):
                said += part
        return said

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._errors.close()

    def _answers(self) -> bool:
        with socket.socket() as link:
            return link.connect_ex(("127.0.0.1", self.port)) == 0
