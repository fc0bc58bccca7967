"""``wherry ps``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.store import ContainerRecord

COMMAND = Command(
    "ps",
    "[OPTIONS]",
    (
        Flag("all", "bool", "Show all containers (default shows just running)", short="a"),
        Flag("filter", "list", "Filter output based on conditions provided", short="f"),
        Flag("format", "string", "Format output using a Go template"),
        Flag("last", "int", "Show n last created containers (includes all states)", short="n"),
        Flag("latest", "bool", "Show the latest created container (includes all states)", short="l"),
        Flag("no-trunc", "bool", "Don't truncate output"),
        Flag("quiet", "bool", "Only display container IDs", short="q"),
    ),
)
FIELDS = [
    ("CONTAINER ID", "ID"),
    ("IMAGE", "Image"),
    ("COMMAND", "Command"),
    ("CREATED", "RunningFor"),
    ("STATUS", "Status"),
    ("PORTS", "Ports"),
    ("NAMES", "Names"),
]
FILTERS = ("name", "id", "status", "label", "ancestor", "exited")
WIDTH = 20


def run(options: Options) -> int:
    from wherry.cli.core.table import show
    from wherry.containers.state import all_containers
    from wherry.store import Store

    records = all_containers(Store.open(options.runtime))
    filters = [_split(text) for text in options.strings("filter")]
    last = 1 if options.flag("latest") else options.integer("last")
    everything = (
        options.flag("all") or last is not None or any(n in ("status", "exited") for n, _ in filters)
    )
    records = [r for r in records if everything or r.status == "running"]
    records = [r for r in records if all(_passes(r, name, value) for name, value in filters)]
    if last is not None:
        records = records[:last]
    rows = [_row(record, full=options.flag("no-trunc")) for record in records]
    if options.flag("quiet"):
        for row in rows:
            print(row["ID"])
        return 0
    text = show(rows, FIELDS, options.string("format"))
    if text:
        print(text)
    return 0


def _row(record: ContainerRecord, *, full: bool) -> dict[str, Any]:
    import time

    from wherry.cli.core.units import ago, docker_time
    from wherry.containers.view import command_of, ports_of

    command = command_of(record)
    if not full and len(command) > WIDTH:
        command = command[: WIDTH - 1] + "…"
    config = record.config
    return {
        "ID": record.id if full else record.id[:12],
        "Image": record.image_name,
        "Command": f'"{command}"',
        "CreatedAt": docker_time(record.created),
        "RunningFor": ago(record.created, time.time()),
        "State": record.status,
        "Status": _status(record),
        "Ports": ports_of(record),
        "Names": record.name,
        "Labels": ",".join(f"{k}={v}" for k, v in config.process.labels),
        "Networks": config.network,
        "Mounts": ",".join(volume.source for volume in config.volumes),
    }


def _status(record: ContainerRecord) -> str:
    import time

    from wherry.cli.core.units import ago, human_duration

    now = time.time()
    if record.status == "running":
        return f"Up {human_duration(now - record.started)}"
    if record.status == "created":
        return "Created"
    return f"Exited ({record.exit_code}) {ago(record.finished, now)}"


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in FILTERS:
        raise UsageError(f"invalid filter '{text}'", hint=f"one of {', '.join(FILTERS)}, as name=value")
    return name, value


def _passes(record: ContainerRecord, name: str, value: str) -> bool:
    if name == "name":
        return value.removeprefix("/") in record.name
    if name == "id":
        return record.id.startswith(value)
    if name == "status":
        return record.status == value
    if name == "exited":
        return record.status == "exited" and str(record.exit_code) == value
    if name == "ancestor":
        return value in (record.image_name, record.image_id, record.image_id[7:19]) or (
            record.image_name.removesuffix(":latest") == value.removesuffix(":latest")
        )
    labels = dict(record.config.process.labels)
    key, equals, wanted = value.partition("=")
    return key in labels and (not equals or labels[key] == wanted)
