"""``wherry copy``."""

from __future__ import annotations

import os

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.registry.client import TLS, wanted_platform
from wherry.oci.platform import of_machine
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.copying.places import Opened, Place
    from wherry.oci.platform import Platform
    from wherry.registry.progress import Progress

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
    description="SOURCE and DESTINATION are docker://NAME, oci:DIR[:TAG], oci-archive:FILE[:TAG],\n"
    "docker-archive:FILE[:NAME], or wherry:NAME for the store.  Between registries and layouts\n"
    "no digest changes, and an index is copied with all its images.",
)


def run(options: Options) -> int:
    from wherry.cli.registry.client import registries
    from wherry.cli.registry.transfers import make_transfers
    from wherry.copying.places import Opened, parse_place
    from wherry.store import Store

    start, end = map(parse_place, options.args)
    platform = wanted_platform(options)
    if "wherry" in (start.kind, end.kind):
        options.runtime.need_layers()
    store = Store.open(options.runtime)
    client = registries(options)
    progress = make_transfers(quiet=options.flag("quiet"))
    try:
        with store.temp() as temporary:
            opened = Opened(client, store, temporary)
            digest = _copy(start, end, opened, platform, progress, attached=options.flag("all"))
    finally:
        progress.close()
        client.close()
    print(digest)
    file = options.string("digestfile")
    if file is not None:
        with open(file, "w", encoding="ascii") as out:
            out.write(digest)
    return 0


def _copy(
    start: Place,
    end: Place,
    opened: Opened,
    platform: Platform | None,
    progress: Progress,
    *,
    attached: bool,
) -> str:
    from wherry.copying.image import copy_image
    from wherry.copying.places import HOLDS_ONE, source, target

    if end.kind == "wherry":
        from wherry.copying.in_store import copy_to_store

        with source(start, opened, compress=False) as (here, reference):
            return copy_to_store(opened.store, here, reference, end.where, platform, progress)
    if platform is None and end.kind in HOLDS_ONE:
        platform = of_machine(os.uname().machine)
    with (
        source(start, opened, compress=end.kind not in HOLDS_ONE) as (here, reference),
        target(end, opened) as (there, tag),
    ):
        return copy_image(
            here, reference, there, tag, progress, platform=platform, attached=attached
        ).digest
