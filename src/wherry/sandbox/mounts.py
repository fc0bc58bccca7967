"""A mount namespace of our own: what is mounted in it goes away with the process, however it ends."""

from __future__ import annotations

import os

_entered = 0


def enter_private_mounts() -> None:
    """Move this process into a private mount namespace, once.  Raises OSError where that is refused."""
    global _entered
    if _entered == os.getpid():
        return
    from wherry import linux

    linux.unshare(linux.CLONE_NEWNS)
    # Slave, not private: what the host mounts later (a USB disk under -v) still shows up.
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_SLAVE)
    _entered = os.getpid()
