"""Private mount namespaces: a thread's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.root, pytest.mark.mounts]

# In a process of its own: this one may be in a private namespace by now.
BEGIN = """
import os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from wherry import linux
from wherry.sandbox.mounts import enter_private_mounts

def namespace():
    return os.readlink("/proc/thread-self/ns/mnt")
"""
TWO = """
folder, outside, both_have_mounted = sys.argv[1], namespace(), threading.Barrier(2)

def mount(name):
    enter_private_mounts()
    linux.mount("tmpfs", folder, "tmpfs", 0)
    open(f"{folder}/{name}", "w").close()
    both_have_mounted.wait(60)
    enter_private_mounts()  # a second time changes nothing
    return namespace(), os.listdir(folder)

with ThreadPoolExecutor(2) as pool:
    (one, in_one), (other, in_other) = pool.map(mount, ["a", "b"])
assert (in_one, in_other) == (["a"], ["b"]), (in_one, in_other)
assert len({one, other, outside}) == 3
assert namespace() == outside
assert os.listdir(folder) == []
"""
BELOW = """
def inner():
    enter_private_mounts()
    return namespace()

def outer():
    enter_private_mounts()
    with ThreadPoolExecutor(1) as pool:
        return namespace(), pool.submit(inner).result()

with ThreadPoolExecutor(1) as pool:
    one, other = pool.submit(outer).result()
assert one == other
"""


def succeeds(script: str, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + script, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_each_of_two_threads_has_its_own_and_the_process_keeps_the_host_s(tmp_path: Path) -> None:
    succeeds(TWO, str(tmp_path))


def test_a_thread_that_is_started_inside_is_inside() -> None:
    succeeds(BELOW)
