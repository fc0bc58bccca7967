"""A power cut keeps what was flushed, and of the rest any part but nothing else."""

from __future__ import annotations

from tests.soak.logdisk import BLOCK, Disk


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
