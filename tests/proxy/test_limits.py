"""What nginx may use is what this process may."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.proxy.reload import limits


@pytest.fixture
def all_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))


@pytest.mark.usefixtures("all_cpus")
@pytest.mark.parametrize(
    ("own", "files", "found"),
    [
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, 64),
        ("0::/\n", {}, 64),
        ("0::/a/b\n", {"cpu.max": "max 100000", "a/cpu.max": "300000 100000", "a/b/cpu.max": "max 1"}, 3),
        ("0::/../x\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/gone/from/here\n", {"cpu.max": "400000 100000\n"}, 4),
        (
            "4:cpu,cpuacct:/pod\n3:memory:/\n0::/\n",
            {"cpu,cpuacct/pod/cpu.cfs_quota_us": "250000", "cpu,cpuacct/pod/cpu.cfs_period_us": "100000"},
            3,
        ),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ("4:cpu:/host/path\n", {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ("nonsense", {"cpu.max": "x y z"}, 64),
        ("0::/", {"cpu.max": "100000 0"}, 64),
        ("", {}, 64),
    ],
)
def test_a_quota_of_any_cgroup_above_counts(
    tmp_path: Path, own: str, files: dict[str, str], found: int
) -> None:
    for name, text in files.items():
        path = tmp_path / "sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "own").write_text(own)
    assert limits.cpus(str(tmp_path / "sys"), str(tmp_path / "own")) == found


def test_affinity_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3})
    assert limits.cpus(str(tmp_path), str(tmp_path / "none")) == 1
