"""Which boot wrote a tree: a power cut may have hurt what another boot wrote, and nothing else.

Nothing is flushed while a build runs.  Until the machine stops, the page cache is the truth; after that the
disk is, and it may lack what was written last.  So every layer keeps the mark of the boot and the store in
which its tree was written.  A layer with another mark is verified once (`store.verify`), when it is used.
"""

from __future__ import annotations

import os

# The tree was read back from the disk, and was right.
DURABLE = ""
# Somebody found it wrong, or nobody knows when it was written.
DOUBT = "?"


def present_mark(root: str) -> str:
    """The mark of what is written now into the store at `root`; a copy of a store has another one."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            boot = file.read().decode().strip()
    except OSError:
        return DOUBT
    status = os.stat(root)
    return f"{boot} {status.st_dev:x} {status.st_ino:x}"


def mark_after(old: str, present: str) -> str:
    """The mark of a tree that was found right.

    What an earlier boot wrote came from the disk.  What this one wrote may still be in the page cache only.
    """
    boot = present.partition(" ")[0]
    return present if old in (DOUBT, present) or old.partition(" ")[0] == boot else DURABLE
