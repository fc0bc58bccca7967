"""Writing to an API server: what each does (writes.py), and what one does that is busy, strict or gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fakes.apiserver import ApiServer
from kube.writes import SCENARIOS, Play, applied, failure, service
from wherry.kube import faults
from wherry.kube.access import Finder
from wherry.kube.client import Client
from wherry.kube.fields import BadObject
from wherry.kube.reflector import Policy
from wherry.kube.resource import Resource
from wherry.kube.writer import TRIES, Writer

POLICY = Policy(first_pause=0.01, longest_pause=0.1, connect=2.0, page=3.0)
SERVICES: Resource[object] = Resource("", "v1", "services", "Service", lambda object_: object_)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    server = ApiServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def writer(api: ApiServer, pauses: list[float]) -> Writer:
    client = Client(Finder(str(api.kubeconfig())), POLICY)
    return Writer(client, SERVICES, POLICY, "mine", pauses.append)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.__name__)
def test_contract(scenario: Callable[[Play], None], api: ApiServer, writer: Writer) -> None:
    other = Writer(Client(Finder(str(api.kubeconfig())), POLICY), SERVICES, POLICY, "other")
    scenario(Play(writer, other, "default"))


def test_a_busy_server_is_asked_again_after_as_long_as_it_says(
    api: ApiServer, writer: Writer, pauses: list[float]
) -> None:
    api.fail("write", "status", status=429, headers=(("Retry-After", "7"),))
    api.fail("write", "status", status=429)
    writer.create("default", service("one"))
    assert pauses == [7.0, 0.04] and len(api.sent) == 3
    assert api.get("Service", "default", "one")


def test_a_server_that_stays_busy_is_given_up(api: ApiServer, writer: Writer, pauses: list[float]) -> None:
    for _ in range(TRIES):
        api.fail("write", "status", status=429, headers=(("Retry-After", "1"),))
    assert failure(lambda: writer.create("default", service("one"))).kind == faults.BUSY
    assert len(api.sent) == TRIES and pauses == [1.0] * (TRIES - 1)


@pytest.mark.parametrize(
    "status, kind", [(500, faults.BROKEN), (503, faults.BROKEN), (422, faults.REFUSED)]
)
def test_what_may_have_been_done_is_not_repeated(
    api: ApiServer, writer: Writer, status: int, kind: str
) -> None:
    api.fail("write", "status", status=status, headers=(("Retry-After", "1"),))
    fault = failure(lambda: writer.create("default", service("one")))
    assert fault.kind == kind and "a fault of the test" in fault.message and len(api.sent) == 1


def test_a_connection_that_breaks_after_the_write_is_told_and_not_repeated(
    api: ApiServer, writer: Writer
) -> None:
    api.fail("write", "cut")
    assert failure(lambda: writer.create("default", service("one"))).kind == faults.DROPPED
    assert len(api.sent) == 1 and writer.read("default", "one")["metadata"]["name"] == "one"


def test_a_token_that_was_replaced_is_read_again_once(api: ApiServer, writer: Writer) -> None:
    api.token = "the-next"
    api.kubeconfig()
    writer.create("default", service("one"))
    assert [sent.method for sent in api.sent] == ["POST", "POST"]
    api.token = "another, which nobody knows"
    assert failure(lambda: writer.create("default", service("two"))).kind == faults.UNAUTHORIZED
    assert len(api.sent) == 4


@pytest.mark.parametrize(
    "verb, rights, write, rule",
    [
        (
            "create",
            "services",
            lambda w: w.create("default", service("x")),
            '["services"], verbs: ["create"]',
        ),
        ("delete", "services", lambda w: w.delete("default", "x"), '["services"], verbs: ["delete"]'),
        ("get", "services", lambda w: w.read("default", "x"), '["services"], verbs: ["get"]'),
        ("patch", "services", lambda w: w.merge("default", "x", {}), '["services"], verbs: ["patch"]'),
        ("patch", "services", lambda w: w.apply("default", applied("x")), 'verbs: ["create", "patch"]'),
        (
            "patch",
            "services/status",
            lambda w: w.merge("default", "x", {}, subresource="status"),
            'resources: ["services/status"], verbs: ["patch"]',
        ),
    ],
)
def test_who_may_not_is_told_the_rule_that_is_missing(
    api: ApiServer, writer: Writer, verb: str, rights: str, write: Callable[[Writer], object], rule: str
) -> None:
    api.create(service("x"))
    api.forbidden.add((verb, rights))
    fault = failure(lambda: write(writer))
    assert fault.kind == faults.FORBIDDEN and fault.message.startswith("tester may not ")
    assert rule in str(fault.hint) and "bind it to a Role in namespace default" in str(fault.hint)


def test_a_403_that_is_no_missing_right_is_told_in_the_servers_words(
    api: ApiServer, writer: Writer
) -> None:
    api.fail("write", "status", status=403)
    fault = failure(lambda: writer.create("default", service("one")))
    assert (fault.kind, fault.hint) == (faults.REFUSED, None) and "a fault of the test" in fault.message


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../../../api/v1/namespaces/x", "a%2fb"])
def test_a_name_that_leads_elsewhere_is_never_sent(api: ApiServer, writer: Writer, name: str) -> None:
    api.create(service("stays"))
    for write in (
        lambda: writer.delete("default", name),
        lambda: writer.read("default", name),
        lambda: writer.merge("default", name, {}),
        lambda: writer.apply("default", applied(name)),
        lambda: writer.delete("default", "x/../stays"),
    ):
        with pytest.raises(BadObject):
            write()
    if name:
        with pytest.raises(BadObject):
            writer.delete(name, "stays")
    assert not api.sent and not api.requests and api.get("Service", "default", "stays")


def test_a_name_is_one_segment_whatever_is_in_it(api: ApiServer, writer: Writer) -> None:
    assert failure(lambda: writer.delete("default", "a?b=c#d e:f")).kind == faults.NOT_FOUND
    assert api.sent[0].path.endswith("/services/a%3Fb%3Dc%23d%20e:f") and not api.sent[0].query


def test_what_goes_over_the_wire_says_who_writes(api: ApiServer, writer: Writer) -> None:
    writer.apply("default", applied("x", a="é\n"), force=True)
    (sent,) = api.sent
    assert (
        sent.query == {"fieldManager": "mine", "force": "true"}
        and sent.type == "application/apply-patch+yaml"
    )
    body = json.loads(sent.body)
    assert (body["apiVersion"], body["kind"]) == ("v1", "Service") and body["metadata"]["annotations"] == {
        "a": "é\n"
    }


def test_what_is_in_no_namespace_has_a_path_without_one() -> None:
    zones: Resource[object] = Resource("x.dev", "v1", "zones", "Zone", lambda o: o, namespaced=False)
    assert zones.one("", "a", "status") == "/apis/x.dev/v1/zones/a/status"
    assert zones.one("ignored", "a") == zones.one("", "a")
    assert SERVICES.one("n", "a") == "/api/v1/namespaces/n/services/a"


def test_an_answer_that_is_no_object_is_a_fault(api: ApiServer, writer: Writer) -> None:
    api.resources["/api/v1"]["services"] = "Nothing"
    api._objects["Nothing", "default", "x"] = []  # type: ignore[assignment]
    assert failure(lambda: writer.read("default", "x")).kind == faults.GARBLED
