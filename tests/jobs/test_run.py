"""A build's pods as they come and go, beside a cluster in which what is rare happens at will."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from builder.test_rawjson import Told
from wherry.builder.rawjson import RawJson
from wherry.errors import ClusterError
from wherry.jobs import run as run_module
from wherry.jobs.manifest import Given
from wherry.jobs.options import PodOptions
from wherry.jobs.run import Outcome, run
from wherry.jobs.status import Pod
from wherry.kube import faults
from wherry.kube.faults import Failed, Fault

RUNS = Pod("p", "1", "", runs=True)
DONE = RUNS._replace(code=0, reason="Completed", ended=True)
OPTIONS = PodOptions("i", timeout=5)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "LOOK", 0.001)


class Cluster:
    """Gives what it is given: pods at each look, and at each reading of a log its lines, then a fault."""

    namespace = "n"

    def __init__(self, looks: list[list[Pod]], logs: list[tuple[list[bytes], Fault | None]]) -> None:
        self._looks, self._logs = looks, logs
        self.events: list[str] = []
        self.failed = ""
        self.there: set[str] = set()
        self.since: list[str] = []
        self.refuse_secret = False

    def create(self, job: dict[str, Any]) -> dict[str, Any]:
        self.there.add(job["metadata"]["name"])
        return {"metadata": {"uid": "u"}}

    def create_secret(self, secret: dict[str, Any]) -> None:
        if self.refuse_secret:
            raise ClusterError("no secrets here")

    def delete(self, name: str, uid: str) -> None:
        assert uid == "u"
        self.there.remove(name)

    def job(self, name: str) -> dict[str, Any] | None:
        conditions = [{"type": "Failed", "status": "True", "reason": self.failed}] if self.failed else []
        return {"status": {"conditions": conditions}}

    def pods(self, name: str) -> list[Pod]:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def warnings(self, uid: str) -> list[str]:
        return self.events

    def log(self, pod: str, since: str) -> Iterator[bytes]:
        if not self._logs:
            return
        self.since.append(since)
        lines, fault = self._logs.pop(0)
        yield from lines
        if fault is not None:
            raise Failed(fault)


def built(cluster: Cluster, told: Told | None = None, stop: threading.Event | None = None) -> Outcome:
    try:
        return run(
            cluster,  # type: ignore[arg-type]
            "name",
            ["build", "."],
            Given(),
            OPTIONS,
            told or Told(),
            stop or threading.Event(),
        )
    finally:
        assert not cluster.there, "a Job is left"


def stamped(*texts: bytes, first: int = 0) -> list[bytes]:
    return [b"2026-01-01T00:00:%02d.500000000Z %s" % (n, text) for n, text in enumerate(texts, first)]


def steps(tell: Callable[[RawJson], object]) -> list[bytes]:
    lines: list[str] = []
    tell(RawJson(lines.append))
    return [line.rstrip("\n").encode() for line in lines]


CUT = Fault(faults.DROPPED, "the connection broke")


def test_lines_of_a_log_that_breaks_come_once_and_in_order() -> None:
    lines = stamped(b"one", b"two", b"three")
    cluster = Cluster([[RUNS], [RUNS], [DONE]], [(lines[:2], CUT), (lines[1:], None)])
    assert built(cluster) == Outcome(0, ("one", "two", "three"), {})
    assert cluster.since == ["", "2026-01-01T00:00:01Z"]


def test_a_log_is_read_on_in_the_time_of_its_node() -> None:
    lines = [b"2026-01-01T05:30:00.000000001+05:30 one", b"2026-01-01T05:30:01.000000000+05:30 two"]
    cluster = Cluster([[RUNS], [RUNS], [DONE]], [(lines[:1], CUT), (lines, None)])
    assert built(cluster).said == ("one", "two")
    assert cluster.since == ["", "2026-01-01T05:30:00+05:30"]


def test_lines_of_a_node_whose_clock_is_set_back_are_told() -> None:
    lines = [*stamped(b"one", first=30), *stamped(b"two", b"three"), *stamped(b"same", first=1)]
    assert built(Cluster([[RUNS], [DONE]], [(lines, None)])).said == ("one", "two", "three", "same")


def test_a_log_that_broke_at_the_end_is_read_to_its_end() -> None:
    lines = stamped(b"one", b"two")
    assert built(Cluster([[RUNS], [DONE]], [(lines[:1], CUT), (lines, None)])).said == ("one", "two")


def test_a_log_that_ends_before_the_builds_last_line_is_read_on() -> None:
    """The kubelet has begun another file, and followed the old one to its end (kubernetes #115701)."""
    lines = stamped(b"one", *steps(lambda raw: raw.answer({"a": 1})))
    found = built(Cluster([[RUNS], [DONE]], [(lines[:1], None), (lines, None)]))
    assert found == Outcome(0, ("one",), {"a": 1})
    told = Told()
    assert built(Cluster([[RUNS], [DONE]], [(lines[:1], None)]), told).code == 0
    assert any("the end of the log of pod p is gone" in str(words[1]) for words in told.told)


def test_the_code_of_a_build_is_its_own() -> None:
    failed = DONE._replace(code=125, reason="Error")
    assert built(Cluster([[RUNS], [failed]], [(stamped(b"error: no"), None)])) == Outcome(
        125, ("error: no",), {}
    )


def test_after_a_pod_that_was_lost_the_next_one_is_told_and_what_was_begun_is_canceled() -> None:
    begun = steps(lambda raw: raw.begin("RUN x").working())
    done = steps(lambda raw: (raw.begin("RUN x").end(cached=False), raw.answer({"a": 1})))
    killed = RUNS._replace(code=137, reason="OOMKilled", ended=True)
    second = DONE._replace(name="q", uid="2")
    told = Told()
    cluster = Cluster(
        [[RUNS], [killed], [killed], [killed, second]],
        [(stamped(*begun, b"lost words"), None), (stamped(*done), None)],
    )
    assert built(cluster, told) == Outcome(0, (), {"a": 1})
    said = [words[:2] for words in told.told if words[1] == "RUN x" or words[0] == "note"]
    assert said == [
        ("begin", "RUN x"),
        ("working", "RUN x"),
        ("cancel", "RUN x"),
        ("note", "pod p was lost: memory ran out (OOMKilled); another one goes on from the cache"),
        ("begin", "RUN x"),
        ("end", "RUN x"),
    ]


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("DeadlineExceeded", "took more than its 7200 s"),
        ("BackoffLimitExceeded", "pod p was lost: it is gone; the Job name has no more tries"),
    ],
)
def test_a_job_that_gives_up_says_why(reason: str, says: str) -> None:
    cluster = Cluster([[RUNS], []], [([], None)])
    cluster.failed = reason
    with pytest.raises(ClusterError, match=says):
        built(cluster)


