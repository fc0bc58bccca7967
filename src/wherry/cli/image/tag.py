"""``wherry tag``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Options

COMMAND = Command(
    "tag",
    "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    min_args=2,
    max_args=2,
)


def run(options: Options) -> int:
    from wherry.app.images import tag
    from wherry.store import Store

    tag(Store.open(options.runtime), *options.args)
    return 0
