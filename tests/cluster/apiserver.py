"""A real API server: etcd and kube-apiserver with RBAC, on loopback or at a node's address."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import signal
import ssl
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cluster.programs import Program
from support.certificates import Authority
from support.ports import free_port

Object = dict[str, Any]

PATHS = {
    "Namespace": "api/v1/namespaces",
    "Service": "api/v1/namespaces/{}/services",
    "Secret": "api/v1/namespaces/{}/secrets",
    "ServiceAccount": "api/v1/namespaces/{}/serviceaccounts",
    "Pod": "api/v1/namespaces/{}/pods",
    "EndpointSlice": "apis/discovery.k8s.io/v1/namespaces/{}/endpointslices",
    "Role": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "ClusterRole": "apis/rbac.authorization.k8s.io/v1/clusterroles",
    "ClusterRoleBinding": "apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
}
ISSUER = "https://kubernetes.default.svc.cluster.local"
SERVICE_RANGE = "10.96.0.0/16"
ELSEWHERE = "192.0.2.1"
"""RFC 5737.  An API server refuses to tell others that it is at a loopback address."""

AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Metadata",
            "verbs": ["list", "watch"],
            "resources": [
                {"group": "", "resources": ["services"]},
                {"group": "discovery.k8s.io", "resources": ["endpointslices"]},
            ],
        },
        {"level": "None"},
    ],
}


class Refused(AssertionError):
    """The API server did not do what a test asked for."""

    def __init__(self, status: int, said: str) -> None:
        super().__init__(f"{status}: {said[:1000]}")
        self.status = status


class Request(NamedTuple):
    """One that the server has answered, or begun to: as it wrote it in its audit log."""

    verb: str
    resource: str
    namespace: str
    query: Mapping[str, str]
    status: int
    user: str


class ApiServer:
    """Runs between start() and stop(), any number of times, with the same port and data.

    `options` are the server's own, of the next start().

    create, replace, delete, kubeconfig, stop, start and compact are what a fake one has too.
    """

    def __init__(
        self,
        programs: Path,
        folder: Path,
        *,
        addresses: Sequence[str] = (),
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.programs = programs
        self.folder = folder
        self.port = free_port()
        self.authority = Authority(folder / "pki")
        self.tokens = self.authority.signing_key("tokens")
        self._addresses = [f"IP:{a}" for a in ("127.0.0.1", "10.96.0.1", *addresses)]
        self.options = dict(options or {})
        self._etcd_port, self._peer_port = free_port(), free_port()
        self._admin = self.authority.client("admin", "/O=system:masters/CN=admin")
        self._running: list[Program] = []
        self._namespaces = {"default"}
        self._created: list[tuple[str, str, str]] = []
        self._audit = folder / "audit.log"
        self._write_files()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return bool(self._running)

    def start(self) -> None:
        """Returns when it is ready."""
        self.start_etcd()
        server = Program(self._server_words(), self.folder / "kube-apiserver.log")
        self._running.append(server)
        server.until(self._ready)

    def stop(self, signal_: int = signal.SIGKILL) -> None:
        """As when a machine loses its power, unless told otherwise."""
        while self._running:
            self._running.pop().stop(signal_)

    def start_etcd(self) -> None:
        """Its store; returns when it is ready."""
        etcd = Program(self._etcd_words(), self.folder / "etcd.log")
        self._running.insert(0, etcd)
        etcd.until(self._etcd_revision)

    def kill_etcd(self) -> None:
        """As when its machine loses its power, and the server's does not."""
        self._running.pop(0).stop(signal.SIGKILL)

    def compact(self) -> None:
        """Forget every version but the present one."""
        words = {"revision": str(self._etcd_revision()), "physical": True}
        self._ask_etcd("/v3/kv/compaction", words)

    def create(self, thing: Object) -> Object:
        """Makes its namespace too, if it is not there yet."""
        namespace = thing["metadata"].get("namespace", "")
        if namespace and namespace not in self._namespaces:
            self._namespaces.add(namespace)
            with contextlib.suppress(Refused):  # it outlived a test before
                self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        made = self.ask("POST", PATHS[thing["kind"]].format(namespace), thing)
        if thing["kind"] != "Namespace":
            self._created.append((thing["kind"], namespace, thing["metadata"]["name"]))
        return made

    def remove_created(self) -> None:
        """All but namespaces, which only a controller could remove."""
        while self._created:
            with contextlib.suppress(Refused):
                self.delete(*self._created.pop())

    def replace(self, thing: Object) -> Object:
        return self.ask("PUT", self._path(thing), thing)

    def merge(self, kind: str, namespace: str, name: str, change: Object) -> Object:
        """A JSON merge patch: null removes."""
        path = f"{PATHS[kind].format(namespace)}/{name}"
        return self.ask("PATCH", path, change, "application/merge-patch+json")

    def label(self, kind: str, namespace: str, name: str, **labels: str | None) -> None:
        self.merge(kind, namespace, name, {"metadata": {"labels": labels}})

    def delete(self, kind: str, namespace: str, name: str) -> None:
        self.ask("DELETE", f"{PATHS[kind].format(namespace)}/{name}")

    def items(self, kind: str, namespace: str, **query: str) -> list[Object]:
        path = f"{PATHS[kind].format(namespace)}?{urllib.parse.urlencode(query)}"
        items: list[Object] = self.ask("GET", path)["items"]
        return items

    def token(self, namespace: str, account: str, bound_to: Object | None = None) -> str:
        """A ServiceAccount's, for as long as the Secret that it is bound to is there."""
        spec: Object = {"expirationSeconds": 3600}
        if bound_to is not None:
            meta = bound_to["metadata"]
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Secret"} | {
                key: meta[key] for key in ("name", "uid")
            }
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"{PATHS['ServiceAccount'].format(namespace)}/{account}/token"
        return str(self.ask("POST", path, request)["status"]["token"])

    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.write_kubeconfig("admin", self.certificate_user())

    def certificate_user(self) -> Object:
        return {"client-certificate": str(self._admin.certificate), "client-key": str(self._admin.key)}

    def write_kubeconfig(self, name: str, user: Object, **cluster: Any) -> Path:
        """With `user`'s credentials; `cluster` replaces what it would say of the server."""
        known = {"server": self.url, "certificate-authority": str(self.authority.certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": known | cluster}],
            "users": [{"name": name, "user": user}],
            "contexts": [{"name": name, "context": {"cluster": "tests", "user": name}}],
            "current-context": name,
        }
        path = self.folder / f"{name}.kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def requests(self) -> list[Request]:
        """Lists and watches so far, each as it began to be answered."""
        if not self._audit.exists():
            return []
        found: dict[str, Request] = {}
        for line in self._audit.read_text().splitlines():
            event = json.loads(line)
            found.setdefault(event["auditID"], _request(event))
        return list(found.values())

    def ask(self, verb: str, path: str, body: object = None, kind: str = "application/json") -> Object:
        """As the administrator.  Raises Refused."""
        trust = ssl.create_default_context(cafile=str(self.authority.certificate))
        trust.load_cert_chain(self._admin.certificate, self._admin.key)
        link = http.client.HTTPSConnection("127.0.0.1", self.port, context=trust, timeout=30)
        return _ask(link, verb, path, body, kind)

    def _ready(self) -> bool:
        """The bootstrapped roles and the watch caches, too."""
        try:
            self.ask("GET", "readyz?verbose")
        except Refused:
            return False
        return True

    def _etcd_revision(self) -> int:
        key = base64.b64encode(b"none").decode()
        return int(self._ask_etcd("/v3/kv/range", {"key": key})["header"]["revision"])

    def _ask_etcd(self, path: str, words: Object) -> Object:
        link = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=30)
        return _ask(link, "POST", path, words, "application/json")

    def _path(self, thing: Object) -> str:
        meta = thing["metadata"]
        return f"{PATHS[thing['kind']].format(meta.get('namespace', ''))}/{meta['name']}"

    def _write_files(self) -> None:
        names = [*self._addresses, "DNS:localhost", "DNS:kubernetes.default.svc"]
        self._certificate = self.authority.server("apiserver", "/CN=kube-apiserver", names)
        (self.folder / "audit.json").write_text(json.dumps(AUDIT))

    def _etcd_words(self) -> list[str]:
        client, peer = (f"http://127.0.0.1:{port}" for port in (self._etcd_port, self._peer_port))
        return [
            str(self.programs / "etcd"),
            "--name=tests",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=tests={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _server_words(self) -> list[str]:
        options = {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "bind-address": "127.0.0.1",
            "advertise-address": ELSEWHERE,
            "secure-port": str(self.port),
            "tls-cert-file": str(self._certificate.certificate),
            "tls-private-key-file": str(self._certificate.key),
            "client-ca-file": str(self.authority.certificate),
            "authorization-mode": "Node,RBAC",
            "service-cluster-ip-range": SERVICE_RANGE,
            "service-account-issuer": ISSUER,
            "service-account-key-file": str(self.tokens.certificate),
            "service-account-signing-key-file": str(self.tokens.key),
            "audit-policy-file": str(self.folder / "audit.json"),
            "audit-log-path": str(self._audit),
            "profiling": "false",
        }
        options |= self.options
        program = str(self.programs / "kube-apiserver")
        return [program, *(f"--{name}={value}" for name, value in options.items())]


def _ask(link: http.client.HTTPConnection, verb: str, path: str, body: object, kind: str) -> Object:
    with contextlib.closing(link):
        text = None if body is None else json.dumps(body)
        link.request(verb, f"/{path.lstrip('/')}", text, {"Content-Type": kind})
        try:
            answer = link.getresponse()
            said = answer.read().decode()
        except http.client.HTTPException as error:
            raise OSError(f"{verb} {path}: {error}") from None
    if answer.status >= 300:
        raise Refused(answer.status, said)
    return json.loads(said) if said.startswith("{") else {"text": said}


def _request(event: Object) -> Request:
    reference = event["objectRef"]
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(event["requestURI"]).query))
    return Request(
        event["verb"],
        reference["resource"],
        reference.get("namespace", ""),
        query,
        event["responseStatus"]["code"],
        event["user"].get("username", ""),
    )
