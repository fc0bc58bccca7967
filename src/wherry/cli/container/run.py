"""``wherry run``."""

from __future__ import annotations

import sys

from wherry.cli.container.flags import FLAGS, create_options, write_cidfile
from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import UsageError, WherryError

COMMAND = Command(
    "run",
    "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    (*FLAGS, Flag("detach", "bool", "Run container in background and print container ID", short="d")),
    min_args=1,
    max_args=-1,
    interspersed=False,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.cli.container.image import ensure_image
    from wherry.containers.create import create
    from wherry.store import Store

    wanted = create_options(options)
    detached = options.flag("detach")
    if wanted.tty and not detached and wanted.interactive and not sys.stdin.isatty():
        raise UsageError(
            "the input device is not a TTY", hint="leave out -t where the input is not a terminal"
        )
    store = Store.open(options.runtime)
    try:
        ensure_image(store, options)
        record = create(store, wanted)
    except WherryError as error:
        # As docker: until the container exists, every failure of `run` is one of docker's own.
        error.exit_code = UsageError.exit_code
        raise
    write_cidfile(options, record.id)
    if wanted.publish and record.config.network == "host":
        print("WARNING: Published ports are discarded when using host network mode", file=sys.stderr)
    if detached:
        from wherry.containers.detach import start_detached

        start_detached(store, record)
        print(record.id)
        return 0
    from wherry.containers.run import run_here
    from wherry.handlers import passed_on

    return run_here(store, record, attached=True, signals=passed_on)
