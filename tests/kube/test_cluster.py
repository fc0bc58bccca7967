"""List and watch against a server that misbehaves: whatever it does, what is known is what it holds."""

from __future__ import annotations

import functools
import json
import random
import re
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.apiserver import LIST_FAULTS, WATCH_FAULTS, ApiServer
from kube.contract import QUICK, SCENARIOS, Follow, Follower
from support.ports import fetch, free_port
from support.services import service
from support.waiting import PATIENCE, wait_until
from support.wherry import Wherry
from wherry.kube.reflector import Changes, Event, Policy, Reflector
from wherry.proxy.resources.service import SERVICES
from wherry.proxy.resources.snapshot import Snapshot


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def follow(api: ApiServer) -> Follow:
    def begin(**more: object) -> Follower:
        return Follower(str(api.kubeconfig()), **more)  # type: ignore[arg-type]

    return begin


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_contract(scenario: Callable[[ApiServer, Follow], None], api: ApiServer, follow: Follow) -> None:
    scenario(api, follow)


@pytest.mark.parametrize("kind", LIST_FAULTS)
def test_a_list_that_goes_wrong_is_repeated(api: ApiServer, follow: Follow, kind: str) -> None:
    for number in range(8):
        api.create(service(f"s{number}"))
    for _ in range(3):
        api.fail("list", kind)
    with follow(policy=QUICK._replace(page=0.3)) as follower:
        follower.knows(*(f"s{n}" for n in range(8)))


@pytest.mark.parametrize("kind", WATCH_FAULTS)
def test_a_watch_that_goes_wrong_loses_nothing(api: ApiServer, follow: Follow, kind: str) -> None:
    for _ in range(4):
        api.fail("watch", kind, after=1)
    with follow(policy=QUICK._replace(inactivity=0.2)) as follower:
        wait_until(lambda: follower.snapshots)
        for number in range(12):
            api.create(service(f"s{number}"))
            if number % 3:
                api.delete("Service", "default", f"s{number - 1}")
        follower.knows(*(o["metadata"]["name"] for o in api.matching("Service")))


