"""``wherry proxy run --from-dir`` with a real nginx: what is saved in the folder is what is served."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from proxy.conftest import Start
from support.ports import free_port
from support.proxy import Answer, Backend, Load, Proxy, answers, ask
from support.waiting import PATIENCE, wait_until
from wherry.proxy.sources.directory import PAUSE

pytestmark = pytest.mark.nginx

Backends = dict[str, Backend]


def manifest(name: str, port: int | None, host: str = "", **annotations: str) -> str:
    """A Service and where its one endpoint is (None: nowhere)."""
    said = {"host": host or f"{name}.example", **{k.replace("_", "-"): v for k, v in annotations.items()}}
    meta = {"name": name, "annotations": {f"wherry.dev/{k}": v for k, v in said.items()}}
    service = {"kind": "Service", "metadata": meta, "spec": {"ports": [{"port": 80}]}}
    endpoints = [] if port is None else [{"addresses": ["127.0.0.1"]}]
    slice_ = {
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": name}},
        "ports": [{"port": port or 1}],
        "endpoints": endpoints,
    }
    return f"{json.dumps(service)}\n---\n{json.dumps(slice_)}\n"


class Standalone:
    def __init__(self, start: Start, folder: Path, *words: str) -> None:
        self.folder = folder
        self.port = free_port()
        folder.mkdir(exist_ok=True)
        listen = ("--listen", f"127.0.0.1:{self.port}")
        self.proxy: Proxy = start("run", "--from-dir", str(folder), *listen, *words)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


@pytest.fixture
def standalone(start: Start, tmp_path: Path, backends: Backends) -> Standalone:
    """A proxy that serves backend ``one`` at one.example."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services/one.yaml").write_text(manifest("one", backends["one"].port))
    made = Standalone(start, tmp_path / "services")
    made.proxy.says("started: generation 1")
    return made


def asked_anew(port: int, host: str) -> Answer:
    """The first answer of a worker that knows the host: one of before takes connections until it hears that
    it is to end."""
    found: list[Answer] = []

    def known() -> bool:
        found.append(ask(port, host))
        return found[-1].status != 404

    wait_until(known, f"a route for {host}")
    return found[-1]


def test_a_file_is_a_route_as_long_as_it_is_there(standalone: Standalone, backends: Backends) -> None:
    assert ask(standalone.port, "one.example").json()["name"] == "one"
    standalone.write("two.yaml", manifest("two", backends["two"].port))
    answers(standalone.port, "two.example", 200, "two")
    standalone.write("two.yaml", manifest("two", backends["two"].port, host="new.example"))
    answers(standalone.port, "new.example", 200, "two")
    answers(standalone.port, "two.example", 404)
    (standalone.folder / "two.yaml").rename(standalone.folder / "three.yaml")
    (standalone.folder / "three.yaml").unlink()
    answers(standalone.port, "new.example", 404)
    assert ask(standalone.port, "one.example").json()["name"] == "one"


@pytest.mark.parametrize("way", ["rename", "truncate", "sed -i", "delete and write"])
def test_however_an_editor_saves_no_request_is_lost(
    standalone: Standalone, backends: Backends, way: str
) -> None:
    path = standalone.folder / "one.yaml"
    with Load(standalone.port, "one.example") as load:
        for turn in range(6):
            name = "two" if turn % 2 == 0 else "one"
            text = manifest("one", backends[name].port)
            if way == "rename":
                (standalone.folder / ".one.swp").write_text(text)
                (standalone.folder / ".one.swp").rename(path)
            elif way == "truncate":
                path.write_text(text)
            elif way == "sed -i":
                old = backends["one" if name == "two" else "two"].port
                subprocess.run(["sed", "-i", f"s/{old}/{backends[name].port}/", str(path)], check=True)
            else:
                # Two events: between them the route may be gone, and then it is 404, never an error.
                path.unlink()
                path.write_text(text)
            answers(standalone.port, "one.example", 200, name)
    allowed = {"one", "two"} | (
        {"404 no route for this host and path"} if way.startswith("delete") else set()
    )
    assert load.seen.keys() <= allowed and load.seen.total() > 30, load.seen


