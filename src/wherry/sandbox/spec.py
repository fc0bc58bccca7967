"""PURE: from a Process to the configuration of an OCI runtime (runtime-spec, config.md).

Defaults are Docker's: its capabilities, masked and read-only paths, and seccomp profile.
"""

from __future__ import annotations

from wherry.sandbox.seccomp import SECCOMP, observed
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.sandbox.process import Mount, Process

CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
# linux/capability.h, in the order of their numbers.
_EVERY = """
CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT
SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE
AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ
PERFMON BPF CHECKPOINT_RESTORE
"""
MASKED = (
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
)
READONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
THROTTLE = "/sys/devices/system/cpu/cpu{}/thermal_throttle"
# As Docker has them: (major, minor) by name (Documentation/admin-guide/devices.txt).
DEVICES = {
    "null": (1, 3),
    "zero": (1, 5),
    "full": (1, 7),
    "random": (1, 8),
    "urandom": (1, 9),
    "tty": (5, 0),
}
# Beside them in /dev.
LINKS = {
    "core": "/proc/kcore",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
SHM_SIZE = 64 << 20
NODEV = ["nosuid", "noexec", "nodev"]


class Machine(NamedTuple):
    """What the configuration depends on beside the process.

    `rootless`: inside a user namespace, where sysfs and cgroups of the host cannot be mounted.  `nodes` is
    a folder with the device nodes (devices.mount_nodes), "" where the runtime is to make them.
    `capabilities` are those that we have, as bits: a privileged process gets no more.  `cpus` is how many
    there are, `limits` are all of the process (beginning.limits), `folders` those of its mounts' sources
    that are no files.
    """

    rootless: bool
    nodes: str = ""
    capabilities: int = 0
    cpus: int = 0
    limits: Sequence[tuple[str, int, int]] = ()
    folders: frozenset[str] = frozenset()


def _console(process: Process) -> dict[str, Any]:
    if not (process.tty and process.rows and process.columns):
        return {}
    return {"consoleSize": {"height": process.rows, "width": process.columns}}


def runtime_config(root: str, process: Process, files: dict[str, str], machine: Machine) -> dict[str, Any]:
    """The whole config.json.  `files` are host files by their place in the container (/etc/hosts, …)."""
    granted = list(CAPABILITIES)
    if process.privileged:
        possible = machine.capabilities
        granted = [f"CAP_{name}" for number, name in enumerate(_EVERY.split()) if possible >> number & 1]
    # As Docker: a user other than root has them in the bounding set only.
    held = granted if process.user.uid == 0 else []
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": process.tty,
            **_console(process),
            "user": {
                "uid": process.user.uid,
                "gid": process.user.gid,
                "additionalGids": list(process.user.groups),
                "umask": 0o022,
            },
            "args": list(process.args),
            "env": list(process.env),
            "cwd": process.cwd,
            "capabilities": {
                "bounding": granted,
                "effective": held,
                "permitted": held,
                "inheritable": [],
                "ambient": [],
            },
            "noNewPrivileges": False,
            "rlimits": [_rlimit(*limit) for limit in machine.limits],
        },
        "root": {"path": root, "readonly": False},  # see _root
        "hostname": process.hostname,
        "mounts": [
            *_system_mounts(process, machine),
            *(_bind(path, f"/dev/{name}") for name, path in _nodes(machine)),
            *(_bind(source, target, "nodev") for target, source in files.items()),
            *(_own(mount, process, machine) for mount in process.mounts),
            _root(process),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in _namespaces(process)],
            **({} if process.privileged else _confined(process, machine)),
        },
    }


def _confined(process: Process, machine: Machine) -> dict[str, Any]:
    masked = [*MASKED, *map(THROTTLE.format, range(machine.cpus))]
    watch = process.watch
    seccomp = observed("" if watch.traced else watch.path) if watch is not None else SECCOMP
    return {"maskedPaths": masked, "readonlyPaths": list(READONLY), "seccomp": seccomp}


def _rlimit(name: str, soft: int, hard: int) -> dict[str, Any]:
    """The numbers are unsigned there: -1, "unlimited", is the highest."""
    return {"type": f"RLIMIT_{name.upper()}", "soft": soft % (1 << 64), "hard": hard % (1 << 64)}


def _namespaces(process: Process) -> list[str]:
    """The network namespace is made by whoever connects it; the runtime is started inside it."""
    kinds = ["pid", "ipc", "uts", "mount"]
    if process.network == "none":
        kinds.append("network")
    return kinds


def _root(process: Process) -> dict[str, Any]:
    """The flags of the root itself, which come last: nothing can be made in a read-only one.

    Runtimes know no option for them but `readonly`, and forget the flags that the root was mounted with.
    """
    flags = [*([] if process.privileged else ["nodev"]), "ro" if process.readonly else "rw"]
    return {"destination": "/.", "type": "none", "source": "/", "options": ["bind", "remount", *flags]}


def _system_mounts(process: Process, machine: Machine) -> list[dict[str, Any]]:
    sys: dict[str, Any] = {"destination": "/sys", "type": "sysfs", "source": "sysfs"}
    sys["options"] = [*NODEV, "ro"]
    if machine.rootless and process.network != "none":
        # sysfs shows a network namespace; only that namespace's owner may mount it.  With the host's come
        # the mounts below it, which the flags of the upper one do not reach.
        recursively = [f"r{option}" for option in (*NODEV, "ro")]
        sys = {"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", *recursively]}
    devpts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    nodev = ["nodev"] if machine.nodes else []
    return [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": NODEV},
        _tmpfs("/dev", ["nosuid", *nodev, "strictatime", "mode=755", "size=65536k"]),
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": devpts if machine.rootless else [*devpts, "gid=5"],
        },
        _tmpfs("/dev/shm", [*NODEV, "mode=1777", f"size={process.shm_size or SHM_SIZE}"]),  # noqa: S108
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": NODEV},
        sys,
    ]


def _nodes(machine: Machine) -> list[tuple[str, str]]:
    return [(name, f"{machine.nodes}/{name}") for name in DEVICES] if machine.nodes else []


def _tmpfs(target: str, options: list[str]) -> dict[str, Any]:
    return {"destination": target, "type": "tmpfs", "source": "tmpfs", "options": options}


def _bind(source: str, target: str, *options: str) -> dict[str, Any]:
    options = ("bind", "rprivate", *options)
    return {"destination": target, "type": "bind", "source": source, "options": list(options)}


def _own(mount: Mount, process: Process, machine: Machine) -> dict[str, Any]:
    """rro, rnodev: the mounts below a bound folder, too (runtime-spec 1.1, "Linux mount options"); crun
    refuses them for a file."""
    flags = ["ro" if mount.readonly else "rw", *([] if process.privileged else ["nodev"])]
    if mount.kind == "tmpfs":
        return _tmpfs(mount.target, ["nosuid", "nodev", *mount.options, *flags])
    if mount.source in machine.folders:
        flags += [f"r{flag}" for flag in flags if flag != "rw"]
    options = ["rbind", "rprivate", *mount.options, *flags]
    return {"destination": mount.target, "type": "bind", "source": mount.source, "options": options}
