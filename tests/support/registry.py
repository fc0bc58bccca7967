"""A registry on loopback, for as long as a test lasts: plain, with passwords, tokens, TLS.

Debian's docker-registry 2.8, or distribution 3: they read one configuration.  crane's library knows
referrers, and neither ranges nor passwords.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench.peers.go_programs import DISTRIBUTION, REFERRERS_REGISTRY, GoPrograms
from bench.programs import NotHere

from support.certificates import Authority, Pair, openssl
from support.machine import require
from support.ports import free_port
from support.waiting import PATIENCE

USER, PASSWORD = "someone", "geheim"
# bcrypt of "geheim", by `htpasswd -Bbn`.
HTPASSWD = "someone:$2y$05$sllzdHAliJMNLxYD9UECsO745DLckaMnSy1c67pAECxAYer8nRrf.\n"
DEBIAN, DISTRIBUTION_3, WITH_REFERRERS = "docker-registry", "distribution-3", "referrers-registry"


class Registry:
    """`host` is ``ADDRESS:PORT``."""

    def __init__(
        self, kind: str, host: str, folder: Path, process: subprocess.Popen[bytes], scheme: str
    ) -> None:
        self.kind = kind
        self.host = host
        self.folder = folder
        self.process = process
        self.scheme = scheme

    @property
    def data(self) -> Path:
        """Where it keeps its blobs."""
        return self.folder / "data"

    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextlib.contextmanager
def running_registry(
    folder: Path,
    kind: str = DEBIAN,
    *,
    passwords: bool = False,
    tls: Pair | None = None,
    auth: dict[str, Any] | None = None,
    port: int = 0,
    clients: Path | None = None,
    address: str = "127.0.0.1",
) -> Iterator[Registry]:
    """Start one that keeps its data below `folder`; with `clients` it asks for certificates of theirs."""
    folder.mkdir(parents=True, exist_ok=True)
    host = f"{address}:{port or free_port()}"
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "info"},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")},
            "delete": {"enabled": True},
        },
        "http": {"addr": host, "secret": "of the test"},
    }
    if passwords:
        (folder / "htpasswd").write_text(HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    if auth is not None:
        config["auth"] = auth
    if tls is not None:
        config["http"]["tls"] = {"certificate": str(tls.certificate), "key": str(tls.key)}
        if clients is not None:
            config["http"]["tls"]["clientcas"] = [str(clients)]
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("ab") as log:
        # It ends with us, however we end.
        words = ["setpriv", "--pdeathsig", "KILL", *_serve(kind, host, folder)]
        # distribution 3 would send traces to whoever listens.
        quiet = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        process = subprocess.Popen(words, stdout=log, stderr=log, env=quiet)
    try:
        _wait(host, process, folder)
        yield Registry(kind, host, folder, process, "https" if tls else "http")
    finally:
        process.kill()
        process.wait()


def _serve(kind: str, host: str, folder: Path) -> list[str]:
    if kind == WITH_REFERRERS:
        (folder / "data").mkdir(exist_ok=True)
        return [_built(REFERRERS_REGISTRY, "referrers_registry"), host, str(folder / "data")]
    program = DEBIAN if kind == DEBIAN else _built(DISTRIBUTION, "registry")
    return [program, "serve", str(folder / "config.yml")]


@functools.cache
def _built(programs: GoPrograms, name: str) -> str:
    try:
        return str(programs.folder() / name)
    except NotHere as error:
        require(False, f"needs {error}")
        raise


def _wait(host: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    import socket

    address, port = host.rsplit(":", 1)
    deadline = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
        with contextlib.suppress(OSError), socket.create_connection((address, int(port)), 1):
            return
        time.sleep(0.02)


class Tokens:
    """A token server: lets USER in, gives tokens of `life` seconds for what is asked, and counts them."""

    ISSUER, SERVICE = "the tests", "registry of the tests"

    def __init__(self, folder: Path, life: int = 60) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.life = life
        self.asked: list[tuple[str, ...]] = []
        self.refused = 0
        self.answer: tuple[int, bytes] | None = None
        self._key, self._certificate = folder / "token.key", folder / "token.crt"
        openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=tokens",
            "-keyout", str(self._key), "-out", str(self._certificate),
        )  # fmt: skip
        self._folder = folder
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.serve(self)

            def do_POST(self) -> None:
                server.serve(self)

            def log_message(self, *_: object) -> None: ...

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.realm = f"http://127.0.0.1:{self._http.server_address[1]}/token"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def auth(self) -> dict[str, Any]:
        """For the registry's configuration."""
        return {
            "token": {
                "realm": self.realm,
                "service": self.SERVICE,
                "issuer": self.ISSUER,
                "rootcertbundle": str(self._certificate),
            }
        }

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        form = parse_qs(request.rfile.read(length).decode()) if length else {}
        query = parse_qs(urlsplit(request.path).query)
        allowed = self._knows(request.headers.get("Authorization", ""), form)
        status, data = 200, b""
        if self.answer is not None:
            status, data = self.answer
        elif not allowed:
            self.refused += 1
            status, data = 401, b'{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}'
        else:
            scopes = tuple(word for text in (query | form).get("scope", []) for word in text.split())
            self.asked.append(scopes)
            token = self.token(scopes)
            data = json.dumps({"token": token, "access_token": token, "expires_in": self.life}).encode()
        request.send_response(status)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    @staticmethod
    def _knows(authorization: str, form: dict[str, list[str]]) -> bool:
        if form.get("grant_type") == ["refresh_token"]:
            return form.get("refresh_token") == [PASSWORD]
        return authorization == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def token(self, scopes: tuple[str, ...]) -> str:
        """A JWT, signed with RS256."""
        now = int(time.time())
        access = [
            {"type": kind, "name": name, "actions": actions.split(",")}
            for kind, name, actions in (
                scope.rsplit(":", 2) if scope.count(":") == 2 else _split(scope) for scope in scopes
            )
        ]
        lines = self._certificate.read_text().splitlines()
        header = {"typ": "JWT", "alg": "RS256", "x5c": ["".join(lines[1:-1])]}
        claims = {
            "iss": self.ISSUER, "aud": self.SERVICE, "sub": USER, "access": access,
            "iat": now - 5, "nbf": now - 5, "exp": now + self.life, "jti": str(time.monotonic_ns()),
        }  # fmt: skip
        signed = f"{_encoded(json.dumps(header).encode())}.{_encoded(json.dumps(claims).encode())}"
        done = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", str(self._key)],
            input=signed.encode(), capture_output=True, check=True,
        )  # fmt: skip
        return f"{signed}.{_encoded(done.stdout)}"


def _split(scope: str) -> list[str]:
    kind, rest = scope.split(":", 1)
    name, actions = rest.rsplit(":", 1)
    return [kind, name, actions]


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def authority(folder: Path) -> tuple[Authority, Pair]:
    """An authority, and a certificate for loopback."""
    found = Authority(folder)
    return found, found.server("registry", "/CN=registry", ["IP:127.0.0.1", "DNS:localhost"])
