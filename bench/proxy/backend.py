"""The upstream of all Services: an nginx that says at which address and port it was asked."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from bench.programs import Daemon, environment
from bench.proxy.asking import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST, LAST = 9001, 9064
"""Its ports: a Service that moves from one to the next is another upstream."""
BIG = 256 << 10
"""Bytes of /big."""

CONF = """\
daemon off;
pid {folder}/backend.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile 20000;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/temp;
    proxy_temp_path {folder}/temp;
    fastcgi_temp_path {folder}/temp;
    uwsgi_temp_path {folder}/temp;
    scgi_temp_path {folder}/temp;
    keepalive_requests 1000000;
    default_type text/plain;
    server {{
        listen 0.0.0.0:{first}-{last} backlog=4096;
        location / {{ return 200 "$server_addr:$server_port\\n"; }}
        location = /small {{ return 200 "0123456789abcde\\n"; }}
        location = /big {{ root {folder}; }}
    }}
}}
"""
SMALL = 16


@contextlib.contextmanager
def backend(folder: Path) -> Iterator[None]:
    """Answer on every address of this network until the block ends.  Raises NotHere."""
    folder.mkdir()
    (folder / "big").write_bytes(b"0" * BIG)
    conf = folder / "nginx.conf"
    conf.write_text(CONF.format(folder=folder, first=FIRST, last=LAST))
    folder.chmod(0o755)
    folder.parent.chmod(0o755)  # the worker is another user
    words = ["nginx", "-e", "stderr", "-p", str(folder), "-c", str(conf)]
    daemon = Daemon(words, environment(folder), folder / "backend.log")
    try:
        daemon.wait_until(lambda: ask(("127.0.0.1", LAST), "any"))
        yield
    finally:
        daemon.stop()


def port(turn: int) -> int:
    return FIRST + turn % (LAST - FIRST + 1)
