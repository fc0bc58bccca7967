"""``wherry bootstrap``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "bootstrap",
    "[OPTIONS] IMAGE",
    (
        Flag("suite", "string", "Debian suite", default="bookworm"),
        Flag("include", "list", "Packages beside the essential ones, comma-separated"),
        Flag(
            "variant",
            "string",
            "Which packages are there without being asked for",
            choices=("minbase", "apt", "essential", "important", "standard", "busybox"),
            default="minbase",
        ),
        Flag("mirror", "string", "Where the packages come from", metavar="URL"),
        Flag(
            "aptopt",
            "list",
            "A setting of apt while the image is made, as 'Acquire::Check-Valid-Until \"false\"' for a "
            "mirror that stands still",
            metavar="SETTING",
        ),
        Flag("components", "string", "Debian components, comma-separated", default="main"),
    ),
    min_args=1,
    max_args=1,
    description="The variant busybox is a shell with its applets and nothing else: a base of a few MB.",
    needs=LAYERS,
)


def run(options: Options) -> int:
    import sys

    from wherry.images.bootstrap import Recipe, bootstrap
    from wherry.oci.reference import parse
    from wherry.store import Store

    reference = parse(options.args[0])
    recipe = Recipe(
        options.string("suite") or "bookworm",
        tuple(name for text in options.strings("include") for name in text.split(",") if name),
        options.string("variant") or "minbase",
        options.string("mirror"),
        options.string("components") or "main",
        tuple(options.strings("aptopt")),
    )
    store = Store.open(options.runtime)
    print(f"making {reference.familiar()} from Debian {recipe.suite} packages", file=sys.stderr)
    with store.using():
        record = bootstrap(store, recipe, lambda line: print(f"  {line}", file=sys.stderr, flush=True))
        store.name(reference.canonical(), record)
    print(record.id)
    return 0
