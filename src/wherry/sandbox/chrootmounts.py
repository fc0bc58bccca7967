"""The file systems of a process that chroot isolation starts, in a mount namespace of its own.

What an OCI runtime makes by spec.py is made here by hand: /proc and /sys masked as Docker masks them, a
/dev of its own, and `nodev` everywhere.
"""

from __future__ import annotations

import os

from wherry import linux
from wherry.layers.rootpath import resolve
from wherry.sandbox.devices import mount_nodes
from wherry.sandbox.files import container_files
from wherry.sandbox.spec import DEVICES, LINKS, MASKED, READONLY, SHM_SIZE
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.sandbox.process import Mount, Process

BIND = linux.MS_BIND | linux.MS_REC
NOTHING = linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
SEALED = (
    linux.MOUNT_ATTR_RDONLY | linux.MOUNT_ATTR_NOSUID | linux.MOUNT_ATTR_NODEV | linux.MOUNT_ATTR_NOEXEC
)


def mount_all(root: str, process: Process, tty: int) -> None:
    """Everything that the process sees, mounted below `root`, and the host's name for it.

    `tty` is its terminal, if it has one.
    """
    linux.mount(root, root, None, BIND)
    proc, sys, dev = (_folder(root, name) for name in ("/proc", "/sys", "/dev"))
    linux.mount("/proc", proc, None, BIND)
    linux.mount("/sys", sys, None, BIND)
    _mount_dev(root, dev, process, tty)
    if not process.privileged:
        linux.mount_setattr(sys, set=SEALED, recursive=True)
        _mask(root)
    if process.hostname:
        linux.unshare(linux.CLONE_NEWUTS)
        linux.sethostname(process.hostname)
    for mount in process.mounts:
        _mount_own(root, mount, process)
    if process.readonly:
        _folder(root, process.cwd)
    _set_flags(root, readonly=process.readonly, privileged=process.privileged)


def _folder(root: str, path: str) -> str:
    host = resolve(root, path)
    os.makedirs(host, exist_ok=True)
    return host


def _set_flags(target: str, *, readonly: bool, privileged: bool, recursive: bool = False) -> None:
    flags = 0 if privileged else linux.MOUNT_ATTR_NODEV
    flags |= linux.MOUNT_ATTR_RDONLY if readonly else 0
    clear = linux.MOUNT_ATTR_NODEV if privileged and not recursive else 0
    linux.mount_setattr(target, set=flags, clear=clear, recursive=recursive)


def _mount_dev(root: str, dev: str, process: Process, tty: int) -> None:
    """The nodes, and the files of /etc, lie on a file system below that of /dev, which hides it."""
    mount_nodes(dev)
    sources = {f"{dev}/{name}": f"{dev}/{name}" for name in DEVICES}
    for target, path in container_files(dev, process).items():
        host = resolve(root, target)
        if os.path.isfile(host):
            sources[host] = path
    held = {target: os.open(path, os.O_PATH | os.O_CLOEXEC) for target, path in sources.items()}
    nodev = 0 if process.privileged else linux.MS_NODEV
    linux.mount("tmpfs", dev, "tmpfs", linux.MS_NOSUID | nodev, "mode=755,size=65536k")
    for target, file in held.items():
        if target.startswith(dev + "/"):
            _touch(target)
        linux.mount(f"/proc/self/fd/{file}", target, None, linux.MS_BIND)
        os.close(file)
    for name, link in {**LINKS, "ptmx": "pts/ptmx"}.items():
        os.symlink(link, f"{dev}/{name}")
    for name in ("pts", "shm", "mqueue"):
        os.mkdir(f"{dev}/{name}")
    _mount_terminals(dev, process, tty)
    size = f"mode=1777,size={process.shm_size or SHM_SIZE}"
    linux.mount("tmpfs", f"{dev}/shm", "tmpfs", NOTHING, size)
    # Message queues are those of a namespace: the host's own would be shown.
    linux.unshare(linux.CLONE_NEWIPC)
    linux.mount("mqueue", f"{dev}/mqueue", "mqueue", NOTHING)


def _mount_terminals(dev: str, process: Process, tty: int) -> None:
    flags, options = linux.MS_NOSUID | linux.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"
    if process.tty and os.isatty(tty):
        _touch(f"{dev}/console")
        linux.mount(os.ttyname(tty), f"{dev}/console", None, linux.MS_BIND)
    try:
        linux.mount("devpts", f"{dev}/pts", "devpts", flags, options + ",gid=5")
    except OSError:  # a user namespace without that group
        linux.mount("devpts", f"{dev}/pts", "devpts", flags, options)


def _mask(root: str) -> None:
    for path in READONLY:
        host = resolve(root, path)
        if os.path.exists(host):
            linux.mount(host, host, None, BIND)
            linux.mount_setattr(host, set=SEALED, recursive=True)
    for path in MASKED:
        host = resolve(root, path)
        if os.path.isdir(host):
            linux.mount("tmpfs", host, "tmpfs", NOTHING | linux.MS_RDONLY, "size=0k")
        elif os.path.exists(host):
            linux.mount(resolve(root, "/dev/null"), host, None, linux.MS_BIND)


def _mount_own(root: str, mount: Mount, process: Process) -> None:
    if mount.kind == "tmpfs":
        target = _folder(root, mount.target)
        options = ",".join(mount.options)
        linux.mount("tmpfs", target, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)
    else:
        target = mount_bind(root, mount)
    if mount.readonly or not process.privileged:
        _set_flags(target, readonly=mount.readonly, privileged=process.privileged, recursive=True)


def mount_bind(root: str, mount: Mount) -> str:
    """Bind a mount's source to its target below `root`, which is made where it is absent; the host's name
    of that.  The mount can be written to."""
    target = resolve(root, mount.target)
    if os.path.isdir(mount.source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        _touch(target)
    linux.mount(mount.source, target, None, BIND)
    return target


def _touch(path: str) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
