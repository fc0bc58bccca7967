"""Which boot wrote a tree: a power cut may have hurt what another boot wrote, and nothing else.

Nothing is flushed while a build runs.  Until the machine stops, the page cache is the truth; after that the
disk is, and it may lack what was written last.  So every layer keeps the mark of the boot and the store in
which its tree was written.  A layer with another mark is verified once (`store.verify`), when it is used,
and then marked as that very tree, which the disk has given back.  The database may lose its last seconds,
too: a record from before a removal is not taken for the tree that was made after it.
"""

from __future__ import annotations

import os

# Somebody found the tree wrong, or nobody knows when it was written.
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


def tree_mark(path: str) -> str:
    """The mark of a tree that was read back from the disk and was right; "" where there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"tree {status.st_ino:x} {status.st_ctime_ns:x}"


def came_from_disk(mark: str, present: str) -> bool:
    """Whether a tree of that mark, read now, came from the disk.

    What this boot wrote, also into another store, may still be in the page cache only.
    """
    return mark != DOUBT and mark.partition(" ")[0] not in ("tree", present.partition(" ")[0])
