"""``wherry run``."""

from __future__ import annotations

import sys

from wherry.cli.container.flags import FLAGS, create_options, write_cidfile
from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import UsageError, WherryError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store import ContainerRecord, Store

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

    detached = options.flag("detach")
    if options.flag("tty") and not detached and options.flag("interactive") and not sys.stdin.isatty():
        raise UsageError(
            "the input device is not a TTY", hint="leave out -t where the input is not a terminal"
        )
    return _detached(options) if detached else _attached(options)


def _detached(options: Options) -> int:
    from wherry.containers.detach import Waiting

    # What will stand by the container starts up while that is made.
    with Waiting(options.runtime) as monitor:
        _, record = _create(options)
        monitor.begin(record.id)
    print(record.id)
    return 0


def _attached(options: Options) -> int:
    from wherry.app import containers
    from wherry.handlers import passed_on

    store, record = _create(options)
    return containers.run(store, record.id, signals=passed_on)


def _create(options: Options) -> tuple[Store, ContainerRecord]:
    from wherry.app import containers
    from wherry.cli.container.image import ensure_image
    from wherry.store import Store

    request = create_options(options)
    store = Store.open(options.runtime)
    try:
        ensure_image(store, options)
        record = containers.create(store, request)
    except WherryError as error:
        # As docker: until the container exists, every failure of `run` is one of docker's own.
        error.exit_code = UsageError.exit_code
        raise
    write_cidfile(options, record.id)
    if request.publish and record.config.network == "host":
        print("WARNING: Published ports are discarded when using host network mode", file=sys.stderr)
    return store, record
