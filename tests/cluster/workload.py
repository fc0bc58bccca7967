"""Pods that answer, and the Services in front of them."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]
SERVER = """
import http.server, os, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        if self.headers.get("Upgrade"):
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.wfile.flush()
            for line in self.rfile:
                self.wfile.write(line)
                self.wfile.flush()
            return
        body = ("pod:%s %s" % (os.uname().nodename, self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
Server(("", 8080), Handler).serve_forever()
"""
LEAVE = 8
"""Seconds that a pod goes on before it is told to end: longer than nginx keeps a connection to it (5)."""
LABELS = {"wherry.dev/expose": "true"}


def deployment(namespace: str, name: str, image: str, replicas: int = 1, mark: str = "") -> Object:
    """`mark` is in the pod: another one rolls it out.  Pods go on answering until they are forgotten."""
    container: Object = {
        "name": "web",
        "image": image,
        "command": ["python3", "-c", SERVER],
        "env": [{"name": "MARK", "value": mark}],
        # Without it they starve beside an nginx that reloads, where the machine is busy.
        "resources": {"requests": {"cpu": "100m"}},
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {
            "httpGet": {"path": "/", "port": 8080},
            "periodSeconds": 1,
            "timeoutSeconds": 10,
        },
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE}}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 30, "containers": [container]},
            },
        },
    }


def service(namespace: str, name: str, app: str, host: str, labels: Object | None = None) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": LABELS if labels is None else labels,
            "annotations": {"wherry.dev/host": host},
        },
        "spec": {"selector": {"app": app}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }


def by_its_address(service: Object, pod: Object) -> tuple[Object, Object]:
    """The Service without a selector, and the slice that a controller would write for this pod."""
    meta = service["metadata"]
    del service["spec"]["selector"]
    return service, {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "labels": {"kubernetes.io/service-name": meta["name"]},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": [{"addresses": [pod["status"]["podIP"]], "conditions": {"ready": True}}],
    }
