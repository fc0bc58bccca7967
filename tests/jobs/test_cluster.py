"""Objects in a cluster whose server fails now and then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wherry.errors import ClusterError
from wherry.jobs import cluster
from wherry.jobs.cluster import DELETIONS, Jobs
from wherry.kube import faults
from wherry.kube.faults import Failed, Fault
from wherry.kube.reflector import Policy

AWAY = Fault(faults.UNREACHABLE, "cannot reach it")
JOB = {"metadata": {"name": "j"}}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "PAUSE", 0.0)


class Client:
    """Answers each request with what comes next, or fails with it."""

    server, origin, namespace = "https://server", "this test", "n"

    def __init__(self, *answers: dict[str, Any] | Fault | BaseException) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def renew(self) -> None:
        self.asked.append("renew")

    def get(self, path: str, *_: object) -> Any:
        return self._next(f"GET {path}")

    def send(self, method: str, path: str, *_: object) -> Any:
        return self._next(f"{method} {path}")

    def _next(self, what: str) -> Any:
        self.asked.append(what)
        answer = self._answers.pop(0)
        if isinstance(answer, Fault):
            raise Failed(answer)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def jobs(client: Client, note: Callable[[str], object] = lambda text: None) -> Jobs:
    return Jobs(client, "n", Policy(), note)  # type: ignore[arg-type]


def test_a_job_is_removed_when_the_server_is_back() -> None:
    client = Client(AWAY, AWAY, {})
    one = jobs(client)
    one.delete("j", "u")
    assert len(client.asked) == 3 and not one.left


@pytest.mark.parametrize("kind", [faults.NOT_FOUND, faults.CONFLICT])
def test_one_that_is_gone_or_is_another_by_now_is_let_be(kind: str) -> None:
    one = jobs(Client(Fault(kind, "")))
    one.delete("j", "u")
    assert not one.left


@pytest.mark.parametrize(
    ("fault", "tries"), [(AWAY, DELETIONS), (Fault(faults.FORBIDDEN, "you may not"), 1)]
)
def test_one_that_stays_is_known_and_what_was_built_is_not_undone(fault: Fault, tries: int) -> None:
    client = Client(*[fault] * tries)
    one = jobs(client)
    one.delete("j", "u")
    assert one.left == {"j": fault.message} and len(client.asked) == tries


def test_a_job_whose_creation_was_interrupted_is_removed_by_its_name() -> None:
    client = Client(KeyboardInterrupt(), {})
    with pytest.raises(KeyboardInterrupt):
        jobs(client).create(JOB)
    assert client.asked[1] == "DELETE /apis/batch/v1/namespaces/n/jobs/j"


def test_all_that_were_created_are_removed_at_once() -> None:
    created = {"metadata": {"uid": "u"}}
    client = Client(created, created, {}, {})
    one = jobs(client)
    one.create(JOB)
    one.create({"metadata": {"name": "k"}})
    one.delete_all()
    assert [line.rpartition("/")[2] for line in client.asked if line.startswith("DELETE")] == ["j", "k"]


def test_a_server_that_is_away_is_waited_for_and_that_is_noted_once() -> None:
    notes: list[str] = []
    one = jobs(Client(AWAY, AWAY, {"items": []}), notes.append)
    assert one.pods("j") == []
    assert notes == ["cannot reach it; the build goes on in the cluster, waiting"]


def test_a_token_that_expired_is_read_again_once() -> None:
    gone = Fault(faults.UNAUTHORIZED, "expired", "log in")
    client = Client(gone, {"items": []})
    assert jobs(client).pods("j") == [] and client.asked[1] == "renew"
    with pytest.raises(ClusterError, match="expired"):
        jobs(Client(gone, gone)).pods("j")


def test_who_may_not_list_events_is_told_nothing_and_goes_on() -> None:
    assert jobs(Client(Fault(faults.FORBIDDEN, "no"))).warnings("u") == []


def test_a_refusal_without_advice_gets_some() -> None:
    refused = Fault(faults.REFUSED, "denied request: no builds here")
    with pytest.raises(ClusterError, match="no builds here") as raised:
        jobs(Client(refused, refused)).create(JOB)
    assert raised.value.hint
