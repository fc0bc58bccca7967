"""A real API server to write to: etcd and kube-apiserver, and nothing else of a cluster.

What is measured begins when the server has accepted a change, so etcd writes to memory and whoever has the
token may do all.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.programs import CommandFailed, Daemon, NotHere, environment, output
from bench.proxy.network import SERVER, SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TOKEN = "measured"
PORT = 6443
ETCD = "http://127.0.0.1:2379"
PEER = "http://127.0.0.1:2380"
WRITERS = 4
PATHS = {
    "Service": "/api/v1/namespaces/{namespace}/services",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices",
}


def programs() -> dict[str, str]:
    """Where etcd and kube-apiserver are: on PATH, or where the contract tests keep what they built.

    Raises NotHere.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    places = [*sorted((base / "wherry").glob("kubernetes-*"), reverse=True)]
    places += [place / "bin" for place in places]
    path = ":".join([*map(str, places), os.environ.get("PATH", os.defpath)])
    found = {name: shutil.which(name, path=path) for name in ("etcd", "kube-apiserver")}
    if None in found.values():
        raise NotHere("etcd and kube-apiserver (make test-cluster builds them)")
    return {name: place for name, place in found.items() if place}


def version() -> str:
    return output(programs()["kube-apiserver"], "--version").split()[-1]


class ApiServer:
    """One that runs.  `kubeconfig` is for whoever follows it; write() for whoever changes it."""

    def __init__(self, folder: Path) -> None:
        self._certificate = folder / "certificates/apiserver.crt"
        self.kubeconfig = folder / "kubeconfig"
        self._local = threading.local()

    def write_kubeconfig(self) -> None:
        cluster = {"server": f"https://{SERVER}:{PORT}", "certificate-authority": str(self._certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "bench", "cluster": cluster}],
            "users": [{"name": "bench", "user": {"token": TOKEN}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
            "current-context": "bench",
        }
        self.kubeconfig.write_text(json.dumps(config))

    def ready(self) -> None:
        """Raises CommandFailed until it is."""
        if not self._certificate.exists():
            raise CommandFailed("it has no certificate yet")
        self._ask("GET", "/readyz")
        self._ask("GET", PATHS["Service"].format(namespace="default"))

    def create(self, thing: Mapping[str, Any]) -> None:
        self._ask("POST", _path(thing), thing)

    def patch(self, thing: Mapping[str, Any], change: Mapping[str, Any]) -> None:
        self._ask("PATCH", f"{_path(thing)}/{thing['metadata']['name']}", change)

    def delete(self, thing: Mapping[str, Any]) -> None:
        self._ask("DELETE", f"{_path(thing)}/{thing['metadata']['name']}")

    def create_all(self, things: Sequence[Mapping[str, Any]]) -> None:
        with ThreadPoolExecutor(WRITERS) as writers:
            for _ in writers.map(self.create, things, chunksize=50):
                pass

    def _ask(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Returns when the server has accepted it.  Raises CommandFailed.

        A kept connection may have been closed meanwhile: then it is asked once more, on a new one.
        """
        try:
            self._ask_once(verb, path, body)
        except ConnectionError:
            try:
                self._ask_once(verb, path, body)
            except ConnectionError as error:
                raise CommandFailed(f"{verb} {path}: {error}") from None

    def _ask_once(self, verb: str, path: str, body: Mapping[str, Any] | None) -> None:
        kind = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        try:
            link = self._link()
            link.request(verb, path, json.dumps(body) if body is not None else None, headers)
            answer = link.getresponse()
            said = answer.read()
        except (ssl.SSLEOFError, ConnectionError) as error:
            self._local.link = None
            raise ConnectionError(str(error)) from None
        except (OSError, http.client.HTTPException) as error:
            self._local.link = None
            raise CommandFailed(f"{verb} {path}: {error}") from None
        if answer.status >= 300:
            raise CommandFailed(f"{verb} {path}: {answer.status} {said[:500]!r}")

    def _link(self) -> http.client.HTTPSConnection:
        """This thread's own, kept."""
        link: http.client.HTTPSConnection | None = getattr(self._local, "link", None)
        if link is None:
            trust = ssl.create_default_context(cafile=str(self._certificate))
            link = self._local.link = http.client.HTTPSConnection(SERVER, PORT, context=trust, timeout=60)
        return link


def _path(thing: Mapping[str, Any]) -> str:
    return PATHS[thing["kind"]].format(namespace=thing["metadata"]["namespace"])


@contextlib.contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """A new one, ready, until the block ends.  Raises NotHere."""
    found = programs()
    folder.mkdir()
    output("mount", "-t", "tmpfs", "-o", "mode=0755", "none", str(folder))
    try:
        with contextlib.ExitStack() as stack:
            env = environment(folder)
            etcd = Daemon(_etcd(found["etcd"], folder), env, folder / "etcd.log")
            stack.callback(etcd.stop)
            server = ApiServer(folder)
            words = _kube_apiserver(found["kube-apiserver"], folder)
            daemon = Daemon(words, env, folder / "kube-apiserver.log")
            stack.callback(daemon.stop)
            daemon.wait_until(server.ready)
            server.write_kubeconfig()
            yield server
    finally:
        output("umount", "-l", str(folder))


def _etcd(program: str, folder: Path) -> list[str]:
    options = {
        "name": "bench",
        "data-dir": str(folder / "etcd"),
        "listen-client-urls": ETCD,
        "advertise-client-urls": ETCD,
        "listen-peer-urls": PEER,
        "initial-advertise-peer-urls": PEER,
        "initial-cluster": f"bench={PEER}",
        "unsafe-no-fsync": "true",
        "log-level": "error",
    }
    return [program, *(f"--{name}={value}" for name, value in options.items())]


def _kube_apiserver(program: str, folder: Path) -> list[str]:
    key = folder / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text(f"{TOKEN},bench,bench,system:masters\n")
    options = {
        "etcd-servers": ETCD,
        "secure-port": str(PORT),
        "bind-address": "0.0.0.0",
        "advertise-address": SERVER,
        "cert-dir": str(folder / "certificates"),
        "token-auth-file": str(folder / "tokens.csv"),
        "authorization-mode": "AlwaysAllow",
        "service-cluster-ip-range": SERVICES,
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": str(key),
        "service-account-signing-key-file": str(key),
        "disable-admission-plugins": "ServiceAccount",
        "enable-priority-and-fairness": "false",
        "max-requests-inflight": "0",
        "max-mutating-requests-inflight": "0",
        "profiling": "false",
    }
    return [program, *(f"--{name}={value}" for name, value in options.items())]
