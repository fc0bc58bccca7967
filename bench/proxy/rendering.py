"""Configurations of the same routes: wherry's, and one in the shape of docker-gen's nginx-proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.proxy.manifests import service
from wherry.cli.proxy.options import CONNECTIONS, idle
from wherry.proxy.graph.options import Options
from wherry.proxy.nginx.render import RenderOptions, render
from wherry.proxy.resources.service import SERVICES
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.routes import Router

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.proxy.model import Route

OTHER_HEAD = """\
map $http_x_forwarded_proto $proxy_x_forwarded_proto {{
    default $http_x_forwarded_proto;
    '' $scheme;
}}
map $http_upgrade $proxy_connection {{
    default upgrade;
    '' '';
}}
server_names_hash_bucket_size 128;
server_names_hash_max_size {names};
gzip_types text/plain text/css application/javascript application/json;
proxy_http_version 1.1;
proxy_set_header Host $host;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $proxy_connection;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $proxy_x_forwarded_proto;
proxy_set_header Proxy "";
server {{
    server_name _;
    listen {listen};
    access_log off;
    return 503;
}}
"""
OTHER_ROUTE = """\
upstream {host} {{
    server {address};
    keepalive {kept};
}}
server {{
    server_name {host};
    access_log off;
    listen {listen};
    location / {{
        proxy_pass http://{host};
    }}
}}
"""


def routes(turns: Iterable[int]) -> tuple[Route, ...]:
    """Those of Service 0, 1, 2, ..., each at the port of its turn."""
    made = [SERVICES.project(service(number, turn)) for number, turn in enumerate(turns)]
    return Router(Options()).build(Snapshot({SERVICES: made})).routes


def ours(wanted: Sequence[Route], listen: str) -> str:
    """As on a machine that lets a worker have all the connections that wherry gives it."""
    return render(wanted, RenderOptions(listen=(listen,), access_log="", idle=idle(CONNECTIONS)))


SAME_HEADERS = """\
proxy_set_header X-Forwarded-Host $http_host;
proxy_set_header X-Forwarded-Port $server_port;
proxy_set_header X-Request-Id $request_id;
proxy_set_header Forwarded "";
"""


def theirs(wanted: Sequence[Route], listen: str, kept: int = 2, more: str = "") -> str:
    """An upstream block and a server block for each host (nginx-proxy's template, HTTP only), with `kept`
    idle connections of a worker to each, and `more` lines for all servers.

    The hash of names is as large as they need: nginx-proxy leaves that to its user.
    """
    head = OTHER_HEAD.format(listen=listen, names=max(1024, 2 * len(wanted)))
    blocks = (
        OTHER_ROUTE.format(host=r.host, address=r.addresses[0], listen=listen, kept=kept) for r in wanted
    )
    return head + more + "".join(blocks)
