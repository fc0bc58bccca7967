"""Private mount namespaces: a thread's own."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from wherry import linux
from wherry.sandbox.mounts import enter_private_mounts

pytestmark = [pytest.mark.root, pytest.mark.mounts]


def namespace() -> str:
    return os.readlink("/proc/thread-self/ns/mnt")


def test_each_of_two_threads_has_its_own_and_the_process_keeps_the_host_s(tmp_path: Path) -> None:
    outside = namespace()
    both_have_mounted = threading.Barrier(2)

    def mount(name: str) -> tuple[str, list[str]]:
        enter_private_mounts()
        linux.mount("tmpfs", str(tmp_path), "tmpfs", 0)
        (tmp_path / name).write_text("")
        both_have_mounted.wait(60)
        enter_private_mounts()  # a second time changes nothing
        return namespace(), os.listdir(tmp_path)

    with ThreadPoolExecutor(2) as pool:
        (one, in_one), (other, in_other) = pool.map(mount, ["a", "b"])
    assert (in_one, in_other) == (["a"], ["b"])
    assert len({one, other, outside}) == 3
    assert namespace() == outside
    assert os.listdir(tmp_path) == []


def test_a_thread_that_is_started_inside_is_inside() -> None:
    def inner() -> str:
        enter_private_mounts()
        return namespace()

    def outer() -> tuple[str, str]:
        enter_private_mounts()
        with ThreadPoolExecutor(1) as pool:
            return namespace(), pool.submit(inner).result()

    with ThreadPoolExecutor(1) as pool:
        one, other = pool.submit(outer).result()
    assert one == other
