"""From an image and options to a container's record, by Docker's rules."""

from __future__ import annotations

import json
import os
import time

from wherry.containers.names import check_name, new_id, random_name
from wherry.containers.volumes import clean
from wherry.digits import whole
from wherry.errors import ConflictError, NotFoundError, UnsupportedError, UsageError
from wherry.images.lookup import lookup
from wherry.images.view import layer_paths
from wherry.oci.platform import runs_natively
from wherry.sandbox.machine import machine
from wherry.store import ContainerRecord
from wherry.store.containerconfig import (
    HOST_GATEWAY,
    ContainerConfig,
    ExtraHost,
    Port,
    ProcessConfig,
    VolumeMount,
)
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from wherry.images.view import Image
    from wherry.store import Store

NETWORKS = ("host", "none", "private")


class CreateOptions(NamedTuple):
    """What people give on the command line, as they wrote it; `callers` is their own environment, `folder`
    the one that a volume's ``./source`` is in."""

    image: str
    command: tuple[str, ...] = ()
    name: str | None = None
    env: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    workdir: str | None = None
    user: str | None = None
    entrypoint: str | None = None
    publish: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    hostname: str | None = None
    network: str | None = None
    add_host: tuple[str, ...] = ()
    tty: bool = False
    interactive: bool = False
    remove: bool = False
    read_only: bool = False
    stop_signal: str | None = None
    stop_timeout: int | None = None
    callers: Mapping[str, str] = {}
    folder: str = ""


def create(store: Store, options: CreateOptions) -> ContainerRecord:
    """Make and record a container.  Raises NotFoundError, ConflictError, UsageError.

    Is atomic: who removes the image at the same moment is earlier, or finds that it is used.
    """
    image = _image(store, options.image)
    _check_platform(store, image, options.image)
    layer_paths(store, image.config.diff_ids, f"image {options.image}")
    container = new_id()
    name = check_name(options.name) if options.name else _free_name(store)
    config = configure(image, options, container)
    record = ContainerRecord(container, name, image.id, options.image, time.time(), config)
    with store.using():
        _add(store, record)
    return record


def _add(store: Store, record: ContainerRecord) -> None:
    import sqlite3

    try:
        store.containers.add(record)
    except sqlite3.IntegrityError:
        owner = store.containers.by_name(record.name)
        raise ConflictError(
            f'Conflict. The container name "/{record.name}" is already in use by container '
            f'"{owner.id if owner else "?"}". You have to remove (or rename) that container to be able '
            "to reuse that name.",
            hint=f"wherry rm {record.name}, or choose another --name",
        ) from None


def _image(store: Store, name: str) -> Image:
    try:
        return lookup(store, name)
    except NotFoundError as error:
        near = f"{error.hint} " if error.hint and "mean" in error.hint else ""
        shown = error.message.removeprefix("No such image: ")
        raise NotFoundError(
            f"Unable to find image '{shown}' locally",
            hint=f"{near}Make it with wherry build, bootstrap, load or import.",
        ) from None


def _check_platform(store: Store, image: Image, name: str) -> None:
    """Refuse another operating system; of another processor the programs may be emulated, or be scripts."""
    platform, here = image.config.platform, machine()
    if platform.os != here.os:
        raise UnsupportedError(
            f"{name} is for {platform}; containers here are {here}", hint="see --platform of build"
        )
    if not runs_natively(here, platform):
        store.warn(
            f"The requested image's platform ({platform}) does not match the detected host platform "
            f"({here}) and no specific platform was requested"
        )


def _free_name(store: Store) -> str:
    for _ in range(100):
        name = random_name()
        if store.containers.by_name(name) is None:
            return name
    return f"{random_name()}_{os.getpid()}"


