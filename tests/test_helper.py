"""Half of the work done by a second process gives what all of it done here gives."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import repeat
from operator import mul, truediv
from pathlib import Path
from posixpath import join
from typing import Any

import pytest

from wherry.helper import FEW, Helper

MANY = 6 * FEW


def pairs(count: int = MANY) -> list[tuple[str, str]]:
    return [(f"folder {number}", "\udcff") for number in range(count)]


def shared(items: Sequence[Any]) -> Iterator[Any]:
    """They wait until a helper has begun, so that it has its share."""
    for number, item in enumerate(items):
        if number == FEW + 10:
            time.sleep(0.5)
        yield item


def pid_of(helper: Helper) -> int:
    assert helper._pid
    return helper._pid


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})


def test_results_come_in_the_order_of_the_items() -> None:
    with Helper() as helper:
        for _ in range(3):
            assert list(helper.map(join, shared(pairs()))) == [join(*pair) for pair in pairs()]
        pid_of(helper)


def test_it_takes_its_share() -> None:
    with Helper() as helper:
        until = time.monotonic() + 60
        working = {os.getpid()}
        for pid in helper.map(os.getpid, repeat(())):
            working.add(pid)
            if len(working) > 1 or time.monotonic() > until:
                break
        assert len(working) == 2


def test_little_work_starts_no_process() -> None:
    with Helper() as helper:
        assert len(list(helper.map(join, pairs(FEW)))) == FEW
        assert not helper._pid


def test_one_processor_has_no_use_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    with Helper() as helper:
        assert list(helper.map(join, pairs())) == [join(*pair) for pair in pairs()]
        assert not helper._pid


@pytest.mark.parametrize("place", [0, FEW - 1, FEW, FEW + 1, 3 * FEW, MANY - 1])
def test_an_error_is_raised_at_its_place(place: int) -> None:
    items = [(6, 0 if number == place else 3) for number in range(MANY)]
    found: list[float] = []
    with Helper() as helper:
        with pytest.raises(ZeroDivisionError):
            found.extend(one for one in helper.map(truediv, shared(items)))
        assert found == [2] * place
        assert list(helper.map(truediv, [(4, 2)] * MANY)) == [2] * MANY


def test_what_is_not_asked_for_any_more_leaves_nothing_behind() -> None:
    with Helper() as helper:
        results = helper.map(join, shared(pairs()))
        for _ in range(2 * FEW):
            next(results)
        pid = pid_of(helper)
        del results
        assert list(helper.map(join, pairs())) == [join(*pair) for pair in pairs()]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_answers_may_be_larger_than_a_pipe_holds() -> None:
    items = [(b"%d" % number, 1 << 16) for number in range(3 * FEW)]
    with Helper() as helper:
        for data, one in zip(helper.map(mul, shared(items)), items, strict=True):
            assert data == mul(*one)


def test_questions_and_answers_may_both_be_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither side waits for the other one to read."""
    monkeypatch.setattr("wherry.helper._widen", lambda pipe: None)
    items = [(b"%d" % number + bytes(8192), 4) for number in range(3 * FEW)]
    with Helper() as helper:
        for data, one in zip(helper.map(mul, shared(items)), items, strict=True):
            assert data == mul(*one)


def test_where_ends_of_children_are_ignored_it_ends_as_well() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with Helper() as helper:
            assert list(helper.map(join, pairs())) == [join(*pair) for pair in pairs()]
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("after", [FEW + 2, 2 * FEW, MANY - 100])
def test_what_a_killed_helper_does_not_do_is_done_here(after: int) -> None:
    with Helper() as helper:
        found = []
        for one in helper.map(join, shared(pairs())):
            found.append(one)
            if len(found) == after:
                os.kill(pid_of(helper), signal.SIGKILL)
        assert found == [join(*pair) for pair in pairs()]


def test_where_no_process_can_be_started_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Helper() as helper:
        assert list(helper.map(join, pairs())) == [join(*pair) for pair in pairs()]
    assert set(os.listdir("/proc/self/fd")) == before


def test_a_function_that_it_does_not_find_is_done_here() -> None:
    with Helper() as helper:
        assert list(helper.map(_of_the_tests, shared(pairs()))) == [join(*pair) for pair in pairs()]


def _of_the_tests(first: str, second: str) -> str:
    return join(first, second)


ASKED = """
import itertools, time
from wherry.helper import Helper
from wherry.store.locks import held, take
take({lock!r})
helper = Helper(held())
for done in helper.map(time.sleep, itertools.repeat((0.001,))):
    if helper._pid:
        print(helper._pid, flush=True)
        time.sleep(100)
"""


def is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_it_ends_with_a_process_that_is_killed_and_keeps_its_locks_until_then(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    script = ASKED.format(lock=str(lock))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        helper = int(asking.stdout.readline())
        os.kill(helper, signal.SIGSTOP)
        asking.kill()
        asking.wait()
        assert is_locked(lock)
        os.kill(helper, signal.SIGCONT)
        until = time.monotonic() + 30
        while is_locked(lock) and time.monotonic() < until:
            time.sleep(0.01)
        assert not is_locked(lock)


def test_a_key_that_ends_the_group_does_not_reach_it() -> None:
    with Helper() as helper:
        list(helper.map(join, pairs()))
        assert os.getpgid(pid_of(helper)) != os.getpgid(0)
