"""Programs of Debian's, fat and slim: each is asked for what it is for, by HTTP, TLS, SQL and its words.

`wherry slim` compares both images itself; here the slim one is asked once more, by another client.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from support.certificates import Authority
from support.ports import fetch, free_port
from support.wherry import Wherry

pytestmark = [pytest.mark.mounts, pytest.mark.runtime, pytest.mark.network]

PACKAGES = (
    "nginx-light,ca-certificates,redis-server,redis-tools,python3-flask,memcached,haproxy,curl,jq,file,gawk,git,"
    "nodejs,node-express,postgresql,tzdata"
)
FLASK = """
import hashlib, sqlite3, ssl
from flask import Flask, jsonify, render_template
app = Flask(__name__)
@app.route("/")
def index():
    rows = sqlite3.connect(":memory:").execute("select 6 * 7").fetchall()
    known = ssl.create_default_context().cert_store_stats()["x509"]
    return render_template("index.html", rows=rows, tls=known > 50)
app.run(port=PORT)
"""
NODE = """
const app = require('express')();
app.get('/', (q, r) => r.json({hello: 'node', zone: new Intl.DateTimeFormat('de').format(new Date(0))}));
app.listen(PORT, '127.0.0.1');
"""
SHELL = """#!/bin/bash
# calls eight tools
set -eu
work=$(mktemp -d)
printf 'b 2\\na 1\\nc 3\\n' > "$work/in"
sort "$work/in" | awk '{ print $2 }' | sed 's/^/n=/' > "$work/out"
grep -c n= "$work/out"
echo '{"a": [1, 2]}' | jq -c .a
file -b "$work/in"
rm -r "$work"
"""
POSTGRES = """#!/bin/sh
set -e
initdb -D /var/lib/postgresql/data -A trust -U postgres > /dev/null
exec postgres -D /var/lib/postgresql/data -p PORT -k /tmp
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend f
    bind 127.0.0.1:PORT
    http-request return status 200 content-type text/plain string "hello"
