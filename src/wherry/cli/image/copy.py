"""``wherry copy``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.registry.client import TLS

COMMAND = Command(
    "copy",
    "[OPTIONS] SOURCE DESTINATION",
    (
        Flag("all", "bool", "Copy signatures, attestations and other referrers, too", short="a"),
        Flag("platform", "string", "Copy the image for one platform alone", metavar="OS/ARCH[/VARIANT]"),
        Flag("quiet", "bool", "Suppress verbose output", short="q"),
        Flag("digestfile", "string", "Write the digest of what was copied to a file", metavar="FILE"),
        TLS,
    ),
    min_args=2,
    max_args=2,
    description="SOURCE and DESTINATION are docker://NAME, oci:DIR[:TAG] or oci-archive:FILE[:TAG].\n"
    "Nothing is unpacked, and no digest changes; an index is copied with all its images.",
)


def run(options: Options) -> int:
    from wherry.cli.registry.client import registries
    from wherry.cli.registry.transfers import make_transfers
    from wherry.oci.platform import parse as parse_platform
    from wherry.registry.copying import copy_image
    from wherry.registry.places import parse_place, source, target
    from wherry.store import Store

    start, end = map(parse_place, options.args)
    platform = options.string("platform")
    wanted = parse_platform(platform) if platform else None
    client = registries(options)
    progress = make_transfers(quiet=options.flag("quiet"))
    try:
        with (
            Store.open().temp() as temporary,
            source(start, client, temporary) as (here, reference),
            target(end, client, temporary) as (there, tag),
        ):
            copied = copy_image(
                here, reference, there, tag, progress, platform=wanted, attached=options.flag("all")
            )
    finally:
        progress.close()
        client.close()
    print(copied.digest)
    file = options.string("digestfile")
    if file is not None:
        with open(file, "w", encoding="ascii") as out:
            out.write(copied.digest)
    return 0