def test_a_file_that_a_shell_has_emptied_keeps_what_it_said_until_it_is_written(
    standalone: Standalone, backends: Backends
) -> None:
    """``helm template > one.yaml``: it is empty for as long as helm takes."""
    with (standalone.folder / "one.yaml").open("w") as file:
        for number in range(5):  # time passes, and others are followed
            time.sleep(2 * PAUSE)
            standalone.write("two.yaml", manifest(f"two-{number}", backends["two"].port))
            answers(standalone.port, f"two-{number}.example", 200, "two")
        assert ask(standalone.port, "one.example").json()["name"] == "one"
        file.write(manifest("one", backends["two"].port))
    answers(standalone.port, "one.example", 200, "two")
    (standalone.folder / "one.yaml").write_text("")
    answers(standalone.port, "one.example", 404)


def test_a_broken_file_costs_nothing_and_is_told_with_its_line(
    standalone: Standalone, backends: Backends
) -> None:
    standalone.write("bad.yaml", "kind: Service\nmetadata:\n  name: [x\n")
    standalone.proxy.says("bad.yaml:4:")
    standalone.write("one.yaml", "kind: Service\n  half: saved\n")
    standalone.proxy.says("one.yaml:2:")
    assert ask(standalone.port, "one.example").json()["name"] == "one"
    standalone.write("two.yaml", manifest("two", backends["two"].port))
    answers(standalone.port, "two.example", 200, "two")


def test_a_folder_that_goes_and_comes_back(standalone: Standalone, backends: Backends) -> None:
    """Its routes go with its files; nothing else ends."""
    away = standalone.folder.with_name("away")
    standalone.folder.rename(away)
    standalone.folder.mkdir()
    standalone.write("two.yaml", manifest("two", backends["two"].port))
    answers(standalone.port, "two.example", 200, "two")


def test_a_config_map_changes_by_one_symlink(start: Start, tmp_path: Path, backends: Backends) -> None:
    folder = tmp_path / "services"
    for number, name in enumerate(("one", "two")):
        version = folder / f"..version{number}"
        version.mkdir(parents=True)
        (version / "x.yaml").write_text(manifest("x", backends[name].port))
    (folder / "..data").symlink_to("..version0")
    (folder / "x.yaml").symlink_to("..data/x.yaml")
    standalone = Standalone(start, folder)
    standalone.proxy.says("started: generation 1")
    answers(standalone.port, "x.example", 200, "one")
    (folder / "..tmp").symlink_to("..version1")
    (folder / "..tmp").rename(folder / "..data")
    answers(standalone.port, "x.example", 200, "two")


def test_without_endpoints_503_and_without_a_route_404(standalone: Standalone) -> None:
    standalone.write("none.yaml", manifest("none", None))
    answered = asked_anew(standalone.port, "none.example")
    assert (answered.status, answered.body) == (503, "no endpoint is ready\n")
    assert ask(standalone.port, "nobody.example").status == 404


def test_the_longest_path_of_whole_segments_wins(standalone: Standalone, backends: Backends) -> None:
    standalone.write("api.yaml", manifest("api", backends["two"].port, host="one.example", path="/api"))
    answers(standalone.port, "one.example", 200, "two", "/api")
    for path, name in (
        ("/api/x", "two"),
        ("/api?q", "two"),
        ("/apis", "one"),
        ("/Api", "one"),
        ("/x/api", "one"),
    ):
        assert ask(standalone.port, "one.example", path).json()["name"] == name, path


@pytest.mark.parametrize("path", ["/a//b", "/a/%2e%2e/x", "/a%2Fb", "/./a", "/a;b=c?d=%zz"])
def test_the_request_line_arrives_as_it_was_sent(standalone: Standalone, path: str) -> None:
    assert ask(standalone.port, "one.example", path).json()["path"] == path


@pytest.mark.parametrize("path", ["/%2e%2e/x", "/%00", "/%zz", "/../x"])
def test_a_path_that_leads_nowhere_is_refused(standalone: Standalone, path: str) -> None:
    assert ask(standalone.port, "one.example", path).status == 400


def test_the_upstream_is_told_who_asks_and_not_what_the_client_claims(standalone: Standalone) -> None:
    found = ask(
        standalone.port,
        f"One.Example:{standalone.port}",
        X_Forwarded_For="6.6.6.6",
        X_Forwarded_Proto="https",
        X_Forwarded_Host="evil.example",
        Forwarded="for=6.6.6.6",
        Proxy="evil",
    ).json()
    headers = {k.lower(): v for k, v in found["headers"].items()}
    assert found["http"] == "HTTP/1.1"
    assert headers["host"] == headers["x-forwarded-host"] == f"one.example:{standalone.port}"
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.1"
    assert (headers["x-forwarded-proto"], headers["x-forwarded-port"]) == ("http", str(standalone.port))
    assert "forwarded" not in headers and "proxy" not in headers and "connection" not in headers
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])