def test_a_storm_of_events_is_delivered_whole_and_not_one_by_one(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each delivery goes through all that there is."""
    arrived, looks = [], []
    event, values = Reflector.event, Reflector.values

    def counted(self: Reflector[object], one: Event[object]) -> Changes:
        arrived.append(one)
        return event(self, one)

    def looked(self: Reflector[object]) -> list[object]:
        looks.append(self)
        return values(self)

    monkeypatch.setattr(Reflector, "event", counted)
    monkeypatch.setattr(Reflector, "values", looked)
    go_on = threading.Event()

    class Slow(Follower):
        def snapshot(self, snapshot: Snapshot) -> None:
            super().snapshot(snapshot)
            assert go_on.wait(PATIENCE)

    with Slow(str(api.kubeconfig())) as follower:
        wait_until(lambda: follower.snapshots)
        names = [f"s{number}" for number in range(200)]
        for name in names:
            api.create(service(name))
        wait_until(lambda: len(arrived) >= len(names), "all events came")
        looks.clear()
        go_on.set()
        follower.knows(*names)
        assert len(follower.snapshots) == 2 and len(looks) == 2, "once for each kind that is followed"


def test_what_comes_after_a_silence_is_delivered_at_once(api: ApiServer) -> None:
    """A rest is as many times as long as a delivery, and has nothing of the wait before that."""
    rests: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is not None and threading.current_thread().name == "follower":
                rests.append(timeout)
            return super().wait(timeout)

    with Follower(str(api.kubeconfig()), stop=Stop()) as follower:
        follower.knows()
        for number in range(3):
            time.sleep(0.5)
            api.create(service(f"s{number}"))
            follower.knows(*(f"s{each}" for each in range(number + 1)))
        wait_until(lambda: len(rests) > 3)
    assert sum(rests) < 1.0, "of 1.5 seconds of silence"


def test_410_in_the_middle_relists_and_what_vanished_is_gone(api: ApiServer, follow: Follow) -> None:
    api.create(service("stays"))
    api.create(service("goes"))
    with follow() as follower:
        follower.knows("stays", "goes")
        api.fail("watch", "status", status=500)
        api.fail("watch", "status", status=500)
        with api.lock:
            api.delete("Service", "default", "goes")
            api.compact()
        api.hang_up()
        follower.knows("stays")
        wait_until(lambda: "410" in follower.restarts or "dropped" in follower.restarts)


def test_a_bookmark_lets_a_watch_go_on_after_a_compaction(api: ApiServer, follow: Follow) -> None:
    """Without it the version of the quiet resource would be too old by then."""
    api.create(service("one"))
    with follow() as follower:
        follower.knows("one")
        before = follower.heard
        api.create({**service("x"), "kind": "ConfigMap"})
        api.bookmark()
        wait_until(lambda: follower.heard > before)
        api.compact()
        lists = [q for _, q in api.requests if "watch" not in q]
        api.hang_up()
        api.create(service("two"))
        follower.knows("one", "two")
        assert [q for _, q in api.requests if "watch" not in q] == lists, "nothing was listed again"


def lists_of_services(api: ApiServer) -> list[str]:
    return [path for path, query in api.requests if "watch" not in query and path.endswith("/services")]


def test_a_cut_watch_resumes_and_does_not_list(api: ApiServer, follow: Follow) -> None:
    api.create(service("one"))
    with follow() as follower:
        follower.knows("one")
        lists = len(lists_of_services(api))
        for turn in range(5):
            api.create(service(f"t{turn}"))
            wait_until(lambda turn=turn: f"t{turn}" in follower.names())  # type: ignore[misc]
            api.hang_up()
        assert len(lists_of_services(api)) == lists


def test_what_a_busy_server_asks_for_is_waited(api: ApiServer, follow: Follow) -> None:
    api.create(service("one"))
    api.fail("list", "status", status=429, headers=(("Retry-After", "1"),))
    begun = time.monotonic()
    with follow() as follower:
        follower.knows("one")
    assert time.monotonic() - begun >= 1.0


def test_a_server_that_accepts_and_says_nothing_is_left(api: ApiServer, follow: Follow) -> None:
    for _ in range(4):
        api.fail("watch", "silent", after=0)
    with follow(policy=QUICK._replace(inactivity=0.2)) as follower:
        wait_until(lambda: follower.snapshots)
        api.create(service("one"))
        follower.knows("one")
    assert "silent" in follower.restarts


def test_it_stops_at_once_in_a_half_open_connection(api: ApiServer, follow: Follow) -> None:
    api.fail("watch", "silent", after=0)
    api.fail("watch", "silent", after=0)
    with follow(policy=Policy()) as follower:
        wait_until(lambda: follower.snapshots)
        api.create(service("one"))
        time.sleep(0.05)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.randoms(use_true_random=False), st.integers(10, 40))
def test_after_any_faults_what_is_known_is_what_the_server_holds(
    tmp_path: Path, chance: random.Random, steps: int
) -> None:
    api = ApiServer(tmp_path)
    try:
        policy = QUICK._replace(inactivity=0.2, page=0.3, watch=1.0)
        with Follower(str(api.kubeconfig()), policy=policy) as follower:
            for _ in range(steps):
                name = f"s{chance.randrange(8)}"
                held = {o["metadata"]["name"] for o in api.matching("Service")}
                action = chance.choice(
                    ["put", "put", "put", "delete", "fail", "compact", "hang up", "bookmark"]
                )
                if action == "put":
                    api.replace(service(name, annotations={"host": f"h{chance.randrange(99)}.example"}))
                elif action == "delete" and name in held:
                    api.delete("Service", "default", name)
                elif action == "fail":
                    what, kinds = chance.choice([("list", LIST_FAULTS), ("watch", WATCH_FAULTS)])
                    api.fail(what, chance.choice(kinds), after=chance.randrange(3))
                elif action == "compact":
                    api.compact()
                elif action == "hang up":
                    api.hang_up()
                else:
                    api.bookmark()
                time.sleep(chance.choice([0, 0, 0.01]))

            def agree() -> bool:
                hosts = {
                    (s.name, s.annotations[0][1])
                    for s in (follower.snapshots[-1].of(SERVICES) if follower.snapshots else [])
                }
                real = {
                    (o["metadata"]["name"], o["metadata"]["annotations"]["wherry.dev/host"])
                    for o in api.matching("Service")
                }
                return bool(follower.snapshots) and hosts == real

            wait_until(agree)
    finally:
        api.stop()


# -- what cannot be read, in words ---------------------------------------------------------------------


def render(wherry: Wherry, config: Path, *words: str) -> str:
    return wherry.fails("proxy", "render", "--kubeconfig", str(config), "--wait", "0", *words, code=1)


def test_a_missing_right_is_named_as_the_rule_that_is_missing(wherry: Wherry, api: ApiServer) -> None:
    api.forbidden.add(("list", "services"))
    said = render(wherry, api.kubeconfig(), "-A")
    assert "tester may not list services in all namespaces (403)" in said
    assert (
        'ClusterRole with this rule: {apiGroups: [""], resources: ["services"], verbs: ["list", "watch"]}'
        in said
    )
    api.forbidden = {("list", "endpointslices")}
    said = render(wherry, api.kubeconfig(), "-n", "shop")
    assert "may not list endpointslices in namespace shop" in said
    assert 'Role in namespace shop with this rule: {apiGroups: ["discovery.k8s.io"]' in said


def test_an_expired_token_is_said_and_never_shown(wherry: Wherry, api: ApiServer) -> None:
    config = api.kubeconfig()
    shown, api.token = api.token, "another"
    said = render(wherry, config)
    assert "does not accept the credentials of the context test" in said and "(401)" in said
    assert shown not in said


def test_a_server_that_is_away_is_said(wherry: Wherry, api: ApiServer) -> None:
    config = api.kubeconfig()
    api.stop()
    said = render(wherry, config)
    assert f"cannot reach {api.url}: Connection refused" in said and "is it running" in said


def test_something_that_is_no_api_server(wherry: Wherry, api: ApiServer) -> None:
    api.fail("list", "status", status=404)
    assert "is this the address of a Kubernetes API server" in render(wherry, api.kubeconfig())
    for _ in range(9):
        api.fail("list", "garbage")
    assert "sent no JSON" in render(wherry, api.kubeconfig())


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """ca.crt, and server.crt with server.key that it signed; other.crt is another authority."""

    def make(name: str, *more: str) -> None:
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key"]
        command = ["openssl", "req", "-x509", *key, "-out", f"{name}.crt", "-subj", f"/CN={name}", *more]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    make("ca")
    make("other")
    leaf = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]
    make("server", "-CA", "ca.crt", "-CAkey", "ca.key", *leaf)
    return tmp_path


def test_a_certificate_is_verified(wherry: Wherry, certificates: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
    api = ApiServer(certificates, tls=context)
    try:
        api.create(service("one"))
        config = api.kubeconfig(**{"certificate-authority": str(certificates / "ca.crt")})
        assert "one.default.cluster.local" in wherry("proxy", "render", "--kubeconfig", str(config), "-A")
        config = api.kubeconfig(**{"certificate-authority": str(certificates / "other.crt")})
        said = render(wherry, config)
        assert (
            f"the certificate of {api.url} does not verify" in said
            and "is this server the right one" in said
        )
    finally:
        api.stop()


def test_an_exec_plugin_that_fails_is_named(wherry: Wherry, api: ApiServer, tmp_path: Path) -> None:
    config = api.kubeconfig()
    plugin = tmp_path / "plugin"
    plugin.write_text("#!/bin/sh\necho no login >&2; exit 3\n")
    plugin.chmod(0o755)
    version = "client.authentication.k8s.io/v1"
    how = {"apiVersion": version, "command": str(plugin), "interactiveMode": "Never"}
    text = config.read_text().replace(json.dumps({"token": api.token}), json.dumps({"exec": how}))
    config.write_text(text)
    assert f"the credential plugin {plugin} failed" in render(wherry, config)
    said = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": api.token}}
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(said)}'\n")
    wherry("proxy", "render", "--kubeconfig", str(config))


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "file is empty"),
        ("a: [b", "is not YAML: line"),
        ("apiVersion: v1\nkind: Config\n", "cannot be used"),
        ("[]", "is not a mapping"),
        ("clusters: 1", "clusters of"),
        ("contexts: [1]", "has no name"),
    ],
)
def test_a_kubeconfig_that_is_none(wherry: Wherry, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "config").write_text(text)
    assert says in render(wherry, tmp_path / "config")


def test_no_kubeconfig_and_no_pod(wherry: Wherry, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "KUBECONFIG": ""}
    said = wherry.fails("proxy", "render", "--wait", "0", env=env, code=1)
    assert "no Kubernetes cluster is configured" in said and "--kubeconfig FILE" in said


def test_render_waits_for_a_server_that_comes_up(wherry: Wherry, api: ApiServer) -> None:
    api.create(service("one"))
    config = api.kubeconfig()
    api.stop()
    render = wherry.start("proxy", "render", "--kubeconfig", str(config), "-A", "--wait", "60")
    assert render.stderr is not None
    while not re.search(r"trying again for \d+ s", line := render.stderr.readline()):
        assert line, "it ended"
    api.start()
    printed, said = render.communicate(timeout=60)
    assert render.returncode == 0, said
    assert "one.default.cluster.local" in printed


def test_a_token_in_a_file_may_be_replaced(api: ApiServer, tmp_path: Path) -> None:
    """As in a pod: the ServiceAccount's token rotates, and the old one ends."""
    from wherry.kube.access import Finder
    from wherry.kube.client import Client
    from wherry.proxy.sources.cluster import Cluster

    config = api.kubeconfig()
    token = tmp_path / "token"
    token.write_text(api.token)
    config.write_text(config.read_text().replace(f'"token": "{api.token}"', f'"tokenFile": "{token}"'))
    source = Cluster(Client(Finder(str(config)), QUICK), ("",), policy=QUICK)
    api.create(service("one"))
    assert [s.name for s in source.list().of(SERVICES)] == ["one"]
    api.token = "the-next"
    token.write_text(api.token)
    for _ in range(2):  # the first answer is 401, which has the file read again
        try:
            found = source.list()
            break
        except Exception as error:
            last = functools.partial(repr, error)
    else:
        pytest.fail(last())
    assert [s.name for s in found.of(SERVICES)] == ["one"]


def test_the_generator_follows_through_faults_and_tells_them_to_prometheus(
    wherry: Wherry, api: ApiServer, tmp_path: Path
) -> None:
    conf, metrics = tmp_path / "conf", free_port()
    conf.mkdir()
    api.create(service("one"))
    api.create(service("bad", annotations={"host": "no host"}))
    config = str(api.kubeconfig())
    words = ("-A", "--kubeconfig", config, "--dir", str(conf), "--metrics", f"127.0.0.1:{metrics}")
    process = wherry.start("proxy", "generate", *words)

    def get(path: str) -> str:
        return fetch(f"http://127.0.0.1:{metrics}{path}")

    text = conf / "default.conf"
    wait_until(lambda: text.exists() and "one.default" in text.read_text())
    api.hang_up()
    api.create(service("two"))
    wait_until(lambda: "two.default" in text.read_text())
    api.delete("Service", "default", "one")
    wait_until(lambda: "one.default" not in text.read_text())
    assert get("/healthz") == get("/readyz") == "ok\n"
    wait_until(
        lambda: 'wherry_proxy_watch_restarts_total{reason="dropped",source="cluster"}' in get("/metrics")
    )
    shown = get("/metrics")
    assert "wherry_proxy_routes 1.0" in shown
    assert 'wherry_proxy_rejected_routes{reason="bad-annotation"} 1.0' in shown
    assert re.search(r'wherry_proxy_reloads_total\{outcome="written"\} [2-9]', shown)
    assert re.search(r'wherry_proxy_last_event_age_seconds\{source="cluster"\} [0-9.e-]+', shown)
    assert 'wherry_proxy_duration_seconds_count{phase="build"}' in shown
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=10)
    assert process.returncode == 0 and "Traceback" not in out + said, said
