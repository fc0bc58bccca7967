"""``wherry system df``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.app.usage import ContainerUsage, Details, ImageUsage, Usage
    from wherry.store.prune import Item

COMMAND = Command(
    "system df",
    "[OPTIONS]",
    (
        Flag("format", "string", "Format output using a Go template"),
        Flag("verbose", "bool", "Show detailed information on space usage", short="v"),
    ),
    needs=LAYERS,
)
FIELDS = [
    ("TYPE", "Type"),
    ("TOTAL", "TotalCount"),
    ("ACTIVE", "Active"),
    ("SIZE", "Size"),
    ("RECLAIMABLE", "Reclaimable"),
]
IMAGES = (
    "REPOSITORY",
    "TAG",
    "IMAGE ID",
    "CREATED",
    "SIZE",
    "SHARED SIZE",
    "UNIQUE SIZE",
    "CONTAINERS",
)
CONTAINERS = ("CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES")


def run(options: Options) -> int:
    from wherry.app.usage import details, usage
    from wherry.cli.core.table import show
    from wherry.store import Store

    form, verbose = options.string("format"), options.flag("verbose")
    if form is not None and verbose:
        raise UsageError("the format and verbose options conflict", hint="leave one of them out")
    store = Store.open(options.runtime)
    print(
        _details(details(store)) if verbose else show([_row(each) for each in usage(store)], FIELDS, form)
    )
    return 0


def _row(usage: Usage) -> dict[str, Any]:
    from wherry.cli.core.units import human_size

    free = human_size(usage.reclaimable)
    if usage.size and usage.kind != "Build Cache":
        free += f" ({usage.reclaimable * 100 // usage.size}%)"
    return {
        "Type": usage.kind,
        "TotalCount": str(usage.total),
        "Active": str(usage.active),
        "Size": human_size(usage.size),
        "Reclaimable": free,
    }


def _details(found: Details) -> str:
    from wherry.cli.core.table import columns
    from wherry.cli.core.units import human_size

    return "\n\n".join(
        [
            "Images space usage:",
            columns([IMAGES, *map(_image, found.images)]),
            "Containers space usage:",
            columns([CONTAINERS, *map(_container, found.containers)]),
            "Local Volumes space usage:",
            columns(
                [
                    ("VOLUME NAME", "LINKS", "SIZE"),
                    *(
                        (volume.record.name, str(len(volume.containers)), human_size(size))
                        for volume, size in found.volumes
                    ),
                ]
            ),
            f"Build cache usage: {human_size(sum(item.size for item in found.cache))}",
            columns(
                [("CACHE ID", "CACHE TYPE", "SIZE", "LAST USED", "SHARED"), *map(_cached, found.cache)]
            ),
        ]
    )


def _image(usage: ImageUsage) -> tuple[str, ...]:
    import time

    from wherry.cli.core.units import human_size, since

    image = usage.row.image
    sizes = [human_size(size) for size in (usage.size, usage.shared, usage.unique)]
    when = since(image.config.created, time.time())
    return (
        usage.row.repository,
        usage.row.tag,
        image.id[7:19],
        when,
        *sizes,
        str(usage.containers),
    )


def _container(usage: ContainerUsage) -> tuple[str, ...]:
    import time

    from wherry.cli.container.ps import row
    from wherry.cli.core.units import ago, human_size

    shown, created = row(usage.record), ago(usage.record.created, time.time())
    return (
        shown["ID"],
        shown["Image"],
        shown["Command"],
        str(usage.volumes),
        human_size(usage.size),
        created,
        shown["Status"],
        shown["Names"],
    )


def _cached(item: Item) -> tuple[str, ...]:
    import time

    from wherry.cli.core.units import ago, human_size

    shared = item.kind == "layer" and not item.size
    used = ago(item.used, time.time()) if item.used else ""
    return item.id.removeprefix("sha256:")[:12], item.kind, human_size(item.size), used, str(shared).lower()
