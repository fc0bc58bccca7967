"""``wherry ps``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.store import ContainerRecord, Store

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
        Flag("size", "bool", "Display total file sizes", short="s"),
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
WIDTH = 20


def run(options: Options) -> int:
    from wherry.app.containers import FILTERS, containers
    from wherry.cli.core.filters import parse_filter
    from wherry.cli.core.table import show
    from wherry.store import Store

    store = Store.open(options.runtime)
    records = containers(
        store,
        everything=options.flag("all"),
        filters=[parse_filter(text, FILTERS) for text in options.strings("filter")],
        last=1 if options.flag("latest") else options.integer("last"),
    )
    rows = [row(record, full=options.flag("no-trunc")) for record in records]
    if options.flag("quiet"):
        for shown in rows:
            print(shown["ID"])
        return 0
    fields, form = FIELDS, options.string("format")
    if options.flag("size") or (form is not None and ".Size" in form):
        fields = [*FIELDS, ("SIZE", "Size")]
        for shown, record in zip(rows, records, strict=True):
            shown["Size"] = _size(store, record)
    text = show(rows, fields, form)
    if text:
        print(text)
    return 0


def row(record: ContainerRecord, *, full: bool = False) -> dict[str, Any]:
    """What is shown of a container, by the names of templates."""
    import time

    from wherry.cli.core.printable import go_quoted
    from wherry.cli.core.table import label, shortened
    from wherry.cli.core.units import ago, docker_time
    from wherry.containers.view import command_of, ports_of

    command = command_of(record)
    if not full:
        command = shortened(command, WIDTH)
    config = record.config
    return {
        "ID": record.id if full else record.id[:12],
        "Image": record.image_name,
        "Command": go_quoted(command),
        "CreatedAt": docker_time(record.created),
        "RunningFor": ago(record.created, time.time()),
        "State": record.status,
        "Status": _status(record),
        "Ports": ports_of(record),
        "Names": record.name,
        "Labels": ",".join(f"{k}={v}" for k, v in config.process.labels),
        "Label": label(dict(config.process.labels)),
        "Networks": config.network,
        "Size": "",
        "Mounts": ",".join(volume.source for volume in config.volumes),
    }


def _size(store: Store, record: ContainerRecord) -> str:
    from wherry.cli.core.units import human_size
    from wherry.containers.sizes import container_sizes

    sizes = container_sizes(store, record)
    return f"{human_size(sizes.written)} (virtual {human_size(sizes.total)})"


def _status(record: ContainerRecord) -> str:
    import time

    from wherry.cli.core.units import ago, human_duration

    now = time.time()
    if record.status == "running":
        return f"Up {human_duration(now - record.started)}"
    if record.status == "created":
        return "Created"
    return f"Exited ({record.exit_code}) {ago(record.finished, now)}"
