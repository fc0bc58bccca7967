"""``wherry compare``."""

from __future__ import annotations

import json
import sys

from wherry.cli.core.flags import FORMAT, Command, Flag, Options
from wherry.cli.registry.client import TLS, wanted_platform
from wherry.errors import CommandLineError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.compare.compare import Comparison

COMMAND = Command(
    "compare",
    "[OPTIONS] IMAGE [IMAGE...]",
    (
        Flag("all", "bool", "Every difference, not the largest alone", short="a"),
        Flag("bases", "bool", "Compare all local images that others are built on, or on none"),
        Flag("html", "string", "Write a page that needs no other file", metavar="FILE"),
        FORMAT._replace(help="Output; json has the lists of files (docs/compare.md)"),
        Flag("platform", "string", "Of images for several, those for this", metavar="OS/ARCH[/VARIANT]"),
        Flag("png", "string", "Write the sizes as a bar chart", metavar="FILE"),
        Flag("svg", "string", "Write the sizes as a bar chart", metavar="FILE"),
        TLS,
    ),
    max_args=-1,
    description="IMAGE is one of the store, an archive or an OCI layout by its path, or docker://NAME,\n"
    "oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], wherry:NAME.  What is\n"
    "said of differences is how each image differs from the first.",
)


def run(options: Options) -> int:
    from wherry.app.compare import Asked, compare
    from wherry.cli.registry.client import registries
    from wherry.cli.registry.transfers import make_transfers
    from wherry.store import Store

    bases = options.flag("bases")
    if not options.args and not bases:
        raise CommandLineError(
            '"wherry compare" requires at least 1 argument, got 0.',
            hint="Usage: wherry compare [OPTIONS] IMAGE [IMAGE...]; --bases compares all local bases",
        )
    _check_files(options)
    store = Store.open(options.runtime)
    progress = make_transfers(quiet=not sys.stderr.isatty(), stream=sys.stderr)
    try:
        asked = Asked(lambda: registries(options), progress, wanted_platform(options))
        found = compare(store, options.args, asked, bases=bases)
    finally:
        progress.close()
    _write(found, options)
    if options.string("format") == "json":
        from wherry.compare.document import document

        print(json.dumps(document(found)))
    else:
        from wherry.cli.compare.text import page

        print(page(found, full=options.flag("all")))
    return 0


def _check_files(options: Options) -> None:
    """Raises UsageError where two pictures would be one file."""
    names = [name for name in map(options.string, WRITERS) if name is not None]
    if len(set(names)) < len(names):
        raise UsageError("--html, --png and --svg write a file each", hint="give each a name of its own")


def _write(found: Comparison, options: Options) -> None:
    from wherry.cli.core.files import written

    for kind, drawn in WRITERS.items():
        path = options.string(kind)
        if path is not None:
            data = drawn(found)
            with written(path, "write") as file:
                file.write(data)
            print(f"wrote {path}", file=sys.stderr)


def _svg(found: Comparison) -> bytes:
    from wherry.cli.compare.figure import figure
    from wherry.picture.svg import svg

    return svg(figure(found)).encode()


def _png(found: Comparison) -> bytes:
    from wherry.cli.compare.figure import figure
    from wherry.picture.png import png

    return png(figure(found))


def _html(found: Comparison) -> bytes:
    from wherry.cli.compare.html import page

    return page(found).encode()


WRITERS: dict[str, Callable[[Comparison], bytes]] = {"html": _html, "png": _png, "svg": _svg}
