"""What this process may use of the machine: CPUs and descriptors."""

from __future__ import annotations

import math
import os
import resource

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CGROUPS = "/sys/fs/cgroup"
SPARE = 64
"""Descriptors of a worker that are no connections: logs, sockets it listens on, epoll."""


def cpus(root: str = CGROUPS, own: str = "/proc/self/cgroup") -> int:
    """How many CPUs can work for us at a time, at least 1: affinity and cgroup quotas (v1 and v2)."""
    most = [float(len(os.sched_getaffinity(0))), *_quotas(root, own)]
    return max(1, math.ceil(min(most)))


def descriptors(most: int) -> int:
    """How many descriptors a worker of ours may have: `most`, or what the hard limit allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return most if hard == resource.RLIM_INFINITY else min(most, hard)


def _quotas(root: str, own: str) -> Iterator[float]:
    """The CPUs that each cgroup above us grants, as far as we see them."""
    for line in _read(own).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            yield from _above(root, path, _v2)
        elif "cpu" in controllers.split(","):
            for name in dict.fromkeys((controllers, "cpu")):
                yield from _above(os.path.join(root, name), path, _v1)


def _above(mount: str, path: str, quota: Callable[[str], float]) -> Iterator[float]:
    # In a container the path may be the host's: then its own mount's root is what counts.
    parts = [part for part in path.split("/") if part not in ("", "..")]
    for end in range(len(parts), -1, -1):
        found = quota(os.path.join(mount, *parts[:end]))
        if found > 0:
            yield found


def _v2(folder: str) -> float:
    """cpu.max: "<quota or max> <period>" in microseconds."""
    return _ratio(*(_read(f"{folder}/cpu.max").split() or ["max"])[:2])


def _v1(folder: str) -> float:
    return _ratio(_read(f"{folder}/cpu.cfs_quota_us"), _read(f"{folder}/cpu.cfs_period_us"))


def _ratio(quota: str, period: str = "") -> float:
    """0 for no limit."""
    quota, period = quota.strip(), period.strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else 0.0


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read(1 << 16)
    except OSError:
        return ""
