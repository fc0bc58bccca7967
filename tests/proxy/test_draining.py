"""Workers of earlier generations: told to go, counted, and never ended too early."""

from __future__ import annotations

import signal

import pytest

from wherry.proxy.reload import draining
from wherry.proxy.reload.draining import GRACE, MOST, Draining


class Master:
    """One that starts a worker for each generation; none of the old ones ends by itself."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.workers = [1]
        self.told: list[tuple[int, signal.Signals]] = []
        self.draining = Draining(lambda: self.now)
        monkeypatch.setattr(draining, "tell", self._tell)

    def reload(self) -> None:
        self.draining.begin(self.workers)
        assert not self.draining.hasten(self.workers), "no new one yet"
        self.workers = [*self.workers, self.workers[-1] + 1]
        assert self.draining.hasten(self.workers)
        self.draining.settle(self.workers)

    def rest(self) -> float:
        return self.draining.rest(self.workers)

    def _tell(self, pid: int, number: signal.Signals) -> None:
        self.told.append((pid, number))
        if number == signal.SIGTERM:
            self.workers.remove(pid)


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Master:
    return Master(monkeypatch)


def test_old_workers_are_told_once_as_soon_as_there_are_new_ones(master: Master) -> None:
    master.reload()
    master.reload()
    assert master.told == [(1, signal.SIGQUIT), (2, signal.SIGQUIT)]


def test_beyond_the_most_the_oldest_is_ended_and_the_reload_before_that_waits(master: Master) -> None:
    for _ in range(MOST):
        assert master.rest() == 0
        master.reload()
        master.now += 0.1
    assert master.rest() == pytest.approx(GRACE - 0.1 * MOST)
    assert all(number == signal.SIGQUIT for _, number in master.told)
    master.now += master.rest()
    assert master.rest() == 0
    master.reload()
    assert master.told[-1] == (1, signal.SIGTERM), "it has had its time"
    assert master.rest() > 0, "the next has not"


def test_generations_that_ended_by_themselves_do_not_count(master: Master) -> None:
    for _ in range(MOST):
        master.reload()
    assert master.rest() == GRACE
    master.workers = master.workers[1:]
    assert master.rest() == 0
    master.reload()
    assert (1, signal.SIGTERM) not in master.told


def test_a_reload_that_did_not_take_is_no_generation(master: Master) -> None:
    """No new worker came: the old ones are still in force at the next reload."""
    master.draining.begin(master.workers)
    assert not master.draining.hasten(master.workers)
    master.reload()
    assert master.told == [(1, signal.SIGQUIT)]
