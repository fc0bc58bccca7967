"""A container as ``docker inspect`` and ``docker ps`` show it."""

from __future__ import annotations

from wherry.containers.log import log_path
from wherry.containers.state import find
from wherry.containers.volumes import planned_mounts
from wherry.oci.times import rfc3339
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wherry.containers.volumes import PlannedMount
    from wherry.store import ContainerRecord, Store
    from wherry.store.containerconfig import Port, VolumeMount

__all__ = ["command_of", "container_json", "find", "ports_of"]
NEVER = "0001-01-01T00:00:00Z"


def container_json(store: Store, record: ContainerRecord) -> dict[str, Any]:
    config = record.config
    argv = config.process.argv
    running = record.status == "running"
    folder = store.containers.dir(record.id)
    return {
        "Id": record.id,
        "Created": _time(record.created),
        "Path": argv[0] if argv else "",
        "Args": list(argv[1:]),
        "State": {
            "Status": record.status,
            "Running": running,
            "Paused": False,
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": record.pid,
            "ExitCode": record.exit_code,
            "Error": "",
            "StartedAt": _time(record.started),
            "FinishedAt": _time(record.finished),
        },
        "Image": record.image_id,
        "LogPath": log_path(store, record.id),
        "Name": "/" + record.name,
        "RestartCount": 0,
        "Driver": "overlay2",
        "Platform": "linux",
        "HostConfig": {
            "Binds": [_bind(volume) for volume in config.volumes] or None,
            "NetworkMode": config.network,
            "PortBindings": _ports(config.ports),
            "AutoRemove": config.rm,
            "ReadonlyRootfs": config.read_only,
            "ExtraHosts": [f"{name}:{address}" for name, address in config.hosts] or None,
        },
        "GraphDriver": {
            "Name": "overlay2",
            "Data": {
                "LowerDir": ":".join(store.layers.path(d) for d in reversed(config.layers)),
                "MergedDir": f"{folder}/root",
                "UpperDir": f"{folder}/upper",
                "WorkDir": f"{folder}/work",
            },
        },
        "Mounts": [_mount(mount) for mount in planned_mounts(store, record.id, config)],
        "Config": config.process.to_docker(),
        "NetworkSettings": {
            "Ports": _ports(config.published if running else ()),
            "IPAddress": "",
            "Networks": {},
        },
    }


def _mount(mount: PlannedMount) -> dict[str, Any]:
    """With all of Docker's fields, so that a template finds them.  A folder of the container's own has no
    name, since no volume has it."""
    return {
        "Type": "bind" if mount.bound else "volume",
        "Name": mount.name,
        "Source": mount.source,
        "Destination": mount.target,
        "Driver": "" if mount.bound else "local",
        "Mode": "ro" if mount.volume.readonly else "z" if mount.name else "",
        "RW": not mount.volume.readonly,
        "Propagation": "rprivate" if mount.bound else "",
    }


def command_of(record: ContainerRecord) -> str:
    """As Docker: arguments with a space stand in single quotes."""
    program, *args = record.config.process.argv
    return " ".join([program, *(f"'{word}'" if " " in word else word for word in args)])


def ports_of(record: ContainerRecord) -> str:
    """``0.0.0.0:8080->80/tcp``; nothing while it does not run, as with Docker."""
    if record.status != "running":
        return ""
    return ", ".join(f"{a or '0.0.0.0'}:{h}->{c}/{p}" for a, h, c, p in record.config.published)  # noqa: S104


def _time(seconds: float) -> str:
    return rfc3339(seconds) if seconds else NEVER


def _bind(volume: VolumeMount) -> str:
    return f"{volume.source}:{volume.target}" + (":ro" if volume.readonly else "")


def _ports(ports: Iterable[Port]) -> dict[str, list[dict[str, str]]]:
    shown: dict[str, list[dict[str, str]]] = {}
    for address, host, container, protocol in ports:
        shown.setdefault(f"{container}/{protocol}", []).append({"HostIp": address, "HostPort": str(host)})
    return shown
