"""``wherry system df``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.app.usage import Usage

COMMAND = Command(
    "system df", "[OPTIONS]", (Flag("format", "string", "Format output using a Go template"),)
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
    from wherry.sandbox.userns import enter_if_needed
    from wherry.store import Store

    enter_if_needed()  # or folders of subordinate ids could not be looked into
    print(show([_row(each) for each in usage(Store.open())], FIELDS, options.string("format")))
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
