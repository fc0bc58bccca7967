"""Trials end their containers as `wherry stop` does, and wait for nobody who does not listen."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wherry.slim.trial import reaches


@contextmanager
def first_of_a_namespace(*words: str) -> Iterator[int]:
    """The pid of a process that is the first one of a pid namespace, once it has written a line."""
    with subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield int(children[0])
        process.kill()


@pytest.mark.root
@pytest.mark.parametrize(
    ("text", "number", "reached"),
    [
        ("echo ready; read x", signal.SIGTERM, False),
        ("trap : TERM; echo ready; read x", signal.SIGTERM, True),
        ("trap : TERM; echo ready; read x", signal.SIGQUIT, False),
    ],
)
def test_the_first_process_of_a_namespace_gets_what_it_handles(
    text: str, number: int, reached: bool
) -> None:
    with first_of_a_namespace("dash", "-c", text) as pid:
        assert reaches(pid, number) is reached


def test_any_other_process_gets_each_signal() -> None:
    assert reaches(os.getpid(), signal.SIGUSR2)
    assert reaches(None, signal.SIGTERM) and reaches(2**22 + 1, signal.SIGTERM), "nobody knows"