"""
NGINX = """server {
  listen 127.0.0.1:PORT ssl; ssl_certificate tls/server.pem; ssl_certificate_key tls/server.key;
  root /var/www/html; index index.nginx-debian.html; }"""
GO = """package main
import "net/http"
func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("hello")) })
	http.ListenAndServe("127.0.0.1:PORT", nil)
}
"""


class Slim(NamedTuple):
    """`size` and `before` in bytes."""

    wherry: Wherry
    name: str
    before: int
    size: int


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wherry]:
    """A store with the image ``debian``, which has all of the programs."""
    wherry = Wherry(tmp_path_factory.mktemp("debian") / "store")
    wherry("bootstrap", "--include", PACKAGES, "debian", timeout=900)
    yield wherry
    wherry.end()


def slimmed(wherry: Wherry, folder: Path, dockerfile: str, *words: str) -> Slim:
    name = folder.name.replace("_", "-").strip("-")[:40].lower()
    wherry.build(folder, f"FROM debian\n{dockerfile}", "-t", f"fat-{name}", timeout=300)
    wherry("slim", f"fat-{name}", "-t", f"slim-{name}", *words, timeout=600)
    before, after = (json.loads(wherry("inspect", f"{kind}-{name}"))[0]["Size"] for kind in ("fat", "slim"))
    return Slim(wherry, f"slim-{name}", before, after)


def put(folder: Path, name: str, text: str, port: int = 0) -> None:
    (folder / name).write_text(text.replace("PORT", str(port)))
    (folder / name).chmod(0o755)


def test_go_from_fat_to_the_program_alone(debian: Wherry, tmp_path: Path) -> None:
    go = shutil.which("go", path=f"{os.environ['PATH']}:/usr/local/go/bin")
    if go is None:
        pytest.skip("needs go")
    port = free_port()
    put(tmp_path, "main.go", GO, port)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=mod"}
    subprocess.run([go, "build", "-o", "httpd", "main.go"], cwd=tmp_path, env=environment, check=True)
    one = slimmed(
        debian, tmp_path, 'COPY . /root/\nWORKDIR /root\nCMD ["/root/httpd"]\n',
        "--probe", f"http://127.0.0.1:{port}/",
    )  # fmt: skip
    debian("run", "-d", "--rm", one.name)
    assert fetch(f"http://127.0.0.1:{port}/") == "hello"
    assert one.size < (tmp_path / "httpd").stat().st_size + 10_000, "the program, and a few settings"


def test_nginx_with_tls(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    authority = Authority(tmp_path / "ca")
    pair = authority.server("server", "/CN=localhost", ["IP:127.0.0.1"])
    context = tmp_path / "nginx"
    context.mkdir()
    put(context, "default", NGINX, port)
    shutil.copy(pair.certificate, context / "server.pem")
    shutil.copy(pair.key, context / "server.key")
    one = slimmed(
        debian, context,
        "COPY default /etc/nginx/sites-enabled/default\nCOPY server.* /etc/nginx/tls/\n"
        'CMD ["nginx", "-g", "daemon off;"]\n',
        "--probe", f"https://127.0.0.1:{port}/",
    )  # fmt: skip
    debian("run", "-d", "--rm", one.name)
    trusting = ssl.create_default_context(cafile=str(authority.certificate))
    with urllib.request.urlopen(f"https://127.0.0.1:{port}/", context=trusting) as answer:
        assert b"Welcome to nginx" in answer.read()
    assert one.size < 12_000_000


def test_redis_memcached_and_haproxy(debian: Wherry, tmp_path: Path) -> None:
    ports = [free_port() for _ in range(3)]
    for folder in ("redis", "memcached", "haproxy"):
        (tmp_path / folder).mkdir()
    put(tmp_path / "haproxy", "haproxy.cfg", HAPROXY, ports[2])
    redis = slimmed(
        debian, tmp_path / "redis",
        f'USER redis\nCMD ["redis-server", "--port", "{ports[0]}", "--save", ""]\n',
        "--exec", f"redis-cli -p {ports[0]} set name wherry", "--exec", f"redis-cli -p {ports[0]} get name",
    )  # fmt: skip
    memcached = slimmed(
        debian, tmp_path / "memcached", f'USER nobody\nCMD ["memcached", "-p", "{ports[1]}"]\n'
    )
    haproxy = slimmed(
        debian, tmp_path / "haproxy",
        'COPY haproxy.cfg /etc/haproxy/haproxy.cfg\nCMD ["haproxy", "-f", "/etc/haproxy/haproxy.cfg"]\n',
        "--probe", f"http://127.0.0.1:{ports[2]}/",
    )  # fmt: skip
    for one in (redis, memcached, haproxy):
        debian("run", "-d", "--rm", one.name)
    assert fetch(f"http://127.0.0.1:{ports[2]}/") == "hello"
    assert said(ports[0], b"SET a b\r\nGET a\r\n", b"b\r\n").startswith(b"+OK\r\n$1\r\nb")
    assert (
        said(ports[1], b"set a 0 0 1\r\nb\r\nget a\r\n", b"END\r\n")
        == b"STORED\r\nVALUE a 0 1\r\nb\r\nEND\r\n"
    )
    assert max(redis.size, memcached.size, haproxy.size) < 20_000_000


def said(port: int, text: bytes, end: bytes) -> bytes:
    """What a server answers, up to `end`."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(text)
        answer = b""
        while not answer.endswith(end):
            piece = connection.recv(4096)
            assert piece, answer
            answer += piece
    return answer


