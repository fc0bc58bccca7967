"""``wherry volume inspect``."""

from __future__ import annotations

import json

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
    from wherry.cli.core.each import each
    from wherry.cli.core.template import Template
    from wherry.store import Store

    store = Store.open(options.runtime)
    form = options.string("format")
    template = Template(form) if form not in (None, "json") else None
    found: list[dict[str, Any]] = []
    code = each(options.args, lambda name: found.append(_shown(volume(store, name))))
    if template is not None:
        for value in found:
            print(template.render(value))
    else:
        print(json.dumps(found, indent=None if form == "json" else 4, ensure_ascii=False))
    return code


def _shown(volume: Volume) -> dict[str, Any]:
    """As Docker shows one; `CreatedBy` is wherry's own: a container's ID, or a command."""
    import datetime

    record = volume.record
    created = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
    return {
        "CreatedAt": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "CreatedBy": record.maker,
        "Driver": "local",
        "Labels": dict(record.labels) or None,
        "Mountpoint": volume.path,
        "Name": record.name,
        "Options": None,
        "Scope": "local",
    }
