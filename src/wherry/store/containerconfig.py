"""PURE: what a container was made with, and the JSON in which its record says so.

    {"version": 2, "layers": [DIFF_ID…], "network": "host" | "none" | "private",
     "ports": [{"address", "host", "container", "protocol"}…], "published": [… once it was started],
     "volumes": [{"source", "target", "readonly"}…], "image_volumes": [TARGET…],
     "hosts": [{"name", "address"}…], "rm", "read_only", "stop_timeout", "Config": {… as docker inspect}}

Version 1 had no number, and lists in the place of the small objects; it is read, and written as 2.
"""

from __future__ import annotations

from wherry import jsontext as json
from wherry.errors import NewerRecordError, StorageError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

VERSION = 2


class Port(NamedTuple):
    """A published port.  `address` is the host's ("" for all), `host` 0 for any free port, `protocol`
    "tcp" or "udp"."""

    address: str
    host: int
    container: int
    protocol: str


class VolumeMount(NamedTuple):
    """What ``-v`` mounts: a path on the host, a named volume, or "" for a folder of the container's own."""

    source: str
    target: str
    readonly: bool = False


HOST_GATEWAY = "host-gateway"
"""An address that is known when a container starts: by which it reaches the machine that it runs on."""


class ExtraHost(NamedTuple):
    """A line of /etc/hosts; the address may be HOST_GATEWAY."""

    name: str
    address: str


class ProcessConfig(NamedTuple):
    """What Docker calls a container's Config.

    `rest` is the JSON text of the image's own configuration: fields that wherry knows nothing of are shown
    as they came.  The fields here win over it.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    workdir: str = "/"
    user: str = ""
    hostname: str = ""
    image: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    stop_signal: str = "SIGTERM"
    tty: bool = False
    open_stdin: bool = False
    rest: str = "{}"

    @property
    def argv(self) -> tuple[str, ...]:
        return (*self.entrypoint, *self.command)

    def to_docker(self) -> dict[str, Any]:
        """As ``docker inspect`` shows it."""
        return {
            **json.loads(self.rest),
            "Hostname": self.hostname,
            "User": self.user,
            "Tty": self.tty,
            "OpenStdin": self.open_stdin,
            "Env": list(self.env),
            "Cmd": list(self.command) or None,
            "Entrypoint": list(self.entrypoint) or None,
            "Image": self.image,
            "WorkingDir": self.workdir,
            "Labels": dict(self.labels),
            "StopSignal": self.stop_signal,
        }


class ContainerConfig(NamedTuple):
    """`layers` are diff IDs, the lowest first; `published` the ports as they were at its last start;
    `stop_timeout` in seconds, None for Docker's ten."""

    process: ProcessConfig
    layers: tuple[str, ...] = ()
    network: str = "host"
    ports: tuple[Port, ...] = ()
    published: tuple[Port, ...] = ()
    volumes: tuple[VolumeMount, ...] = ()
    image_volumes: tuple[str, ...] = ()
    hosts: tuple[ExtraHost, ...] = ()
    rm: bool = False
    read_only: bool = False
    stop_timeout: int | None = None


def to_json(config: ContainerConfig) -> dict[str, Any]:
    """The form that the head of this file describes."""
    value: dict[str, Any] = {"version": VERSION, **config._asdict(), "Config": config.process.to_docker()}
    del value["process"]
    for name in ("ports", "published", "volumes", "hosts"):
        value[name] = [part._asdict() for part in value[name]]
    for name in ("layers", "image_volumes"):
        value[name] = list(value[name])
    return value


def from_json(value: Any, container: str) -> ContainerConfig:
    """Raises StorageError for what a newer wherry wrote, and for what is no configuration; both say whose
    it is."""
    if not isinstance(value, dict):
        raise StorageError(f"the record of container {container} is damaged")
    version = value.get("version", 1)
    if not isinstance(version, int) or version not in READERS:
        raise NewerRecordError(
            f"container {container} was recorded by another version of wherry (record {version})",
            hint="use that version, or give another folder with --root DIR",
        )
    try:
        return READERS[version](value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"the record of container {container} is damaged: {error!r}") from None


def _read_1(value: dict[str, Any]) -> ContainerConfig:
    return _read(value, value["add_host"], lambda kind, part: kind(*part))


def _read_2(value: dict[str, Any]) -> ContainerConfig:
    return _read(value, value["hosts"], lambda kind, part: kind(**part))


def _read(value: dict[str, Any], hosts: list[Any], small: Callable[[Any, Any], Any]) -> ContainerConfig:
    """`small` makes one of the small values, as the version wrote them."""
    return ContainerConfig(
        layers=_texts(value["layers"]),
        network=str(value["network"]),
        ports=tuple(small(Port, port) for port in value["ports"]),
        published=tuple(small(Port, port) for port in value.get("published", ())),
        volumes=tuple(VolumeMount(**volume) for volume in value["volumes"]),
        image_volumes=_texts(value["image_volumes"]),
        hosts=tuple(small(ExtraHost, host) for host in hosts),
        rm=bool(value["rm"]),
        read_only=bool(value["read_only"]),
        stop_timeout=value["stop_timeout"],
        process=_process(value["Config"]),
    )


def _process(docker: dict[str, Any]) -> ProcessConfig:
    return ProcessConfig(
        entrypoint=_texts(docker["Entrypoint"] or ()),
        command=_texts(docker["Cmd"] or ()),
        env=_texts(docker["Env"]),
        workdir=docker["WorkingDir"],
        user=docker["User"],
        hostname=docker["Hostname"],
        image=docker["Image"],
        labels=tuple((docker.get("Labels") or {}).items()),
        stop_signal=docker["StopSignal"],
        tty=bool(docker["Tty"]),
        open_stdin=bool(docker["OpenStdin"]),
        rest=json.dumps(docker, ensure_ascii=False),
    )


def _texts(values: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(str, values))


READERS: dict[int, Callable[[dict[str, Any]], ContainerConfig]] = {1: _read_1, 2: _read_2}
