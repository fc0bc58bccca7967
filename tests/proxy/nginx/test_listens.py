"""Every spelling of ``listen`` that nginx takes is understood; none is seen where there is none."""

from __future__ import annotations

import pytest

from wherry.proxy.nginx.listens import Address, addresses
from wherry.proxy.nginx.render import RenderOptions, render

ALL = Address("", 8080)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("listen 8080;", [ALL]),
        ("listen       8080;", [ALL]),
        ("listen\t8080 ;", [ALL]),
        ("listen\n    8080;", [ALL]),
        ("listen *:8080;", [ALL]),
        ("listen 0.0.0.0:8080 default_server;", [ALL]),
        ('listen "8080";', [ALL]),
        ("'listen' '*:8080' reuseport backlog=5;", [ALL]),
        ("listen 8080; # listen 9;", [ALL]),
        ("# listen 9;\nlisten 8080;", [ALL]),
        ("listen # 9;\n8080;", [ALL]),
        ("listen 8080;listen 8080;", [ALL]),
        ("return 200 'listen 9;'; listen 8080;", [ALL]),
        ('return 200 "a\\" listen 9;"; listen 8080;', [ALL]),
        ("return 200 a#b; listen 8080;", [ALL]),
        ("set $a ${b}listen; listen 8080;", [ALL]),
        ("location / { return 200; } listen 8080;", [ALL]),
        ("listen 127.0.0.1:8080;", [Address("127.0.0.1", 8080)]),
        ("listen localhost:8080;", [Address("127.0.0.1", 8080)]),
        ("listen 127.0.0.1;", [Address("127.0.0.1", 80)]),
        ("listen [::]:8080;", [Address("::", 8080)]),
        ("listen [::]:8080 ipv6only=off;", [Address("::", 8080, True)]),
        ("listen [::]:8080 ipv6only=on;", [Address("::", 8080)]),
        ("listen [0:0::1]:8080;", [Address("::1", 8080)]),
        ("listen [::1];", [Address("::1", 80)]),
        ("listen 8080-8082;", [ALL, Address("", 8081), Address("", 8082)]),
        ("listen pod.example:8080;", [Address("pod.example", 8080)]),
        ("listen unix:/run/a.sock;", []),
        ("listen 8080 quic; listen 8443 ssl;", [Address("", 8443)]),
        ("listen $port;", []),
        ("listen nonsense:x;", []),
        ("listen;", []),
        ("listen 8080", [Address("", 80)]),
        ("location /listen { } listen 8080;", [ALL]),
        ("", [Address("", 80)]),
        ("server_name a;", [Address("", 80)]),
        ("include /etc/nginx/listen.conf;", [Address("", 9090)]),
    ],
)
@pytest.mark.parametrize("around", ["server { %s }", "server{%s}", "server\n{\n%s\n}\n", '"server" {%s}'])
def test_a_spelling(written: str, meant: list[Address], around: str) -> None:
    files = {"/etc/nginx/listen.conf": ["listen 9090;"]}
    assert addresses(around % f"{written}\n", lambda path: files.get(path, [])) == meant


@pytest.mark.parametrize(
    "text",
    [
        "upstream a { server 10.0.0.1:80; }",
        'map $host $a { listen 8080; server "x"; }',
        "log_format listen 'server { listen 8080; }';",
        "# server { listen 8080; }",
        "",
        "}}} listen 8080;",
    ],
)
def test_what_is_no_server_listens_nowhere(text: str) -> None:
    assert addresses(text, lambda _: ()) == []


def test_an_included_file_may_hold_whole_servers_and_never_includes_itself_for_ever() -> None:
    text = "include /a.conf;"
    assert addresses(text, lambda _: ["server { listen 7; } include /a.conf;"]) == [Address("", 7)]


@pytest.mark.parametrize("host", ["a.example", "listen.example", "include.example", "server.example"])
def test_what_the_emitter_writes_is_read_as_what_it_means(host: str) -> None:
    from support.pods import route

    options = RenderOptions(listen=("0.0.0.0:8080", "[::]:8080", "127.0.0.1:81"))
    text = render([route("10.0.0.1:80", host), route("10.0.0.2:80", "listen")], options)
    meant = [ALL, Address("::", 8080), Address("127.0.0.1", 81)]
    assert addresses(text, lambda _: ()) == meant
    assert addresses(text + "server{listen 9;}", lambda _: ()) == [*meant, Address("", 9)]