def test_python_with_flask_sqlite_and_tls(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    put(tmp_path, "app.py", FLASK, port)
    (tmp_path / "templates").mkdir()
    put(tmp_path / "templates", "index.html", "{{ rows[0][0] }} {{ tls }}")
    one = slimmed(
        debian, tmp_path, 'COPY . /app/\nWORKDIR /app\nCMD ["python3", "app.py"]\n',
        "--probe", f"http://127.0.0.1:{port}/",
    )  # fmt: skip
    debian("run", "-d", "--rm", one.name)
    assert fetch(f"http://127.0.0.1:{port}/") == "42 True"
    assert one.size < 45_000_000


def test_node_with_express(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    put(tmp_path, "app.js", NODE, port)
    one = slimmed(
        debian, tmp_path, 'COPY app.js /app/\nWORKDIR /app\nCMD ["node", "app.js"]\n',
        "--probe", f"http://127.0.0.1:{port}/",
    )  # fmt: skip
    debian("run", "-d", "--rm", one.name)
    assert json.loads(fetch(f"http://127.0.0.1:{port}/")) == {"hello": "node", "zone": "1.1.1970"}
    assert one.size < 105_000_000


def test_postgres_made_anew_answers_sql(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    put(tmp_path, "start.sh", POSTGRES, port)
    query = f"psql -h 127.0.0.1 -p {port} -U postgres -tAc"
    one = slimmed(
        debian, tmp_path,
        "COPY start.sh /start.sh\nUSER postgres\nENV PATH=/usr/lib/postgresql/15/bin:/usr/bin:/bin\n"
        'CMD ["/start.sh"]\n',
        "--exec", f"{query} 'select 6 * 7, now() is not null'",
        "--drop", "/usr/lib/postgresql/15/lib/llvmjit*",
    )  # fmt: skip
    container = debian("run", "-d", "--rm", one.name)
    again = f"until {query} 'select 1' >/dev/null 2>&1; do sleep 0.1; done; {query} 'select version()'"
    assert "PostgreSQL 15" in debian("run", "--rm", "debian", "timeout", "60", "sh", "-c", again)
    debian("rm", "-f", container)
    assert one.size < 160_000_000


def test_a_shell_script_that_calls_eight_tools(debian: Wherry, tmp_path: Path) -> None:
    put(tmp_path, "run.sh", SHELL)
    one = slimmed(
        debian,
        tmp_path,
        'COPY run.sh /usr/local/bin/run\nENV TZ=Asia/Tokyo\nCMD ["run"]\n',
        "--exec",
        "run",
    )
    assert debian("run", "--rm", one.name).split("\n")[:3] == ["3", "[1,2]", "ASCII text"]
    assert debian("run", "--rm", one.name, "bash", "-c", "echo $BASH_VERSION").startswith("5.")
    assert one.size < 25_000_000


def test_curl_and_git_over_tls_and_the_dockerfile_that_gives_the_same(
    debian: Wherry, tmp_path: Path
) -> None:
    words = "curl -sS -o /dev/null -w %{http_code} https://deb.debian.org/debian/dists/stable/Release"
    one = slimmed(
        debian, tmp_path, 'ENTRYPOINT ["curl"]\nCMD ["--version"]\n',
        "--exec", words, "--exec", "git --version", "--suggest", str(tmp_path / "Suggested"),
    )  # fmt: skip
    debian("build", "-q", "-t", "suggested", "-f", str(tmp_path / "Suggested"), str(tmp_path), timeout=300)
    assert listed(exported(debian, one.name, tmp_path)) == listed(exported(debian, "suggested", tmp_path))
    assert "curl 7" in debian("run", "--rm", "suggested")


def listed(archive: str) -> list[str]:
    """Kind, mode, owner, size, time and name of everything in an archive but what containers are given."""
    words = ["tar", "-tvf", archive, "--numeric-owner", "--full-time"]
    words += [f"--exclude={name}" for name in ("dev", "proc", "sys")]
    return sorted(subprocess.run(words, capture_output=True, check=True, text=True).stdout.splitlines())


def exported(wherry: Wherry, name: str, folder: Path) -> str:
    container = wherry("create", name)
    path = str(folder / f"{name}.tar")
    wherry("export", "-o", path, container)
    wherry("rm", container)
    return path
