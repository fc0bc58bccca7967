"""``wherry system df``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.app.usage import Usage

COMMAND = Command(
    "system df",
    "[OPTIONS]",
    (Flag("format", "string", "Format output using a Go template"),),
    needs=LAYERS,
)
FIELDS = [
    ("TYPE", "Type"),
    ("TOTAL", "TotalCount"),
    ("ACTIVE", "Active"),
    ("SIZE", "Size"),
    ("RECLAIMABLE", "Reclaimable"),
]


def run(options: Options) -> int:
    from wherry.app.usage import usage
    from wherry.cli.core.table import show
    from wherry.store import Store

    print(
        show([_row(each) for each in usage(Store.open(options.runtime))], FIELDS, options.string("format"))
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