def configure(image: Image, options: CreateOptions, container: str) -> ContainerConfig:
    """What start needs, of a container with this id.  Raises UsageError."""
    base = image.config.config
    entrypoint, command = _command(base, options)
    network, ports = _network(options)
    volumes = tuple(_volume(text, options.folder) for text in options.volumes)
    _refuse_twice(volumes)
    return ContainerConfig(
        layers=tuple(image.config.diff_ids),
        network=network,
        ports=ports,
        volumes=volumes,
        image_volumes=_image_volumes(base.get("Volumes") or {}),
        hosts=tuple(_host(text) for text in options.add_host),
        rm=options.remove,
        read_only=options.read_only,
        stop_timeout=options.stop_timeout,
        process=_process(base, options, container, entrypoint, command),
    )


def _process(
    base: dict[str, Any],
    options: CreateOptions,
    container: str,
    entrypoint: tuple[str, ...],
    command: tuple[str, ...],
) -> ProcessConfig:
    """The image's configuration, with what was asked for in its place."""
    labels = {**(base.get("Labels") or {}), **_labels(options.labels)}
    return ProcessConfig(
        entrypoint=entrypoint,
        command=command,
        env=_environment(base.get("Env") or [], options),
        workdir=_workdir(options.workdir or base.get("WorkingDir") or "/"),
        user=options.user if options.user is not None else base.get("User") or "",
        hostname=options.hostname or container[:12],
        image=options.image,
        labels=tuple(labels.items()),
        stop_signal=options.stop_signal or base.get("StopSignal") or "SIGTERM",
        tty=options.tty,
        open_stdin=options.interactive,
        rest=json.dumps(base, ensure_ascii=False),
    )


def _command(base: dict[str, Any], options: CreateOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The entry point, and what it is given.  Raises UsageError where both are empty."""
    entrypoint = list(base.get("Entrypoint") or [])
    command = list(options.command) or list(base.get("Cmd") or [])
    if options.entrypoint is not None:
        entrypoint = [options.entrypoint] if options.entrypoint else []
        # As Docker: the image's CMD was meant for the image's own entry point.
        command = list(options.command)
    if not entrypoint and not command:
        raise UsageError("No command specified", hint="give one after the image, or CMD in its Dockerfile")
    return tuple(entrypoint), tuple(command)


def _workdir(path: str) -> str:
    if not path.startswith("/"):
        raise UsageError(f"the working directory '{path}' is invalid, it needs to be an absolute path")
    return path


def _environment(base: list[str], options: CreateOptions) -> tuple[str, ...]:
    """The image's, then files, then -e; ``-e NAME`` takes the caller's value, if there is one."""
    values = dict(entry.partition("=")[::2] for entry in base)
    for entry in [*_env_file_lines(options.env_files), *options.env]:
        name, equals, value = entry.partition("=")
        if not name:
            raise UsageError(f"invalid environment variable: {entry}")
        if equals:
            values[name] = value
        elif name in options.callers:
            values[name] = options.callers[name]
    return tuple(f"{name}={value}" for name, value in values.items())


def _env_file_lines(paths: tuple[str, ...]) -> list[str]:
    """Docker's rules: space before a name, comments and a byte order mark are left out."""
    found: list[str] = []
    for path in paths:
        try:
            with open(path, encoding="utf-8-sig") as file:
                lines = [line.lstrip() for line in file.read().splitlines()]
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError) as error:
            raise UsageError(f"--env-file {path}: {error}") from None
        for line in lines:
            name = line.partition("=")[0]
            if not line or line.startswith("#"):
                continue
            if not name or name.split() != [name]:
                why = f"variable '{name}' contains whitespaces"
                if not name:
                    why = f"no variable name on line '{line}'"
                raise UsageError(f"invalid env file ({path}): {why}", hint="NAME=VALUE, a line each")
            found.append(line)
    return found


def _labels(words: tuple[str, ...]) -> dict[str, str]:
    return dict(word.partition("=")[::2] for word in words)


def _host(text: str) -> ExtraHost:
    name, colon, address = text.replace("=", ":", 1).partition(":")
    if not colon or not address:
        raise UsageError(f'bad format for add-host: "{text}"', hint="NAME:ADDRESS")
    address = address.removeprefix("[").removesuffix("]")
    if address != HOST_GATEWAY and not _is_address(address):
        raise UsageError(
            f'invalid IP address in add-host: "{address}"', hint=f"NAME:ADDRESS, or NAME:{HOST_GATEWAY}"
        )
    return ExtraHost(name, address)


