"""``wherry pull``."""

from __future__ import annotations

import sys

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.cli.registry.client import TLS, wanted_platform
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.oci.platform import Platform
    from wherry.oci.reference import Reference
    from wherry.registry.client import Registries
    from wherry.registry.progress import Progress
    from wherry.store import Store

COMMAND = Command(
    "pull",
    "[OPTIONS] NAME[:TAG|@DIGEST]",
    (
        Flag("all-tags", "bool", "Download all tagged images in the repository", short="a"),
        Flag("quiet", "bool", "Suppress verbose output", short="q"),
        Flag("platform", "string", "Pull the image for a platform", metavar="OS/ARCH[/VARIANT]"),
        TLS,
    ),
    min_args=1,
    max_args=1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app.registry import tags
    from wherry.cli.registry.client import registries
    from wherry.cli.registry.transfers import make_transfers
    from wherry.oci.reference import parse
    from wherry.store import Store

    text = options.args[0]
    name = parse(text)
    platform = wanted_platform(options)
    every = options.flag("all-tags")
    tagged = ":" in text.rpartition("/")[2] or name.digest
    if every and tagged:
        raise UsageError("tag can't be used with --all-tags/-a")
    store = Store.open(options.runtime)
    client = registries(options)
    quiet = options.flag("quiet")
    progress = make_transfers(quiet=quiet)
    try:
        if not every and not tagged:
            progress.note("Using default tag: latest")
        names = [name._replace(tag=tag) for tag in tags(client, name)] if every else [name]
        for each in names:
            pull_one(store, client, each, platform, progress)
            if quiet:
                print(each.canonical())
    finally:
        progress.close()
        client.close()
    return 0


def pull_one(
    store: Store, client: Registries, name: Reference, platform: Platform | None, progress: Progress
) -> None:
    """Pull one name, and tell what docker tells."""
    from wherry.app.registry import pull
    from wherry.images.view import Image

    progress.note(f"{name.digest or name.tag}: Pulling from {name.path}")
    pulled = pull(store, client, name, platform, progress)
    actual = Image(store, pulled.image).config.platform
    if platform is not None and actual[:2] != platform[:2]:
        print(
            f"warning: {name.familiar()} does not match the specified platform: "
            f"wanted {platform}, actual: {actual}",
            file=sys.stderr,
        )
    progress.note(f"Digest: {pulled.digest}")
    state = "Downloaded newer image for" if pulled.is_new else "Image is up to date for"
    progress.note(f"Status: {state} {name.familiar()}")
    progress.note(name.canonical())
