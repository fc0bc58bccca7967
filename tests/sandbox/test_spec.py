"""The configuration of an OCI runtime, by itself: what a process asks for, and what it never gets."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.sandbox.process import Mount, Process, User
from wherry.sandbox.spec import CAPABILITIES, DEVICES, Machine, runtime_config

FILES = {"/etc/hosts": "/host/hosts"}


def config(machine: Machine = Machine(False), **fields: Any) -> dict[str, Any]:  # noqa: B008
    return runtime_config("/root", Process(("sh",), **fields), FILES, machine)


def at(spec: dict[str, Any], target: str) -> dict[str, Any]:
    """The mount that is seen at a place: the last one."""
    return [mount for mount in spec["mounts"] if mount["destination"] == target][-1]


def test_what_is_run_is_as_it_is_asked_for() -> None:
    process = config(
        env=("A=1",), cwd="/w", user=User(7, 8, (9,)), tty=True, rows=35, columns=120, hostname="box"
    )["process"]
    assert (process["args"], process["env"], process["cwd"]) == (["sh"], ["A=1"], "/w")
    assert process["user"] == {"uid": 7, "gid": 8, "additionalGids": [9], "umask": 0o022}
    assert process["terminal"] and process["consoleSize"] == {"height": 35, "width": 120}
    assert "consoleSize" not in config(tty=True)["process"]
    assert config(hostname="box")["hostname"] == "box"


def test_root_has_docker_s_capabilities_and_others_none_but_in_the_bounding_set() -> None:
    root = config()["process"]["capabilities"]
    other = config(user=User(1000))["process"]["capabilities"]
    assert root["effective"] == root["permitted"] == root["bounding"] == list(CAPABILITIES)
    assert (other["effective"], other["permitted"], other["bounding"]) == ([], [], list(CAPABILITIES))
    for held in root, other:
        assert held["inheritable"] == held["ambient"] == []


def test_a_privileged_one_gets_what_we_have_and_no_more() -> None:
    spec = config(Machine(False, capabilities=1 << 0 | 1 << 21), privileged=True)
    assert spec["process"]["capabilities"]["effective"] == ["CAP_CHOWN", "CAP_SYS_ADMIN"]
    assert set(spec["linux"]) == {"namespaces"}, "nothing is masked, no call filtered"


def test_others_see_nothing_of_the_machine_s_that_docker_hides() -> None:
    linux = config(Machine(False, cpus=2))["linux"]
    assert {"/proc/kcore", "/proc/keys", "/sys/firmware"} < set(linux["maskedPaths"])
    assert sum("thermal_throttle" in path for path in linux["maskedPaths"]) == 2
    assert "/proc/sys" in linux["readonlyPaths"] and linux["seccomp"]["syscalls"]


@pytest.mark.parametrize(("network", "own"), [("host", False), ("none", True), ("private", False)])
def test_only_an_empty_network_is_the_runtime_s_to_make(network: str, own: bool) -> None:
    kinds = [each["type"] for each in config(network=network)["linux"]["namespaces"]]
    assert ("network" in kinds) == own and {"pid", "ipc", "uts", "mount"} <= set(kinds)


def test_no_mount_of_an_ordinary_process_has_devices() -> None:
    """But /dev/<node>, which are bound one by one, and pseudo-terminals."""
    mounts = (
        Mount("bind", "/host/d", "/d"),
        Mount("bind", "/host/f", "/f", readonly=True),
        Mount("tmpfs", "", "/t", options=("size=1m",)),
    )
    spec = config(Machine(False, nodes="/nodes", folders=frozenset({"/host/d"})), mounts=mounts)
    for mount in spec["mounts"]:
        if not mount["destination"].startswith("/dev/") or mount["type"] == "tmpfs":
            assert "nodev" in mount["options"], mount
    assert "rnodev" in at(spec, "/d")["options"] and "rnodev" not in at(spec, "/f")["options"]
    assert {"ro"} <= set(at(spec, "/f")["options"]) and {"size=1m", "rw"} <= set(at(spec, "/t")["options"])
    assert {f"/dev/{name}" for name in DEVICES} <= {mount["destination"] for mount in spec["mounts"]}
    assert at(spec, "/etc/hosts")["source"] == "/host/hosts"


def test_the_root_s_flags_come_last_whatever_is_mounted() -> None:
    for readonly, flag in ((True, "ro"), (False, "rw")):
        last = config(readonly=readonly, mounts=(Mount("bind", "/a", "/a"),))["mounts"][-1]
        assert last["destination"] == "/." and last["options"] == ["bind", "remount", "nodev", flag]


def test_a_user_namespace_takes_sys_from_the_host_unless_the_network_is_its_own() -> None:
    assert at(config(Machine(True)), "/sys")["type"] == "none"
    assert at(config(Machine(True), network="none"), "/sys")["type"] == "sysfs"
    assert "gid=5" not in at(config(Machine(True)), "/dev/pts")["options"]
    assert "gid=5" in at(config(), "/dev/pts")["options"]


def test_limits_are_unsigned_and_unlimited_is_the_highest() -> None:
    limits = config(Machine(False, limits=[("nofile", 1024, -1)]))["process"]["rlimits"]
    assert limits == [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": (1 << 64) - 1}]


def test_shared_memory_is_docker_s_unless_told() -> None:
    assert f"size={64 << 20}" in at(config(), "/dev/shm")["options"]
    assert "size=4096" in at(config(shm_size=4096), "/dev/shm")["options"]
