"""``wherry volume ls``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

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
    from wherry.cli.core.table import show
    from wherry.store import Store

    filters = [_split(text) for text in options.strings("filter")]
    found = [
        v
        for v in volumes(Store.open(options.runtime))
        if all(_passes(v, name, value) for name, value in filters)
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
    return {
        "Driver": "local",
        "Name": volume.record.name,
        "Scope": "local",
        "Mountpoint": volume.path,
        "Labels": ",".join(f"{name}={value}" for name, value in volume.record.labels),
        "Links": "N/A",
        "Size": "N/A",
    }


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in FILTERS:
        raise UsageError(f"invalid filter '{text}'", hint=f"one of {', '.join(FILTERS)}, as name=value")
    if name == "dangling" and value.lower() not in ("true", "false", "1", "0"):
        raise UsageError(f"invalid filter '{text}'", hint="dangling=true or dangling=false")
    return name, value


def _passes(volume: Volume, name: str, value: str) -> bool:
    if name == "dangling":
        return (not volume.containers) == (value.lower() in ("true", "1"))
    if name == "driver":
        return value == "local"
    if name == "name":
        return value in volume.record.name
    return labelled(volume, value)


def labelled(volume: Volume, text: str) -> bool:
    """``key``, or ``key=value``."""
    key, equals, value = text.partition("=")
    labels = dict(volume.record.labels)
    return key in labels and (not equals or labels[key] == value)