def _is_address(text: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _volume(text: str, folder: str) -> VolumeMount:
    """``host:container[:ro]``, ``name:container``, or ``container`` alone for an anonymous one.

    `folder` is what ``./host`` is relative to.
    """
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"invalid volume specification: '{text}'", hint="-v /on/host:/in/container[:ro]")
    source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
    flags = parts[2].split(",") if len(parts) == 3 else []
    unknown = set(flags) - {"ro", "rw", "z", "Z", "cached", "delegated", "consistent", "rprivate"}
    if unknown:
        raise UsageError(f"invalid mode: {','.join(sorted(unknown))} (in -v {text})", hint="ro or rw")
    if not target.startswith("/"):
        raise UsageError(
            f"invalid volume specification: '{text}': mount path must be absolute",
            hint="-v /on/host:/in/container",
        )
    target = clean(target)
    if target == "/":
        raise UsageError(
            f"invalid volume specification: '{text}': invalid specification: destination can't be '/'",
            hint="mount it on a folder below",
        )
    if source.startswith("."):
        if not folder:
            raise UsageError(
                f"invalid volume specification: '{text}': {source} is relative to no folder",
                hint="-v /on/host:/in/container",
            )
        source = os.path.normpath(os.path.join(folder, source))
    return VolumeMount(source, target, "ro" in flags)


def _refuse_twice(volumes: Sequence[VolumeMount]) -> None:
    places = [volume.target for volume in volumes]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise UsageError(f"Duplicate mount point: {twice}")


def _image_volumes(written: Iterable[str]) -> tuple[str, ...]:
    for target in written:
        if clean(target) == "/":
            raise UsageError(
                f"the image has a volume on {target}, which is the root: destination can't be '/'",
                hint="name a folder in the VOLUME of its Dockerfile",
            )
    return tuple(sorted({clean(target) for target in written}))


def _network(options: CreateOptions) -> tuple[str, tuple[Port, ...]]:
    """The network, and the published ports.

    The host's network is the default.  Publishing asks for a private one, where it means something.
    """
    network = options.network
    if network == "bridge":
        network = "private"
    if network is not None and network not in NETWORKS:
        raise UsageError(f"network {network} not found", hint=f"one of {', '.join(NETWORKS)}")
    ports = tuple(port for text in options.publish for port in parse_publish(text))
    return network or ("private" if ports else "host"), ports


def parse_publish(text: str) -> list[Port]:
    """``[address:][host:]container[/protocol]``, also with ranges.  Raises UsageError."""
    rest, _, protocol = text.partition("/")
    protocol = protocol or "tcp"
    address, _, ports = rest.rpartition(":") if rest.count(":") > 1 else ("", "", rest)
    host, colon, inner = ports.partition(":")
    if rest.count(":") > 1:
        address, _, host = address.rpartition(":")
        inner, colon = ports, ":"
    if not colon:
        host, inner = "", ports
    if protocol not in ("tcp", "udp"):
        raise UsageError(f"invalid proto: {protocol} (in -p {text})", hint="tcp or udp")
    inside = _ports(inner, text)
    outside = _ports(host, text) if host else [0] * len(inside)
    if len(inside) != len(outside):
        raise UsageError(f"invalid ranges specified for container and host ports: {text}")
    return [Port(address.strip("[]"), o, i, protocol) for o, i in zip(outside, inside, strict=True)]


def _ports(text: str, specification: str) -> list[int]:
    low, dash, high = text.partition("-")
    first, last = whole(low, 65535), whole(high if dash else low, 65535)
    if not first or not last or last < first:
        raise UsageError(
            f"invalid port specification: {specification!r}", hint="-p 8080:80, -p 127.0.0.1:8080:80/tcp"
        )
    return list(range(first, last + 1))