def test_a_trusted_proxy_is_believed(start: Start, tmp_path: Path, backends: Backends) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s/one.yaml").write_text(manifest("one", backends["one"].port))
    standalone = Standalone(start, tmp_path / "s", "--trusted-proxy", "127.0.0.0/8")
    standalone.proxy.says("started: generation 1")
    found = ask(
        standalone.port, "one.example", X_Forwarded_For="7.7.7.7, 127.0.0.9", X_Forwarded_Proto="https"
    ).json()
    headers = {k.lower(): v for k, v in found["headers"].items()}
    assert headers["x-forwarded-for"] == "7.7.7.7" and headers["x-forwarded-proto"] == "https"


def test_connections_to_an_upstream_are_kept(standalone: Standalone, backends: Backends) -> None:
    before = backends["one"].connections
    for _ in range(30):
        assert ask(standalone.port, "one.example").status == 200
    assert backends["one"].connections - before <= 8, "one for each worker, not one for each request"


def test_a_body_beyond_the_limit_is_413_and_below_it_arrives(
    standalone: Standalone, backends: Backends
) -> None:
    standalone.write("one.yaml", manifest("one", backends["one"].port, body_size="1k"))
    wait_until(lambda: ask(standalone.port, "one.example", method="POST", body=b"x" * 1025).status == 413)
    assert ask(standalone.port, "one.example", method="POST", body=b"x" * 1024).json()["method"] == "POST"


def test_an_upstream_that_takes_too_long_is_504_and_one_that_is_away_502(
    standalone: Standalone, backends: Backends
) -> None:
    backends["slow"] = Backend("slow", delay=2.0)
    standalone.write("slow.yaml", manifest("slow", backends["slow"].port, read_timeout="50ms"))
    answers(standalone.port, "slow.example", 504)
    standalone.write("away.yaml", manifest("away", free_port()))
    answers(standalone.port, "away.example", 502)