def test_what_waiting_does_not_mend_is_said_at_once() -> None:
    cluster = Cluster([[]], [])
    cluster.events = ['Error creating: pods "p" is forbidden: violates PodSecurity "restricted:latest"']
    with pytest.raises(ClusterError, match=r"no pod is made: .*violates PodSecurity"):
        built(cluster)


def test_a_job_whose_secret_is_refused_does_not_stay() -> None:
    cluster = Cluster([[]], [])
    cluster.refuse_secret = True
    with pytest.raises(ClusterError, match="no secrets here"):
        built(cluster)


def test_a_build_that_is_told_to_stop_removes_its_job() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(run_module.Stopped):
        built(Cluster([[]], []), stop=stop)


def test_a_log_that_may_not_be_read_is_an_error() -> None:
    cluster = Cluster([[RUNS]], [([], Fault(faults.FORBIDDEN, "you may not", "bind it to a Role"))])
    with pytest.raises(ClusterError, match="you may not"):
        built(cluster)


def test_a_pod_whose_memory_runs_out_again_is_not_tried_for_ever() -> None:
    killed = RUNS._replace(code=137, reason="OOMKilled", ended=True)
    again = killed._replace(name="q", uid="2")
    cluster = Cluster([[killed], [killed], [killed, again]], [([], None), ([], None)])
    with pytest.raises(ClusterError, match="memory ran out in pod q, and in one before it") as raised:
        built(cluster)
    assert "limits.memory" in str(raised.value.hint)


def test_a_log_that_nobody_can_read_is_said_and_the_code_counts() -> None:
    told = Told()
    cluster = Cluster([[RUNS], [RUNS], [DONE]], [([], CUT)] * 7)
    assert built(cluster, told).code == 0
    notes = [words[1] for words in told.told if words[0] == "note"]
    assert notes == [
        "the log of pod p is tried again: the connection broke",
        "the log was not read to its end: the connection broke",
        f"the end of the log of pod p is gone: {run_module.LACKS}",
    ]


def test_a_pod_that_does_not_end_on_its_lost_node_is_replaced_by_another_jobs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_module, "UNENDING", 0.0)
    told = Told()
    leaving = RUNS._replace(leaving=True)
    cluster = Cluster(
        [[RUNS], [leaving], [leaving], [RUNS._replace(uid="2")], [DONE._replace(uid="2")]],
        [(stamped(b"lost words"), None), ([], None), (stamped(b"all"), None)],
    )
    assert built(cluster, told) == Outcome(0, ("all",), {})
    assert "its node does not answer; another one goes on" in str(told.told)


def test_nodes_that_are_lost_one_after_the_other_end_a_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "UNENDING", 0.0)
    cluster = Cluster([[RUNS._replace(leaving=True)]], [([], None)] * 20)
    with pytest.raises(ClusterError, match="its node does not answer, as those before it"):
        built(cluster)
