"""``wherry create``."""

from __future__ import annotations

from wherry.cli.container.flags import FLAGS, create_options, write_cidfile
from wherry.cli.core.flags import Command, Options

COMMAND = Command(
    "create",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    FLAGS,
    min_args=1,
    max_args=-1,
    interspersed=False,
)


def run(options: Options) -> int:
    from wherry.app.containers import create
    from wherry.cli.container.image import ensure_image
    from wherry.store import Store

    request = create_options(options)
    store = Store.open(options.runtime)
    ensure_image(store, options)
    record = create(store, request)
    write_cidfile(options, record.id)
    print(record.id)
    return 0