@pytest.mark.parametrize("to", ["/p0", "/404", "/elsewhere", "@x"])
def test_no_upstream_sends_nginx_elsewhere(standalone: Standalone, to: str) -> None:
    """X-Accel-Redirect would have it ask the same upstream again, ten times, and then answer 500."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE)
        standalone.write("x.yaml", manifest("x", server.getsockname()[1]))
        standalone.proxy.says("reloaded: generation 2")

        def serve() -> None:
            with contextlib.suppress(OSError):  # closed at the end
                while True:
                    link, _ = server.accept()
                    with link:
                        asked.append(link.recv(4096))
                        head = f"HTTP/1.1 200 OK\r\nX-Accel-Redirect: {to}\r\nContent-Length: 4\r\n\r\n"
                        link.sendall(head.encode() + b"mine")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        found = asked_anew(standalone.port, "x.example")
        server.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
    assert (found.status, found.body, len(asked)) == (200, "mine", 1)


def test_nothing_is_compressed(standalone: Standalone) -> None:
    found = ask(standalone.port, "one.example", Accept_Encoding="gzip", X_Long="x" * 2000)
    assert "content-encoding" not in {k.lower() for k in found.headers}


def test_the_access_log_is_json_with_the_services_name(standalone: Standalone) -> None:
    def line(status: int) -> dict[str, Any]:
        def lines() -> list[dict[str, Any]]:
            said = standalone.proxy.out.read_text()
            rows = map(json.loads, said[: said.rfind("\n") + 1].splitlines())
            return [row for row in rows if row["status"] == status]

        wait_until(lines)
        (found,) = lines()
        return found

    ask(standalone.port, "one.example", '/x?quote="&back=\\', User_Agent='a "b" \\ c')
    served = line(200)
    assert (served["route"], served["host"]) == ("default/one:80", "one.example")
    assert served["uri"] == '/x?quote="&back=\\' and served["agent"] == 'a "b" \\ c'
    ask(standalone.port, "nobody.example")
    assert line(404)["route"] == ""
    ask(standalone.port, "one.example", "/%00")
    assert line(400)["route"] == "", "refused before it had one"


def test_a_websocket_goes_through_and_h2c_does_not(standalone: Standalone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as echo:
        standalone.write("ws.yaml", manifest("ws", echo.getsockname()[1]))
        answers(standalone.port, "one.example", 200)
        standalone.proxy.says("+ ws.example/")
        with socket.create_connection(("127.0.0.1", standalone.port), PATIENCE) as client:
            upgrade = (
                "GET /s HTTP/1.1\r\nHost: ws.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            )
            client.sendall(upgrade.encode())
            server, _ = echo.accept()
            with server:
                asked = server.recv(4096).decode().lower()
                assert "upgrade: websocket\r\n" in asked and "connection: upgrade\r\n" in asked
                server.sendall(
                    b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
                )
                assert b"101" in client.recv(4096)
                standalone.write("more.yaml", manifest("more", None))
                answers(standalone.port, "more.example", 503)  # a reload later
                client.sendall(b"ping")
                assert server.recv(10) == b"ping"
                server.sendall(b"pong")
                assert client.recv(10) == b"pong"
    headers = ask(
        standalone.port, "one.example", Connection="Upgrade, HTTP2-Settings", Upgrade="h2c"
    ).json()["headers"]
    assert "upgrade" not in {k.lower() for k in headers}


def test_a_burst_of_changes_is_few_reloads(standalone: Standalone, backends: Backends) -> None:
    for number in range(50):
        standalone.write(f"s{number}.yaml", manifest(f"s{number}", backends["two"].port))
    answers(standalone.port, "s49.example", 200, "two")
    assert standalone.proxy.said().count("reloaded: generation") <= 10


def test_a_save_that_changes_nothing_is_no_reload(standalone: Standalone, backends: Backends) -> None:
    text = (standalone.folder / "one.yaml").read_text()
    for _ in range(5):
        standalone.write("one.yaml", text + "# a comment\n")
    standalone.write("two.yaml", manifest("two", backends["two"].port))
    answers(standalone.port, "two.example", 200, "two")
    standalone.proxy.says("reloaded: ")  # a moment after the first answer
    assert standalone.proxy.said().count("reloaded: ") == 1


def test_status_shows_what_is_served_and_what_is_not(standalone: Standalone) -> None:
    standalone.write("bad.yaml", manifest("bad", 1, path="/a;b"))
    standalone.proxy.says("! default/bad:")
    env = {**os.environ, "XDG_RUNTIME_DIR": str(standalone.proxy.runtime)}
    command = [sys.executable, "-m", "wherry", "proxy", "status"]
    shown = subprocess.run(command, capture_output=True, text=True, env=env, check=True).stdout
    assert re.search(r"^one\.example +/ +127\.0\.0\.1:\d+ +default/one:80$", shown, re.MULTILINE)
    assert re.search(r"^default/bad +bad-annotation +wherry.dev/path: ", shown, re.MULTILINE)
    told = json.loads(
        subprocess.run([*command, "--format", "json"], capture_output=True, env=env, check=True).stdout
    )
    assert told["generation"] >= 1 and [r["name"] for r in told["rejected"]] == ["default/bad"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_ctrl_c_and_its_like_end_nginx_and_leave_nothing(standalone: Standalone, number: int) -> None:
    assert standalone.proxy.nginx()
    assert standalone.proxy.end(number) == 0
    assert standalone.proxy.nginx() == []
    assert not (standalone.proxy.runtime / "wherry").exists()


def test_after_kill_9_the_next_run_starts_and_tidies_up(start: Start, standalone: Standalone) -> None:
    standalone.proxy.end(signal.SIGKILL)
    wait_until(lambda: standalone.proxy.nginx() == [], "nginx goes with it")
    run = str(standalone.proxy.runtime)
    listen = ("--listen", f"127.0.0.1:{standalone.port}")
    again = start("run", "--from-dir", str(standalone.folder), *listen, env={"XDG_RUNTIME_DIR": run})
    again.says("started: generation 1")
    assert ask(standalone.port, "one.example").json()["name"] == "one"
    assert os.listdir(f"{run}/wherry") == [f"proxy-{again.process.pid}"]


def test_nginx_that_ends_by_itself_is_said(standalone: Standalone) -> None:
    os.kill(standalone.proxy.master(), signal.SIGKILL)
    assert standalone.proxy.process.wait(PATIENCE) == 1
    assert "nginx ended by itself" in standalone.proxy.said()
    wait_until(lambda: standalone.proxy.nginx() == [])


@pytest.mark.parametrize(
    "words, says",
    [
        (("--from-dir", "/nowhere"), "/nowhere is not a folder"),
        ((), "nothing to follow"),
        (("--from-dir", "/tmp", "--listen", "8080x"), '"8080x" is not ADDRESS:PORT'),
        (("--from-dir", "/tmp", "--nginx", "/nowhere/nginx"), "there is no nginx (/nowhere/nginx)"),
        (("--from-dir", "/tmp", "--nginx", "/bin/true"), "/bin/true is not an nginx"),
        (("--from-dir", "/tmp", "--domain", "a;b"), "--domain: 'a;b' is not a host name"),
        (("--from-dir", "/tmp", "--trusted-proxy", "x"), "--trusted-proxy"),
        (("--from-dir", "/tmp", "--access-log", "/a$b"), "--access-log"),
        (("--from-dir", "/tmp", "--workers", "many"), "--workers"),
        (("--from-dir", "/tmp", "--metrics", "127.0.0.1:0"), '"127.0.0.1:0" is not ADDRESS:PORT'),
    ],
)
def test_what_cannot_begin_says_why(start: Start, words: tuple[str, ...], says: str) -> None:
    proxy = start("run", *words)
    assert proxy.process.wait(PATIENCE) != 0
    assert says in proxy.said() and "Traceback" not in proxy.said()


def test_a_port_in_use_is_named(start: Start, tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        proxy = start("run", "--from-dir", str(tmp_path / "s"), "--listen", listen)
        assert proxy.process.wait(PATIENCE) == 1
    assert listen in proxy.said() and "hint:" in proxy.said() and "Traceback" not in proxy.said()


def test_a_reload_that_wants_a_port_in_use_keeps_what_is_served(standalone: Standalone) -> None:
    shutil.copy(standalone.folder / "one.yaml", standalone.folder / "copy.yaml")  # the same Service twice
    standalone.proxy.says("there is another Service of that name")
    assert ask(standalone.port, "one.example").json()["name"] == "one"


def test_nothing_in_a_manifest_reaches_the_terminal_but_text(standalone: Standalone) -> None:
    """Not the names of Services, of files, of annotations; neither in the log nor in status."""
    evil = "\\u001b[2J\\u009b1m\\u202egnp"
    standalone.write("evil.yaml", f'{{"kind": "Service", "metadata": {{"name": "x{evil}"}}}}')
    standalone.write("kind.yaml", f'{{"kind": "y{evil}"}}')
    meta = f'{{"name": "z", "annotations": {{"wherry.dev/{evil}": 5}}}}'
    standalone.write("number.yaml", f'{{"kind": "Service", "metadata": {meta}}}')
    standalone.write("esc\x1b[2J.yaml", "kind: Service\n  half: saved\n")
    for told in ("bad-name", "unknown-kind", "quote it", "esc\\u001b[2J.yaml:2"):
        standalone.proxy.says(told)
    command = [sys.executable, "-m", "wherry", "proxy", "status"]
    env = {**os.environ, "XDG_RUNTIME_DIR": str(standalone.proxy.runtime)}
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    assert "NOT SERVED" in shown
    for text in (standalone.proxy.said(), shown):
        assert all(c.isprintable() or c == "\n" for c in text), ascii(text)


def test_nohup_and_usr1_do_not_end_it(start: Start, tmp_path: Path, backends: Backends) -> None:
    """The terminal goes away; logs are rotated."""
    logs = Path(tempfile.mkdtemp(prefix="wp-"))
    logs.chmod(0o777)  # nginx's workers, which are nobody's, open it themselves
    log = logs / "access.log"
    (tmp_path / "services").mkdir()
    (tmp_path / "services/one.yaml").write_text(manifest("one", backends["one"].port))
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a child inherits it, as from nohup(1)
    try:
        made = Standalone(start, tmp_path / "services", "--access-log", str(log))
    finally:
        signal.signal(signal.SIGHUP, before)
    made.proxy.says("started: generation 1")
    made.proxy.process.send_signal(signal.SIGHUP)
    made.proxy.process.send_signal(signal.SIGUSR2)
    log.rename(logs / "rotated")
    made.proxy.process.send_signal(signal.SIGUSR1)
    wait_until(log.exists)
    wait_until(lambda: ask(made.port, "one.example").status == 200 and '"route":"' in log.read_text())
    assert made.proxy.process.poll() is None
    assert made.proxy.end() == 0
    shutil.rmtree(logs)
