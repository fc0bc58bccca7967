"""The device nodes of a container.

/dev is `nodev` like every other file system of a container, or root inside could make a node there and use
it.  The few that may be used lie on a file system of their own, which nobody inside can reach, and are
bound into /dev one by one.
"""

from __future__ import annotations

import os
import stat

from wherry import linux
from wherry.sandbox.spec import DEVICES

DEVICE_MODE = 0o666


def mount_nodes(folder: str) -> None:
    """Mount a file system that has the nodes, and nothing else, on `folder`.

    The nodes are new ones: a container's root may change their modes, and the host's stay as they are.
    Where none can be made (in a user namespace) they are the host's, which nobody inside owns.
    """
    linux.mount("tmpfs", folder, "tmpfs", linux.MS_NOSUID | linux.MS_NOEXEC, "mode=755")
    for name, numbers in DEVICES.items():
        path = f"{folder}/{name}"
        try:
            make_node(path, numbers)
        except PermissionError:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, DEVICE_MODE))
            linux.mount(f"/dev/{name}", path, None, linux.MS_BIND)


def make_node(path: str, numbers: tuple[int, int]) -> None:
    os.mknod(path, stat.S_IFCHR | DEVICE_MODE, os.makedev(*numbers))
    os.chmod(path, DEVICE_MODE)
