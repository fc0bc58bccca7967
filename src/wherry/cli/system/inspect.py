"""``wherry inspect``."""

from __future__ import annotations

import json

from wherry.cli.core.flags import Command, Flag, Options
from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.store import Store

COMMAND = Command(
    "inspect",
    "[OPTIONS] NAME|ID [NAME|ID...]",
    (
        Flag("format", "string", "Format output using a Go template", short="f"),
        Flag("size", "bool", "Display total file sizes if the type is container", short="s"),
        Flag("type", "string", "Only objects of this type", choices=("image", "container")),
    ),
    min_args=1,
    max_args=-1,
)


def run(options: Options) -> int:
    from wherry.cli.core.each import each
    from wherry.cli.core.template import Template
    from wherry.store import Store

    store = Store.open()
    form = options.string("format")
    template = Template(form) if form not in (None, "json") else None
    found: list[dict[str, Any]] = []
    code = each(options.args, lambda name: found.append(_find(store, name, options.string("type"))))
    if template is not None:
        for value in found:
            print(template.render(value))
    elif form == "json":
        print(json.dumps(found))
    else:
        print(json.dumps(found, indent=4, ensure_ascii=False))
    return code


def _find(store: Store, name: str, kind: str | None) -> dict[str, Any]:
    """A container first, then an image, as Docker looks them up; but what may be the beginning of several
    containers' ids, as ``bb`` may, can be an image's whole name."""
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

        image = view.find(store, name)
        if image is not None:
            return image_json(image)
    if ambiguous is not None:
        raise ambiguous
    shown = kind or "object"
    raise NotFoundError(f"No such {shown}: {name}", hint="see wherry images and wherry ps -a")
