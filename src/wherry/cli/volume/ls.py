"""``wherry volume ls``."""

from __future__ import annotations

from wherry.app.filters import has_label, is_true
from wherry.cli.core.flags import Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.app.filters import Filter
    from wherry.app.volumes import Volume

COMMAND = Command(
    "volume ls",
    "[OPTIONS]",
    (
        Flag("filter", "list", 'Provide filter values (e.g. "dangling=true")', short="f"),
        Flag("format", "string", "Format output using a Go template"),
        Flag("quiet", "bool", "Only display volume names", short="q"),
    ),
)
FIELDS = [("DRIVER", "Driver"), ("VOLUME NAME", "Name")]
FILTERS = ("dangling", "driver", "label", "name")


def run(options: Options) -> int:
    from wherry.app.volumes import volumes
    from wherry.cli.core.filters import parse_filter
    from wherry.cli.core.table import show
    from wherry.store import Store

    filters = [parse_filter(text, FILTERS, truths=("dangling",)) for text in options.strings("filter")]
    found = [
        volume
        for volume in volumes(Store.open(options.runtime))
        if all(_passes(volume, each) for each in filters)
    ]
    if options.flag("quiet") and options.string("format") is None:
        for volume in found:
            print(volume.record.name)
        return 0
    text = show([_row(volume) for volume in found], FIELDS, options.string("format"))
    if text:
        print(text)
    return 0


def _row(volume: Volume) -> dict[str, Any]:
    from wherry.cli.core.table import label

    return {
        "Driver": "local",
        "Name": volume.record.name,
        "Scope": "local",
        "Mountpoint": volume.path,
        "Labels": ",".join(f"{name}={value}" for name, value in volume.record.labels),
        "Label": label(dict(volume.record.labels)),
        "Links": "N/A",
        "Size": "N/A",
    }


def _passes(volume: Volume, condition: Filter) -> bool:
    name, value = condition
    if name == "dangling":
        return (not volume.containers) == is_true(value)
    if name == "driver":
        return value == "local"
    if name == "name":
        return value in volume.record.name
    return has_label(dict(volume.record.labels), value)
