"""``wherry images``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.images.listing import Listed

COMMAND = Command(
    "images",
    "[OPTIONS] [REPOSITORY[:TAG]]",
    (
        Flag("all", "bool", "Show all images (wherry keeps no intermediate ones)", short="a"),
        Flag("digests", "bool", "Show digests"),
        Flag("filter", "list", "Filter output based on conditions provided", short="f"),
        Flag("format", "string", "Format output using a Go template"),
        Flag("no-trunc", "bool", "Don't truncate output"),
        Flag("quiet", "bool", "Only show image IDs", short="q"),
    ),
    max_args=1,
)
FILTERS_HINT = "dangling=true, reference=NAME or label=KEY[=VALUE]"


def run(options: Options) -> int:
    from wherry.app.images import FILTERS, images
    from wherry.cli.core.filters import parse_filter
    from wherry.cli.core.table import show
    from wherry.store import Store

    listed = images(
        Store.open(options.runtime),
        options.args[0] if options.args else None,
        filters=[parse_filter(text, FILTERS, FILTERS_HINT) for text in options.strings("filter")],
    )
    rows = [_row(row, full=options.flag("no-trunc")) for row in listed]
    if options.flag("quiet"):
        for image in dict.fromkeys(row["ID"] for row in rows):
            print(image)
        return 0
    fields = [("REPOSITORY", "Repository"), ("TAG", "Tag"), ("IMAGE ID", "ID")]
    if options.flag("digests"):
        fields.insert(2, ("DIGEST", "Digest"))
    fields += [("CREATED", "CreatedSince"), ("SIZE", "Size")]
    text = show(rows, fields, options.string("format"))
    if text:
        print(text)
    return 0


def _row(listed: Listed, *, full: bool) -> dict[str, Any]:
    import time

    from wherry.cli.core.units import docker_time, human_size, parse_time, since

    image = listed.image
    damaged = image.damage() is not None
    created = parse_time(image.config.created) if not damaged else 0.0
    size = human_size(image.size()) if not damaged else "damaged"
    return {
        "Repository": listed.repository,
        "Tag": listed.tag,
        "ID": image.id if full else image.id[7:19],
        "Digest": listed.digest,
        "CreatedSince": since(image.config.created, time.time()) if not damaged else "N/A",
        "CreatedAt": docker_time(created),
        "Size": size,
        "VirtualSize": size,
        "Containers": "N/A",
        "SharedSize": "N/A",
        "UniqueSize": "N/A",
    }
