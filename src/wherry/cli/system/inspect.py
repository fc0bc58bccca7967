"""``wherry inspect``, and ``image``, ``container`` and ``volume inspect``, which know their kind alone."""

from __future__ import annotations

from wherry.app.inspect import KINDS
from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.registry.client import TLS, wanted_platform

FORMAT = Flag("format", "string", "Format output using a Go template", short="f")
PLATFORM = Flag(
    "platform", "string", "Of several images the one for a platform", metavar="OS/ARCH[/VARIANT]"
)
ELSEWHERE = (
    "docker://NAME is an image at its registry, which is not pulled; oci:DIR[:TAG],\n"
    "oci-archive:FILE[:TAG] and docker-archive:FILE[:NAME] are images in folders and archives."
)

COMMAND = Command(
    "inspect",
    "[OPTIONS] NAME|ID [NAME|ID...]",
    (
        FORMAT,
        Flag("size", "bool", "Display total file sizes if the type is container", short="s"),
        Flag("type", "string", "Only objects of this type", choices=KINDS),
        PLATFORM,
        TLS,
    ),
    min_args=1,
    max_args=-1,
    description=ELSEWHERE,
)


def run(options: Options) -> int:
    return show(options, options.string("type") or "")


def show(options: Options, kind: str) -> int:
    """Print each of the arguments as JSON, or by a template.  `kind` is one of KINDS, or "" for any."""
    from wherry.app.inspect import inspect
    from wherry.cli.core.objects import show_objects
    from wherry.cli.registry.client import registries
    from wherry.store import Store

    store = Store.open(options.runtime)
    of_images = kind in ("", "image")
    platform = wanted_platform(options) if of_images else None
    template = options.string("format") or ""
    attestations = ".SBOM" in template or ".Provenance" in template
    sizes = kind in ("", "container") and options.flag("size")

    def found(name: str) -> dict[str, object]:
        client = (lambda: registries(options)) if of_images else None
        return inspect(
            store,
            name,
            kind,
            platform=platform,
            registries=client,
            sizes=sizes,
            attestations=attestations,
        )

    return show_objects(options.args, found, options.string("format"))
