"""A power cut keeps what was flushed, and of the rest any part but nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.soak.logdisk import BLOCK, Disk

from support.checkout import ROOT


def block(number: int) -> bytes:
    return bytes([number]) * BLOCK


def test_what_was_flushed_is_kept_and_what_came_after_may_be_lost() -> None:
    disk = Disk(8 * BLOCK)
    disk.write(0, block(1))
    disk.flush()
    disk.write(0, block(2))
    disk.write(BLOCK, block(3) + block(4))
    seen = set()
    for seed in range(200):
        left, kept, unsafe = disk.remainder(str(seed))
        assert unsafe == 3 and 0 <= kept <= 3
        assert bytes(left[:BLOCK]) in (block(1), block(2))
        assert bytes(left[3 * BLOCK :]) == bytes(5 * BLOCK)
        seen.add((left[0], left[BLOCK], left[2 * BLOCK]))
    # Every part, in any order: the last write without the first is one of them.
    assert seen == {(a, b, c) for a in (1, 2) for b in (0, 3) for c in (0, 4)}


def test_a_flush_leaves_nothing_that_may_be_lost() -> None:
    disk = Disk(2 * BLOCK)
    disk.write(BLOCK, block(7))
    disk.flush()
    for seed in range(20):
        left, kept, unsafe = disk.remainder(str(seed))
        assert (kept, unsafe) == (0, 0) and bytes(left) == bytes(BLOCK) + block(7)


INSIDE = """
import os, subprocess, sys
folder = sys.argv[1]
words = [sys.executable, "-m", "tests.soak.logdisk", folder, "8192"]
server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
server.stdout.readline()
print(os.stat(f"{folder}/disk").st_size)
print(os.readlink(f"/proc/{server.pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt"))
server.kill()
server.wait()
"""


@pytest.mark.root
def test_the_file_systems_above_it_are_not_the_servers_to_write_back(tmp_path: Path) -> None:
    """Killed as the last process of their namespace, it would wait for itself for ever."""
    words = ["unshare", "--mount", sys.executable, "-c", INSIDE, str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["8192", "True"], done.stderr
