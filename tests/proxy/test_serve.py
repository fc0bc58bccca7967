"""``wherry proxy serve`` with a real nginx: PID 1's duties, the transaction, last-good, its log."""

from __future__ import annotations

import datetime
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxy.conftest import Start
from support.nofiles import a_device, a_huge_file, a_pipe, a_socket
from support.ports import free_port
from support.proxy import Backend, Load, Proxy, answers, ask
from support.waiting import PATIENCE, wait_until
from wherry.proxy.model import Route, Table
from wherry.proxy.nginx.render import RenderOptions, render
from wherry.proxy.publish import Publisher
from wherry.proxy.reload.process import children

pytestmark = pytest.mark.nginx

Backends = dict[str, Backend]


class Pod:
    """The shared folder, a generator's hand in it, and ``proxy serve`` beside it."""

    def __init__(self, start: Start, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._start = start
        self._options = RenderOptions(listen=(f"127.0.0.1:{self.port}",), access_log="")
        folder.mkdir(exist_ok=True)
        self._publisher: Publisher | None = None

    def publish(self, **hosts: int | str) -> None:
        """As ``proxy generate`` does: a route for each host to a port, or to an address as it stands."""
        self.publish_routes(*(route(name, to) for name, to in hosts.items()))

    def publish_routes(self, *routes: Route) -> None:
        self._publisher = self._publisher or Publisher(str(self.folder), self._options)
        self._publisher.publish(Table(routes))

    def write(self, text: str) -> None:
        """As somebody else's generator does: a file, and nothing about what it was made of."""
        (self.folder / "routes.json").unlink(missing_ok=True)
        (self.folder / ".new").write_text(text)
        (self.folder / ".new").rename(self.folder / "default.conf")

    def rendered(self, **hosts: int | str) -> str:
        return render([route(name, to) for name, to in hosts.items()], self._options)

    def serve(self, *words: str) -> Proxy:
        return self._start("serve", "--dir", str(self.folder), *words)


def route(name: str, to: int | str) -> Route:
    address = to if isinstance(to, str) else f"127.0.0.1:{to}"
    return Route(f"default/{name}:80", f"{name}.example", "/", (address,))


@pytest.fixture
def pod(start: Start, tmp_path: Path) -> Pod:
    return Pod(start, tmp_path / "conf.d")


def test_a_written_file_is_detected_logged_validated_and_served(pod: Pod, backends: Backends) -> None:
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    pod.publish(one=backends["two"].port)
    answers(pod.port, "one.example", 200, "two")
    proxy.says("reloaded: generation 2")
    detected, outcome = proxy.said().splitlines()[1:]
    assert re.fullmatch(r"At \d\d:\d\d on \d\d/\d\d/\d\d, config file update detected\.", detected)
    took = r"validated in \d+ ms, answered after \d+ ms"
    when, text = outcome.split(", ", 1)
    assert datetime.datetime.fromisoformat(when).tzinfo is not None and "." not in when
    assert re.fullmatch("reloaded: generation 2, " + took, text)


def test_no_request_is_lost_in_many_reloads(pod: Pod, backends: Backends) -> None:
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    with Load(pod.port, "one.example") as load:
        for turn in range(25):
            name = "two" if turn % 2 == 0 else "one"
            pod.publish(one=backends[name].port)
            proxy.says(f"reloaded: generation {turn + 2},")
    assert load.seen.keys() == {"one", "two"} and load.seen.total() > 100, load.seen
    answers(pod.port, "one.example", 200, "two")


def test_requests_that_outlive_many_reloads_are_answered(pod: Pod, backends: Backends) -> None:
    """Each generation still has one under way when the last comes."""
    backends["slow"] = Backend("slow", delay=4.0)
    pod.publish(slow=backends["slow"].port, one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    with ThreadPoolExecutor(max_workers=20) as clients:
        answers = []
        for generation in range(2, 16):
            before = backends["slow"].connections
            answers.append(clients.submit(ask, pod.port, "slow.example"))
            wait_until(lambda: backends["slow"].connections > before)  # noqa: B023  waited for right here
            pod.publish(slow=backends["slow"].port, one=backends["one" if generation % 2 else "two"].port)
            proxy.says(f"reloaded: generation {generation}")
        assert [answer.result().status for answer in answers] == [200] * len(answers)


def test_it_waits_for_the_first_file(pod: Pod, backends: Backends) -> None:
    proxy = pod.serve()
    proxy.says("waiting for")
    pod.publish(one=backends["one"].port)
    answers(pod.port, "one.example", 200, "one")


def test_equal_content_is_no_reload(pod: Pod, backends: Backends) -> None:
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    text = (pod.folder / "default.conf").read_text()
    pod.write(text)
    pod.write(text)
    pod.publish_routes()
    answers(pod.port, "one.example", 404)
    proxy.says("reloaded: generation 2")
    assert "generation 3" not in proxy.said()


def test_a_file_that_nginx_refuses_changes_nothing(pod: Pod, backends: Backends) -> None:
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    pod.write("server { listen 1;\n")
    proxy.says("refused by nginx -t, generation 1 stays: unexpected end of file")
    assert ask(pod.port, "one.example").json()["name"] == "one"
    pod.write(pod.rendered(one=backends["two"].port))
    answers(pod.port, "one.example", 200, "two")


def test_one_bad_route_is_set_aside_and_the_others_are_served(pod: Pod, backends: Backends) -> None:
    """A name in an upstream without a resolver is what nginx -t itself refuses."""
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    good = [route(f"s{i}", backends["two"].port) for i in range(60)]
    bad = Route("default/bad:80", "bad.example", "/", ("no-such-name.invalid:80", "also.invalid:80"))
    pod.publish_routes(*good[:40], bad, *good[40:])
    proxy.says("set aside default/bad:80: ")
    answers(pod.port, "s0.example", 200, "two")
    assert ask(pod.port, "s59.example").json()["name"] == "two"
    assert ask(pod.port, "bad.example").status == 404
    assert proxy.said().count("set aside default/bad:80: ") == 1
    command = [sys.executable, "-m", "wherry", "proxy", "status", "--dir", str(pod.folder)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "default/bad:80   refused-by-nginx" in shown
    pod.publish_routes(*good, bad, route("new", backends["one"].port))
    answers(pod.port, "new.example", 200, "one")


@pytest.mark.parametrize(
    "spelling",
    ["listen       {0};", "listen\t127.0.0.1:{0};", "listen *:{0};", 'listen "{0}";', "listen\n{0};"],
)
def test_a_hand_written_file_gives_way_to_the_generators(
    pod: Pod, backends: Backends, spelling: str
) -> None:
    """Whether it is the same socket, or one that is in the way of the other."""
    pod.write(f'server{{{spelling.format(pod.port)} return 200 \'{{"name": "hand"}}\';}}')
    proxy = pod.serve()
    proxy.says("started: generation 1")
    assert ask(pod.port, "one.example").json()["name"] == "hand"
    for turn, name in enumerate(("one", "two")):
        pod.publish(one=backends[name].port)
        answers(pod.port, "one.example", 200, name)
        pod.write(f'server{{{spelling.format(pod.port)} return 200 \'{{"name": "hand{turn}"}}\';}}')
        answers(pod.port, "one.example", 200, f"hand{turn}")
    assert "in use" not in proxy.said()
    assert proxy.end() == 0
    wait_until(lambda: proxy.nginx() == [])


def test_requests_are_finished_by_the_nginx_that_makes_way(pod: Pod, backends: Backends) -> None:
    backends["slow"] = Backend("slow", delay=1.0)
    everywhere = pod.rendered(slow=backends["slow"].port).replace(
        "127.0.0.1:" + str(pod.port), str(pod.port)
    )
    pod.write(everywhere)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    before = backends["slow"].connections
    with ThreadPoolExecutor(1) as clients:
        answer = clients.submit(ask, pod.port, "slow.example")
        wait_until(lambda: backends["slow"].connections > before)
        pod.publish(one=backends["one"].port)
        answers(pod.port, "one.example", 200, "one")
        assert answer.result().status == 200


def test_what_cannot_be_applied_is_said_once_a_pause_and_everywhere(
    pod: Pod, backends: Backends, tmp_path: Path
) -> None:
    """A port that somebody else has: no spinning, /readyz and status tell, what serves goes on."""
    metrics = free_port()
    pod.publish(one=backends["one"].port)
    proxy = pod.serve("--metrics", f"127.0.0.1:{metrics}")
    proxy.says("started: generation 1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = pod.rendered(one=backends["two"].port)
        began = time.monotonic()
        port = taken.getsockname()[1]
        pod.write(wanted.replace(str(pod.port), str(port)))
        proxy.says("Address already in use")
        time.sleep(2.5)
        assert proxy.said().count("not applied") <= 1 + (time.monotonic() - began), proxy.said()
        assert state(metrics, "/readyz")[0] == 503
        assert f"cannot listen on 127.0.0.1:{port}" in state(metrics, "/readyz")[1]
        assert state(metrics, "/serving")[0] == 200
        command = [sys.executable, "-m", "wherry", "proxy", "status", "--dir", str(pod.folder)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert f"last fault   cannot listen on 127.0.0.1:{port}" in shown
        assert ask(pod.port, "one.example").json()["name"] == "one"
    answers(port, "one.example", 200, "two")
    wait_until(lambda: state(metrics, "/readyz")[0] == 200)


def state(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.mark.root
@pytest.mark.parametrize(
    ("address", "hint"),
    [("127.0.0.1:80", "ports below 1024 are root's"), ("192.0.2.7:8080", "an address of this machine")],
)
@pytest.mark.parametrize("command", ["serve", "run"])
def test_an_address_that_cannot_be_had_is_the_end_with_a_hint(
    tmp_path: Path, command: str, address: str, hint: str
) -> None:
    """As a plain user, in a network where ports below 1024 are root's."""
    folder = Path(tempfile.mkdtemp(prefix="wp-"))
    folder.chmod(0o777)
    (folder / "default.conf").write_text(render([], RenderOptions(listen=(address,), access_log="")))
    words = ["serve", "--dir", str(folder)]
    if command == "run":
        words = ["run", "--from-dir", str(folder), "--listen", address]
    script = 'ip link set lo up; exec setpriv --reuid 65534 --clear-groups -- "$@"'
    wherry = [sys.executable, "-m", "wherry", "proxy", *words]
    try:
        done = subprocess.run(
            ["unshare", "--net", "sh", "-c", script, "sh", *wherry],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    finally:
        shutil.rmtree(folder)
    assert done.returncode == 1 and hint in done.stderr, done.stderr
    assert f"cannot listen on {address}" in done.stderr and "Traceback" not in done.stderr


def test_the_last_good_configuration_survives_a_restart_with_a_bad_file(
    pod: Pod, backends: Backends
) -> None:
    pod.publish(one=backends["one"].port)
    first = pod.serve()
    first.says("started: generation 1")
    pod.write("nonsense;\n")
    first.says("refused by nginx -t")
    first.end(signal.SIGKILL)
    wait_until(lambda: first.nginx() == [])
    again = pod.serve()
    again.says("starting with the last configuration that served")
    answers(pod.port, "one.example", 200, "one")


def served_and_killed(pod: Pod, backends: Backends) -> None:
    """It has served the route ``one``, and has gone with its nginx."""
    pod.publish(one=backends["one"].port)
    first = pod.serve()
    first.says("started: generation 1")
    first.end(signal.SIGKILL)
    wait_until(lambda: first.nginx() == [])


def test_what_served_last_is_served_before_the_file_is_read(pod: Pod, backends: Backends) -> None:
    """Whoever killed the container wants its port back at once: here the file is a pipe."""
    served_and_killed(pod, backends)
    file = pod.folder / "default.conf"
    file.unlink()
    os.mkfifo(file)
    again = pod.serve()
    answers(pod.port, "one.example", 200, "one")
    again.says("it is a named pipe, not a file")
    assert again.said().index("started: generation 2") < again.said().index("it is a named pipe")
    pod.publish(two=backends["two"].port)
    answers(pod.port, "two.example", 200, "two")
    again.says("reloaded: generation 3")


def test_what_served_last_and_cannot_start_gives_way_to_the_file(pod: Pod, backends: Backends) -> None:
    served_and_killed(pod, backends)
    (pod.folder / ".wherry/live/default.conf").write_text("nonsense;\n")  # as for an older nginx
    again = pod.serve()
    again.says("nginx did not start, or ended")
    answers(pod.port, "one.example", 200, "one")
    again.says("started: generation ")


def test_what_served_last_and_is_no_file_any_more_gives_way_to_the_file(
    pod: Pod, backends: Backends
) -> None:
    served_and_killed(pod, backends)
    last = pod.folder / ".wherry/live/default.conf"
    last.unlink()
    os.mkfifo(last)
    pod.serve().says("started: generation 2")
    answers(pod.port, "one.example", 200, "one")


def test_a_bad_file_and_no_earlier_one_is_the_end(pod: Pod) -> None:
    pod.write("nonsense;\n")
    proxy = pod.serve()
    assert proxy.process.wait(PATIENCE) == 1
    assert 'unknown directive "nonsense"' in proxy.said() and "Traceback" not in proxy.said()


def test_an_nginx_that_is_killed_is_begun_again_and_requests_that_run_are_finished(
    pod: Pod, backends: Backends
) -> None:
    """Its workers outlive it: they let the port go, and answer what they took."""
    backends["slow"] = Backend("slow", delay=2.0)
    pod.publish(slow=backends["slow"].port, one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    before = backends["slow"].connections
    with ThreadPoolExecutor() as clients:
        answer = clients.submit(ask, pod.port, "slow.example")
        wait_until(lambda: backends["slow"].connections > before)
        os.kill(proxy.master(), signal.SIGKILL)
        proxy.says("started: generation 2")
        assert ask(pod.port, "one.example").json()["name"] == "one"
        assert answer.result().status == 200
    assert "nginx ended by itself; beginning it again" in proxy.said()
    pod.publish(one=backends["two"].port)
    answers(pod.port, "one.example", 200, "two")


def test_an_nginx_that_ends_again_and_again_is_the_end(pod: Pod, backends: Backends) -> None:
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    os.kill(proxy.master(), signal.SIGKILL)
    proxy.says("started: generation 2")
    wait_until(lambda: len(masters(proxy)) == 1)
    os.kill(masters(proxy)[0], signal.SIGKILL)
    assert proxy.process.wait(PATIENCE) == 1
    assert "nginx ended by itself, twice" in proxy.said() and "Traceback" not in proxy.said()
    wait_until(lambda: proxy.nginx() == [])


def masters(proxy: Proxy) -> list[int]:
    """The processes of nginx whose parent is the proxy."""
    words = ["pgrep", "-P", str(proxy.process.pid), "nginx"]
    return [int(pid) for pid in subprocess.run(words, capture_output=True, check=False).stdout.split()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_request_that_runs_is_finished_at_the_end(pod: Pod, backends: Backends, number: int) -> None:
    backends["slow"] = Backend("slow", delay=0.7)
    pod.publish(slow=backends["slow"].port)
    proxy = pod.serve("--grace", "10")
    proxy.says("started: generation 1")
    before = backends["slow"].connections
    with Load(pod.port, "slow.example", clients=1) as load:
        wait_until(lambda: backends["slow"].connections > before)
        assert proxy.end(number) == 0
    assert load.seen["slow"] == 1
    assert proxy.nginx() == []


def test_sigint_ends_it_at_once(pod: Pod, backends: Backends) -> None:
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    assert proxy.end(signal.SIGINT) == 0
    assert proxy.nginx() == []


def test_sighup_applies_the_file_again(pod: Pod, backends: Backends) -> None:
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    proxy.process.send_signal(signal.SIGHUP)
    proxy.says("nothing changed: no reload")


@pytest.mark.root
def test_as_the_first_process_it_reaps_what_others_leave(
    pod: Pod, backends: Backends, tmp_path: Path
) -> None:
    """In a PID namespace of its own; an orphan is handed to it and ends."""
    pod.publish(one=backends["one"].port)
    script = (
        "(sh -c 'sleep 0.2 & exit 0' &) ; "  # its parent is gone before it is
        f"exec {sys.executable} -m wherry proxy serve --dir {pod.folder}"
    )
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script],
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        wait_until(lambda: "started: generation 1" in log.read_text())
        first = int(subprocess.check_output(["pgrep", "-P", str(process.pid)]).split()[0])
        for turn in range(3):
            pod.publish(one=backends["two" if turn % 2 == 0 else "one"].port)
            answers(pod.port, "one.example", 200, "two" if turn % 2 == 0 else "one")

        def zombies() -> list[str]:
            states = subprocess.run(
                ["ps", "-o", "stat=", "--ppid", str(first)], capture_output=True, text=True, check=False
            )
            return [s for s in states.stdout.split() if s.startswith("Z")]

        wait_until(lambda: not zombies())
        os.kill(first, signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def test_health_readiness_and_metrics(pod: Pod, backends: Backends) -> None:
    metrics = free_port()

    def get(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{metrics}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    proxy = pod.serve("--metrics", f"127.0.0.1:{metrics}")
    proxy.says("waiting for")
    assert get("/healthz")[0] == 200
    assert get("/readyz") == (503, "no configuration yet\n")
    assert get("/serving") == (503, "no configuration yet\n")
    with ThreadPoolExecutor() as probes:
        probe = probes.submit(get, "/serving")
        pod.publish(one=backends["one"].port)
        assert probe.result() == (200, "ok\n"), "it waits for a moment"
    wait_until(lambda: get("/readyz") == (200, "ok\n"))
    pod.write("nonsense;\n")
    proxy.says("refused by nginx -t")
    code, text = get("/metrics")
    assert code == 200
    for line in (
        'wherry_proxy_reloads_total{outcome="started"} 1.0',
        'wherry_proxy_reloads_total{outcome="refused"} 1.0',
        "wherry_proxy_generation 1.0",
        'wherry_proxy_duration_seconds_count{phase="reload"} 2.0',
    ):
        assert line in text, text
    assert re.search(r'^wherry_proxy_last_event_age_seconds{source="file"} [0-9.e-]+$', text, re.MULTILINE)
    assert get("/serving")[0] == 200, "what was served still is"
    code, text = get("/readyz")
    assert code == 503 and 'unknown directive "nonsense"' in text
    assert get("/nothing")[0] == 404


def test_nginx_of_something_else_is_only_signalled(pod: Pod, backends: Backends, tmp_path: Path) -> None:
    conf, pid_file = tmp_path / "nginx.conf", tmp_path / "nginx.pid"
    conf.write_text(
        f"pid {pid_file}; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; include {pod.folder}/*.conf; }}\n"
    )
    pod.write(pod.rendered(one=backends["one"].port))
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    assert nginx
    foreign = subprocess.Popen([nginx, "-g", "daemon off;", "-c", str(conf), "-p", str(tmp_path)])
    try:
        answers(pod.port, "one.example", 200, "one")
        wrapper = tmp_path / "its-nginx"
        wrapper.write_text(f'#!/bin/sh\nexec {nginx} -c {conf} "$@"\n')
        wrapper.chmod(0o755)
        proxy = pod.serve("--signal-only", "--pid-file", str(pid_file), "--nginx", str(wrapper))
        proxy.says("generation 1")
        pod.write(pod.rendered(one=backends["two"].port))
        answers(pod.port, "one.example", 200, "two")
        proxy.says("reloaded: generation 2")
        pod.write("nonsense;\n")
        proxy.says("refused by nginx -t")
        assert ask(pod.port, "one.example").json()["name"] == "two"
        assert proxy.end() == 0
        assert foreign.poll() is None, "it is not ours to end"
    finally:
        foreign.terminate()
        foreign.wait(PATIENCE)


def test_signal_only_without_an_nginx_says_where_it_looked(pod: Pod, tmp_path: Path) -> None:
    pod.write(pod.rendered())
    proxy = pod.serve("--signal-only", "--pid-file", str(tmp_path / "none.pid"))
    wait_until(lambda: f"there is no process id in {tmp_path}/none.pid" in proxy.said())


@pytest.mark.root
def test_a_full_disk_keeps_what_is_served(
    pod: Pod, backends: Backends, start: Start, tmp_path: Path
) -> None:
    """The folder is a small tmpfs of a mount namespace that the proxy and a filler share."""
    script = (
        f"mount -t tmpfs -o size=256k none {pod.folder} && cp {tmp_path}/default.conf {pod.folder} && "
        f"exec {sys.executable} -m wherry proxy serve --dir {pod.folder}"
    )
    (tmp_path / "default.conf").write_text(pod.rendered(one=backends["one"].port))
    log = tmp_path / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script], stderr=file, stdout=file
        )
    inside = ["nsenter", f"--mount=/proc/{process.pid}/ns/mnt", "sh", "-c"]
    try:
        wait_until(lambda: "started: generation 1" in log.read_text())
        (tmp_path / "next").write_text(pod.rendered(one=backends["two"].port))
        fill = f"cp {tmp_path}/next {pod.folder}/.next; dd if=/dev/zero of={pod.folder}/filler bs=1k; "
        subprocess.run(
            [*inside, f"{fill} mv {pod.folder}/.next {pod.folder}/default.conf"],
            capture_output=True,
            check=True,
        )
        wait_until(lambda: "No space left on device" in log.read_text(), log.read_text())
        assert "what was served before still is" in log.read_text()
        assert ask(pod.port, "one.example").json()["name"] == "one"
        subprocess.run([*inside, f"rm {pod.folder}/filler"], check=True)
        answers(pod.port, "one.example", 200, "two")
        assert "Traceback" not in log.read_text()
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.root
def test_a_read_only_folder_is_said(start: Start, tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    command = (
        f"mount --bind -o ro {tmp_path}/conf.d {tmp_path}/conf.d && exec {sys.executable} -m wherry proxy "
    )
    for words in ("serve", "render --from-dir /nowhere --wait 0"):
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", f"{command} {words} --dir {tmp_path}/conf.d"],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
        assert "hint:" in done.stderr
        if words == "serve":
            assert (
                "Read-only file system" in done.stderr
                and "give a directory that can be written" in done.stderr
            )


def test_without_a_folder_it_says_what_is_missing(start: Start, tmp_path: Path) -> None:
    proxy = start("serve", "--dir", str(tmp_path / "absent"))
    assert proxy.process.wait(PATIENCE) == 1
    assert f"{tmp_path}/absent is not a directory" in proxy.said()


@pytest.mark.parametrize("address", ["[::1]", "127.0.0.1", ""])
def test_metrics_are_served_on_either_family_and_on_both(pod: Pod, address: str) -> None:
    port = free_port()
    proxy = pod.serve("--metrics", f"{address}:{port}")
    proxy.says("waiting for")
    for host, meant in (("[::1]", address in ("[::1]", "")), ("127.0.0.1", address in ("127.0.0.1", ""))):
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/healthz", timeout=PATIENCE) as answer:
                assert meant and answer.status == 200
        except OSError:
            assert not meant


def test_the_master_of_many_workers_has_the_descriptors_for_them(pod: Pod) -> None:
    """Two for each: with the usual soft limit of 1,024 five hundred could not be started."""
    pod.publish()
    few = ["prlimit", "--nofile=60:4096"]
    command = [
        sys.executable,
        "-m",
        "wherry",
        "proxy",
        "serve",
        "--dir",
        str(pod.folder),
        "--workers",
        "40",
    ]
    process = subprocess.Popen([*few, *command], stderr=subprocess.PIPE, text=True)
    try:
        answers(pod.port, "one.example", 404)
        (master,) = children(process.pid)
        wait_until(lambda: len(children(master)) == 40)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE)
    assert "Too many open files" not in said


def test_workers_are_as_many_as_cpus_are_allowed(pod: Pod) -> None:
    one = min(os.sched_getaffinity(0))
    pod.publish()
    command = [sys.executable, "-m", "wherry", "proxy", "serve", "--dir", str(pod.folder)]
    process = subprocess.Popen(["taskset", "-c", str(one), *command], stderr=subprocess.DEVNULL)
    try:
        answers(pod.port, "one.example", 404)
        assert "worker_processes 1;" in (pod.folder / ".wherry/live/nginx.conf").read_text()
    finally:
        process.terminate()
        process.wait(PATIENCE)


def test_more_connections_than_the_soft_limit_of_descriptors(pod: Pod, backends: Backends) -> None:
    """And where the hard limit is low, that is said."""
    pod.publish(one=backends["one"].port)
    wherry = [sys.executable, "-m", "wherry", "proxy", "serve", "--dir", str(pod.folder)]
    for limits, told in (("-Sn 64", ""), ("-n 200", "only 200 files may be open")):
        process = subprocess.Popen(
            ["sh", "-c", f'ulimit {limits}; exec "$@"', "sh", *wherry, "--workers", "1"],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            answers(pod.port, "one.example", 200, "one")
            if not told:
                held = [socket.create_connection(("127.0.0.1", pod.port)) for _ in range(150)]
                assert ask(pod.port, "one.example").status == 200
                for link in held:
                    link.close()
        finally:
            process.terminate()
            _, said = process.communicate(timeout=PATIENCE)
        assert told in said and ("files may be open" in said) == bool(told)


def test_what_clients_send_reaches_no_terminal_through_the_error_log(pod: Pod) -> None:
    """CVE-2009-4487: nginx escapes it in access logs only."""
    pod.publish(gone=free_port())
    proxy = pod.serve()
    proxy.says("started: generation 1")
    odd = {"Referer": "a\x1b[31mred\x07\u009b\xff"}
    assert ask(pod.port, "gone.example", **odd).status == 502
    proxy.says('referrer: "a\\u001b[31mred\\u0007')
    assert not set(proxy.said()) & {"\x1b", "\x07", "\x9b", "\xff"}


def test_an_error_log_that_nobody_reads_keeps_no_request_waiting(pod: Pod, backends: Backends) -> None:
    pod.publish(one=backends["one"].port, gone=free_port())
    command = [sys.executable, "-m", "wherry", "proxy", "serve", "--dir", str(pod.folder), "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    try:
        answers(pod.port, "one.example", 200, "one")
        for _ in range(400):  # two lines each, of 250 bytes and more: a pipe of 64 KiB is full
            assert ask(pod.port, "gone.example").status == 502
        assert ask(pod.port, "one.example").status == 200
    finally:
        process.terminate()
        _, said = process.communicate(timeout=PATIENCE)
    assert said.count(b"Connection refused") > 100


@pytest.mark.parametrize("kind", ["pipe", "socket", "file", "null", "closed", "full", "tty"])
def test_the_access_log_goes_to_any_standard_output(
    pod: Pod, backends: Backends, tmp_path: Path, kind: str
) -> None:
    pod._options = pod._options._replace(access_log="/dev/stdout")
    pod.publish(one=backends["one"].port)
    wherry = [sys.executable, "-m", "wherry", "proxy", "serve", "--dir", str(pod.folder)]
    ours, theirs = -1, subprocess.DEVNULL
    if kind == "pipe":
        ours, theirs = os.pipe()
    elif kind == "tty":
        ours, theirs = os.openpty()
    elif kind == "socket":
        left, right = socket.socketpair()
        ours, theirs = left.detach(), right.detach()
    elif kind in ("file", "full"):
        path = "/dev/full" if kind == "full" else str(tmp_path / "out")
        theirs = os.open(path, os.O_WRONLY | os.O_CREAT)
        ours = os.open(path, os.O_RDONLY)
    words = ["sh", "-c", 'exec "$@" >&-', "sh", *wherry] if kind == "closed" else wherry
    process = subprocess.Popen(words, stdout=theirs, stderr=subprocess.PIPE, text=True)
    try:
        answers(pod.port, "one.example", 200, "one")
        pod.publish(one=backends["two"].port)
        answers(pod.port, "one.example", 200, "two")
        process.send_signal(signal.SIGUSR1)
        process.send_signal(signal.SIGUSR2)
        assert ask(pod.port, "one.example").status == 200
        if kind in ("pipe", "socket", "tty", "file"):
            said = b""
            while said.count(b'"route":"default/one:80"') < 3:
                part = os.read(ours, 1 << 16)
                said += part
    finally:
        process.terminate()
        _, complaints = process.communicate(timeout=PATIENCE)
        for descriptor in {ours, theirs} - {-1, subprocess.DEVNULL}:
            os.close(descriptor)
    assert "emerg" not in complaints and "Traceback" not in complaints, complaints


@pytest.mark.root
def test_the_access_log_goes_to_a_file_of_another_user(pod: Pod, tmp_path: Path) -> None:
    """As after `sudo -u www-data wherry … > log`: the shell of root opened it."""
    folder = Path(tempfile.mkdtemp(prefix="wp-"))
    folder.chmod(0o777)
    port = free_port()
    options = RenderOptions(listen=(f"127.0.0.1:{port}",), access_log="/dev/stdout")
    (folder / "default.conf").write_text(render([], options))
    out = tmp_path / "out"
    out.touch(0o600)
    wherry = [sys.executable, "-m", "wherry", "proxy", "serve", "--dir", str(folder)]
    with out.open("ab") as file:
        process = subprocess.Popen(
            ["setpriv", "--reuid", "65534", "--clear-groups", "--", *wherry],
            stdout=file,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    try:
        answers(port, "one.example", 404)
        wait_until(lambda: b'"status":404' in out.read_bytes())
    finally:
        process.terminate()
        _, complaints = process.communicate(timeout=PATIENCE)
        shutil.rmtree(folder)
    assert "Permission denied" not in complaints, complaints


def test_what_failed_and_is_taken_back_is_tried_no_more(
    pod: Pod, backends: Backends, tmp_path: Path
) -> None:
    """The file that served before comes back, or none at all: ready again, and nothing spins."""
    metrics = free_port()
    good = pod.rendered(one=backends["one"].port)
    pod.write(good)
    proxy = pod.serve("--metrics", f"127.0.0.1:{metrics}")
    proxy.says("started: generation 1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bad = good.replace(str(pod.port), str(taken.getsockname()[1]))
        ways = (lambda: pod.write(good), (pod.folder / "default.conf").unlink)
        for number, take_back in enumerate(ways, 1):
            pod.write(bad)
            proxy.says("Address already in use", number)
            take_back()
            wait_until(lambda: state(metrics, "/readyz")[0] == 200)
            used = cpu(proxy.process.pid)
            time.sleep(3.0)
            assert cpu(proxy.process.pid) - used < 0.5, "it looks again and again"
    assert ask(pod.port, "one.example").json()["name"] == "one"


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


NO_FILES = [
    (a_pipe, "it is a named pipe, not a file"),
    (a_socket, "it is a socket, not a file"),
    (Path.mkdir, "it is a folder, not a file"),
    (a_device, "it is a device, not a file"),
    (a_huge_file, "it is larger than 256 MiB"),
]


@pytest.mark.parametrize(("make", "words"), NO_FILES)
def test_what_is_no_file_is_said_and_waited_for(
    pod: Pod, backends: Backends, make: Callable[[Path], None], words: str
) -> None:
    """At the start, and in the place of a file that serves."""
    file = pod.folder / "default.conf"
    make(file)
    proxy = pod.serve()
    proxy.says(f"not applied: cannot read {file}: {words}")
    proxy.says(f"waiting for {file}")
    remove(file)
    pod.write(pod.rendered(one=backends["one"].port))
    answers(pod.port, "one.example", 200, "one")
    file.unlink()
    make(file)
    proxy.says(f"not applied, what was served before still is: cannot read {file}: {words}")
    assert ask(pod.port, "one.example").json()["name"] == "one"
    assert proxy.end() == 0, "the signal was heard"


def remove(path: Path) -> None:
    path.rmdir() if path.is_dir() else path.unlink()


def test_a_file_that_may_not_be_read_is_waited_for(pod: Pod, backends: Backends) -> None:
    """Where the reader is not root, whom nothing stops."""
    file = pod.folder / "default.conf"
    file.symlink_to("default.conf")
    proxy = pod.serve()
    proxy.says(f"not applied: cannot read {file}: Too many levels of symbolic links")
    file.unlink()
    pod.write(pod.rendered(one=backends["one"].port))
    answers(pod.port, "one.example", 200, "one")


def test_a_file_that_is_empty_is_about_to_be_written(pod: Pod, backends: Backends) -> None:
    """As after `rm default.conf; cp new default.conf`, which makes an empty file first."""
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    file = pod.folder / "default.conf"
    for _ in range(5):
        file.unlink()
        with file.open("w") as new:
            time.sleep(0.2)
            assert ask(pod.port, "one.example").status == 200
            new.write(pod.rendered(one=backends["one"].port))
    file.write_text("")
    time.sleep(0.5)
    assert ask(pod.port, "one.example").status == 200
    pod.publish_routes(route("two", backends["two"].port))
    answers(pod.port, "two.example", 200, "two")


def test_a_file_that_is_made_anew_is_read_when_it_is_whole(pod: Pod, backends: Backends) -> None:
    """The half of it would do for nginx, and would be served meanwhile."""
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    whole = pod.rendered(one=backends["two"].port)
    half = f"server {{ listen 127.0.0.1:{pod.port}; return 418; }}\n"
    for number in range(1, 4):
        (pod.folder / "default.conf").unlink()
        with (pod.folder / "default.conf").open("w") as new:
            new.write(half)
            new.flush()
            time.sleep(0.3)
            assert ask(pod.port, "one.example").status == 200
            new.seek(0)
            new.write(whole)
        answers(pod.port, "one.example", 200, "two")
        pod.write(pod.rendered(one=backends["one"].port))
        answers(pod.port, "one.example", 200, "one")
        assert proxy.said().count("reloaded: ") <= 2 * number


def test_what_is_no_file_beside_it_costs_nothing(pod: Pod, backends: Backends) -> None:
    """routes.json is a pipe: only who is guilty cannot be told."""
    pod.publish(one=backends["one"].port)
    (pod.folder / "routes.json").unlink()
    os.mkfifo(pod.folder / "routes.json")
    os.mkfifo(pod.folder / "sources.json")
    metrics = free_port()
    proxy = pod.serve("--metrics", f"127.0.0.1:{metrics}")
    proxy.says("started: generation 1")
    assert state(metrics, "/metrics")[0] == 200
    pod_text = pod.rendered(one=backends["two"].port) + "nonsense;\n"
    (pod.folder / ".new").write_text(pod_text)
    (pod.folder / ".new").rename(pod.folder / "default.conf")
    proxy.says("refused by nginx -t")
    command = [sys.executable, "-m", "wherry", "proxy", "status", "--dir", str(pod.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1 and "routes.json: it is a named pipe, not a file" in done.stderr


def test_an_included_pipe_is_refused_and_not_waited_for(pod: Pod, backends: Backends) -> None:
    pod.publish(one=backends["one"].port)
    proxy = pod.serve()
    proxy.says("started: generation 1")
    os.mkfifo(pod.folder / "more.inc")
    pod.write(f"include {pod.folder}/more.inc;\n{pod.rendered(one=backends['two'].port)}")
    proxy.says("more.inc, which is a named pipe")
    (pod.folder / "more.inc").unlink()
    (pod.folder / "more.inc").write_text("")
    answers(pod.port, "one.example", 200, "two")


@pytest.mark.parametrize("named", [True, False], ids=["fifo", "pipe"])
def test_whoever_reads_the_access_log_may_go(
    pod: Pod, backends: Backends, tmp_path: Path, named: bool
) -> None:
    """nginx opens /dev/stdout again at each reload, and would wait there for the next reader."""
    pod._options = pod._options._replace(access_log="/dev/stdout")
    pod.publish(one=backends["one"].port)
    if named:
        os.mkfifo(tmp_path / "log")
        ours = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
        theirs = os.open(tmp_path / "log", os.O_WRONLY)
    else:
        ours, theirs = os.pipe()
    wherry = [sys.executable, "-m", "wherry", "proxy", "serve", "--dir", str(pod.folder)]
    process = subprocess.Popen(wherry, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    try:
        answers(pod.port, "one.example", 200, "one")
        os.close(ours)
        for name in ("two", "one", "two"):
            pod.publish(one=backends[name].port)
            answers(pod.port, "one.example", 200, name)
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_whoever_reads_what_it_says_may_go(pod: Pod, backends: Backends) -> None:
    """As with `2>&1 | head -1`: what is served goes on, and is changed."""
    pod.publish(one=backends["one"].port)
    wherry = [sys.executable, "-m", "wherry", "proxy", "serve", "--dir", str(pod.folder)]
    process = subprocess.Popen(wherry, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    try:
        assert b"started: generation 1" in process.stderr.readline()
        process.stderr.close()
        for name in ("two", "one"):
            pod.publish(one=backends[name].port)
            answers(pod.port, "one.example", 200, name)
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
