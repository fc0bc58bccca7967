"""``wherry push``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.cli.registry.client import TLS
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.images.packing import Packing

GZIP_LEVELS, ZSTD_LEVELS = range(10), range(1, 23)

COMMAND = Command(
    "push",
    "[OPTIONS] NAME[:TAG]",
    (
        Flag("all-tags", "bool", "Push all tags of an image to the repository", short="a"),
        Flag("quiet", "bool", "Suppress verbose output", short="q"),
        Flag("digestfile", "string", "Write the digest of the pushed image to a file", metavar="FILE"),
        Flag(
            "compression",
            "string",
            "How layers that were made here are compressed",
            metavar="gzip|zstd[:LEVEL]",
            default="gzip",
        ),
        Flag("force-compression", "bool", "Compress also layers that came compressed otherwise"),
        TLS,
    ),
    min_args=1,
    max_args=1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app.registry import push, tags_here
    from wherry.cli.registry.client import registries
    from wherry.cli.registry.transfers import make_transfers
    from wherry.oci.reference import parse
    from wherry.store import Store

    text = options.args[0]
    name = parse(text)
    every = options.flag("all-tags")
    tagged = ":" in text.rpartition("/")[2]
    if every and tagged:
        raise UsageError("tag can't be used with --all-tags/-a")
    if name.digest:
        raise UsageError("cannot push a digest reference", hint="name a tag: wherry push NAME:TAG")
    packing = _packing(options)
    store = Store.open(options.runtime)
    client = registries(options)
    quiet = options.flag("quiet")
    progress = make_transfers(quiet=quiet)
    try:
        progress.note(f"The push refers to repository [{name.domain}/{name.path}]")
        if not every and not tagged:
            progress.note("Using default tag: latest")
        for each in tags_here(store, name) if every else [name]:
            pushed = push(store, client, each, progress, packing)
            progress.note(f"{each.tag}: digest: {pushed.digest} size: {pushed.size}")
            if quiet:
                print(each.canonical())
    finally:
        progress.close()
        client.close()
    file = options.string("digestfile")
    if file is not None:
        with open(file, "w", encoding="ascii") as out:
            out.write(pushed.digest)
    return 0


def _packing(options: Options) -> Packing:
    from wherry.images.packing import Packing

    kind, colon, level = (options.string("compression") or "").partition(":")
    levels = {"gzip": GZIP_LEVELS, "zstd": ZSTD_LEVELS}.get(kind)
    number = int(level) if level.isascii() and level.isdigit() and len(level) < 4 else None
    if levels is None or (colon and number not in levels):
        raise UsageError(
            f'invalid argument "{kind}{colon}{level}" for --compression: gzip[:0-9] or zstd[:1-22]'
        )
    return Packing(kind, number, force=options.flag("force-compression"))
