"""``wherry inspect``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.registry.client import TLS, wanted_platform
from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.oci.platform import Platform
    from wherry.store import Store

PLACES = ("docker", "oci", "oci-archive", "docker-archive")
"""Beginnings of what is inspected where it is."""

COMMAND = Command(
    "inspect",
    "[OPTIONS] NAME|ID [NAME|ID...]",
    (
        Flag("format", "string", "Format output using a Go template", short="f"),
        Flag("size", "bool", "Display total file sizes if the type is container", short="s"),
        Flag("type", "string", "Only objects of this type", choices=("image", "container")),
        Flag("platform", "string", "Of several images the one for a platform", metavar="OS/ARCH[/VARIANT]"),
        TLS,
    ),
    min_args=1,
    max_args=-1,
    description="docker://NAME is an image at its registry, which is not pulled; oci:DIR[:TAG],\n"
    "oci-archive:FILE[:TAG] and docker-archive:FILE[:NAME] are images in folders and archives.",
)


def run(options: Options) -> int:
    from wherry.cli.core.objects import show_objects
    from wherry.store import Store

    store, platform = Store.open(options.runtime), wanted_platform(options)
    return show_objects(
        options.args, lambda name: _find(store, name, platform, options), options.string("format")
    )


def _find(store: Store, name: str, platform: Platform | None, options: Options) -> dict[str, Any]:
    """A container first, then an image, as Docker looks them up; but what may be the beginning of several
    containers' ids, as ``bb`` may, can be an image's whole name."""
    kind = options.string("type")
    ambiguous: NotFoundError | None = None
    if kind != "image":
        from wherry.containers.view import container_json, find

        try:
            record = find(store, name)
        except NotFoundError as error:
            ambiguous, record = error, None
        if record is not None:
            return container_json(store, record)
    if kind != "container":
        from wherry.images import view
        from wherry.images.inspect import image_json

        image = view.find(store, name, platform)
        if image is not None:
            return image_json(image)
        if name.partition(":")[0] in PLACES:
            return _at(store, name, platform, options)
    if ambiguous is not None:
        raise ambiguous
    shown = kind or "object"
    hint = "see wherry images and wherry ps -a; docker://NAME asks a registry"
    raise NotFoundError(f"No such {shown}: {name}", hint=hint)


def _at(store: Store, text: str, platform: Platform | None, options: Options) -> dict[str, Any]:
    """An image somewhere else."""
    from wherry.cli.registry.client import registries
    from wherry.copying.inspect import inspect
    from wherry.copying.places import Opened, parse_place, source
    from wherry.oci.reference import parse

    place = parse_place(text)
    name = parse(place.where) if place.kind == "docker" else None
    client = registries(options)
    try:
        with store.temp() as temporary:
            opened = Opened(client, store, temporary)
            with source(place, opened, compress=False) as (here, reference):
                return inspect(here, reference, name, platform)
    finally:
        client.close()
