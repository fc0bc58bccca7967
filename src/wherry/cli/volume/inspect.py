"""``wherry volume inspect``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.app.volumes import Volume

COMMAND = Command(
    "volume inspect",
    "[OPTIONS] VOLUME [VOLUME...]",
    (Flag("format", "string", "Format output using a Go template", short="f"),),
    min_args=1,
    max_args=-1,
)


def run(options: Options) -> int:
    from wherry.app.volumes import volume
    from wherry.cli.core.objects import show_objects
    from wherry.store import Store

    store = Store.open(options.runtime)
    return show_objects(options.args, lambda name: _shown(volume(store, name)), options.string("format"))


def _shown(volume: Volume) -> dict[str, Any]:
    """As Docker shows one; `CreatedBy` is wherry's own: a container's ID, or a command."""
    from wherry.oci.times import rfc3339_seconds

    record = volume.record
    return {
        "CreatedAt": rfc3339_seconds(record.created),
        "CreatedBy": record.maker,
        "Driver": "local",
        "Labels": dict(record.labels) or None,
        "Mountpoint": volume.path,
        "Name": record.name,
        "Options": None,
        "Scope": "local",
    }
