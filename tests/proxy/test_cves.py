"""What broke other nginx controllers, tried here: a test for each CVE that has a counterpart.

Three more have none: there is no admission webhook that would run ``nginx -t`` on a wish, nor one
that could be sent a huge request (CVE-2025-1974, CVE-2026-24514), and no annotation names a Secret's file
(CVE-2025-24513).  `test_no_annotation_reaches_for_what_those_needed` holds them to it.
"""

from __future__ import annotations

from typing import Any

import pytest

from support.conf import complaint, intended, parsed
from support.services import service, table
from wherry.proxy.graph.annotations import READERS
from wherry.proxy.nginx.main import Binary, MainOptions, main
from wherry.proxy.nginx.render import RenderOptions, render, tree

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
OPTIONS = RenderOptions(listen=("127.0.0.1:8080",))

# CVE -> what a Service of the attacker says: annotations, or fields of the object.
VECTORS: list[tuple[str, dict[str, Any]]] = [
    ("CVE-2021-25742 snippets", {"annotations": {"configuration-snippet": f"root /; index {TOKEN};"}}),
    ("CVE-2021-25742 server snippets", {"annotations": {"server-snippet": "location /x { root /; }"}}),
    ("CVE-2021-25745 path at the token", {"annotations": {"path": f"/x{{alias {TOKEN};}}#"}}),
    ("CVE-2021-25745 dots", {"annotations": {"path": f"/..{TOKEN}"}}),
    ("CVE-2021-25746 directives in a value", {"annotations": {"protocol": "http; alias /etc;"}}),
    ("CVE-2021-25748 newline in a path", {"annotations": {"path": "/a\nlocation / { root /; }"}}),
    ("CVE-2022-4886 path with a directive", {"annotations": {"path": "/a;root /etc"}}),
    ("CVE-2022-4886 path with a block", {"annotations": {"path": "/a{}"}}),
    ("CVE-2023-5043 snippet", {"annotations": {"auth-snippet": "proxy_pass http://x;"}}),
    ("CVE-2023-5044 permanent redirect", {"annotations": {"permanent-redirect": "/x;}}server{listen 9;"}}),
    ("CVE-2023-5044 in the host", {"annotations": {"host": "a.example;}}server{listen 9;"}}),
    ("CVE-2024-7646 carriage return", {"annotations": {"path": "/a\rroot /etc;"}}),
    ("CVE-2024-7646 carriage return in the host", {"annotations": {"host": "a.example\rb"}}),
    ("CVE-2025-24514 auth-url unquoted", {"annotations": {"auth-url": "http://x/#;\nroot /;"}}),
    ("CVE-2025-24514 in the upstream", {"type": "ExternalName", "externalName": "x/#;\nroot /;"}),
    ("CVE-2025-1097 auth-tls-match-cn", {"annotations": {"auth-tls-match-cn": "CN=x) { } root /; #"}}),
    (
        "CVE-2025-1098 mirror target",
        {"annotations": {"mirror-target": "http://x;\nload_module /tmp/x.so;"}},
    ),
    ("CVE-2025-1098 the object's uid", {"uid": "x\n;root /;#"}),
    ("CVE-2025-15566 proxy headers", {"annotations": {"auth-proxy-set-headers": "x\n;root /;"}}),
    ("CVE-2026-1580 regex in a path", {"annotations": {"path": "/.*|^/"}}),
    ("CVE-2026-1580 regex in a host", {"annotations": {"host": "~^.*$"}}),
    ("CVE-2026-24512 unquoted path", {"annotations": {"path": '/a" { root /; } #'}}),
    ("CVE-2026-24512 unquoted server name", {"annotations": {"host": "a.example{"}}),
    ("CVE-2026-24513 custom errors", {"annotations": {"custom-http-errors": "404;root /"}}),
    ("CVE-2026-3288 rewrite target", {"annotations": {"rewrite-target": "/x\n}root /;"}}),
    ("CVE-2026-4342 path in a comment", {"annotations": {"path": "/#\nroot /;"}}),
    ("CVE-2026-4342 name in a comment", {"name": "web\nroot /;"}),
    ("CVE-2026-4342 namespace in a comment", {"namespace": "default\nroot /;"}),
]


@pytest.mark.parametrize("cve, said", VECTORS, ids=[cve for cve, _ in VECTORS])
def test_the_vector_changes_nothing_but_its_own_route(cve: str, said: dict[str, Any]) -> None:
    """The attacker's Service is refused, or served as if that annotation were not there."""
    said = dict(said)
    uid = said.pop("uid", None)
    attacker = service(said.pop("name", "attacker"), said.pop("namespace", "default"), **said)
    if uid:
        attacker["metadata"]["uid"] = uid
    victim = service("victim", created="2026-02-01T00:00:00Z", annotations={"host": "victim.example"})
    made = table(attacker, victim, names=True)
    alone = table(victim, names=True)
    plain = table(service("attacker"), victim, names=True)
    assert made.routes in (alone.routes, plain.routes)
    text = render(made.routes, OPTIONS)
    assert parsed(text) == intended(tree(made.routes, OPTIONS))
    assert TOKEN not in text and "root" not in text and "alias" not in text and "#" not in text
    if uid is None:
        assert made.rejected, "somebody is told"


@pytest.mark.nginx
def test_every_vector_at_once_is_a_configuration_that_nginx_takes() -> None:
    objects = [
        service(f"a{i}", **{k: v for k, v in said.items() if k not in ("uid", "name", "namespace")})
        for i, (_, said) in enumerate(VECTORS)
    ]
    assert complaint(render(table(*objects, names=True).routes, OPTIONS)) is None


def test_cve_2025_1974_there_is_nothing_to_load_and_no_file_of_the_users_to_read() -> None:
    text = main(MainOptions("/s"), Binary(), "/s/d", 1)
    assert "load_module" not in text and "ssl_engine" not in text
    assert text.count("include ") == 1


def test_no_annotation_reaches_for_what_those_needed() -> None:
    """A path of a file, a Secret, a snippet, a header, a rewrite: no annotation takes one."""
    assert set(READERS) == {
        "host",
        "path",
        "port",
        "protocol",
        "connect-timeout",
        "read-timeout",
        "send-timeout",
        "body-size",
        "websocket",
        "buffering",
    }


def test_cve_2026_42945_every_capture_of_a_rewrite_is_named() -> None:
    """nginx up to 1.30.0 mixes up unnamed captures of rewrite and what they are used for."""
    made = table(service(annotations={"path": "/Api/x"}), service("b", annotations={"host": "*.b.example"}))
    found = parsed(render(made.routes, OPTIONS))
    (server,) = [block for name, _, block in found if name == "server"]
    branches = [directive for name, _, block in server if name == "if" for directive in block]
    rewrites = [args for name, args, _ in (*branches, *server) if name == "rewrite"]
    assert rewrites == [("^", "/$wherry_place", "last"), ("^", "/404", "last")]
    assert not any(f"${digit}" in render(made.routes, OPTIONS) for digit in range(10))
