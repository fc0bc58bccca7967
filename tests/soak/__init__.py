"""``make soak``: wherry killed, crowded, damaged, starved and cut off, against the truth.

    __main__   the parts in turn, each with its share of the minutes
    apart      a process and mount namespace of its own: nothing can be left on the machine
    command    wherry as a user types it, by root, by a plain user or under chroot isolation
    model      what goes into the stores, and what every image must hold
    archive    PURE reading of what ``save`` wrote, with Python's own tarfile and hashlib
    ledger     reading of a store's folders and records, without a line of wherry's
    verify     a store against the model: contents, leaks, processes, mounts
    instants   each write of a command, found by strace, and a kill or an error at one of them
    commands   the commands that are killed, each with what it needs before
    kill       part 1: kills
    crowd      part 2: 32 processes of all commands on one store
    damage     what can be wrong in a store, file by file
    corrupt    part 3: every damage in turn
    disk       part 4: full disks, no inodes, one call that fails
    readonly   part 4, too: a disk that goes read-only in the middle
    parts      the parts and their shares
    report     what was tried and found
    logdisk    a disk that remembers each write and flush
    power      part 5: what a power cut leaves

The tests here are of the harness itself.
"""

from __future__ import annotations

import os
import sys

# As tests/conftest.py does for what the tests share.
sys.path.insert(0, os.path.dirname(os.path.dirname(__file__)))
