"""``wherry history``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.images.listing import HistoryRow

COMMAND = Command(
    "history",
    "[OPTIONS] IMAGE",
    (
        Flag("format", "string", "Format output using a Go template"),
        Flag("human", "bool", "Print sizes and dates in human readable format", short="H", default=True),
        Flag("no-trunc", "bool", "Don't truncate output"),
        Flag("quiet", "bool", "Only show image IDs", short="q"),
    ),
    min_args=1,
    max_args=1,
)
WIDTH = 45
FIELDS = [
    ("IMAGE", "ID"),
    ("CREATED", "CreatedSince"),
    ("CREATED BY", "CreatedBy"),
    ("SIZE", "Size"),
    ("COMMENT", "Comment"),
]


def run(options: Options) -> int:
    from wherry.app.images import history
    from wherry.cli.core.table import show
    from wherry.store import Store

    found = history(Store.open(options.runtime), options.args[0])
    full, human = options.flag("no-trunc"), options.flag("human")
    rows = [_row(row, full=full, human=human) for row in found]
    if options.flag("quiet"):
        print("\n".join(row["ID"] for row in rows))
        return 0
    fields = FIELDS
    if not human:
        fields = [
            ("CREATED AT", "CreatedAt") if field == "CreatedSince" else (h, field) for h, field in FIELDS
        ]
    print(show(rows, fields, options.string("format")))
    return 0


def _row(row: HistoryRow, *, full: bool, human: bool) -> dict[str, Any]:
    import time

    from wherry.cli.core.table import shortened
    from wherry.cli.core.units import docker_time, human_size, parse_time, since

    created = parse_time(row.entry.created)
    by = row.entry.created_by.replace("\t", " ")
    if not full:
        by = shortened(by, WIDTH)
    image = row.id or "<missing>"
    return {
        "ID": image if full else image.removeprefix("sha256:")[:12],
        "CreatedSince": since(row.entry.created, time.time()),
        "CreatedAt": docker_time(created),
        "CreatedBy": by,
        "Size": human_size(row.size) if human else str(row.size),
        "Comment": row.entry.comment,
    }
