"""``wherry cache ls | export | import | rm``: the folders of RUN --mount=type=cache."""

from __future__ import annotations

import json
import sys
import time

from wherry.cli.core.flags import FORMAT, LAYERS, Command, Flag, Options
from wherry.errors import CommandLineError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store import Store

COMMAND = Command(
    "cache",
    "ls | export NAME FILE|- | import NAME FILE|- | rm NAME...",
    (
        FORMAT._replace(help="ls: output"),
        Flag("quiet", "bool", "ls: only the names", short="q"),
    ),
    min_args=1,
    max_args=-1,
    needs=LAYERS,
)

ARGUMENTS = {"ls": (0, 0), "export": (2, 2), "import": (2, 2), "rm": (1, 1 << 16)}


def run(options: Options) -> int:
    from wherry.app.caches import import_cache, remove_cache
    from wherry.cli.core.files import read
    from wherry.store import Store

    verb, *words = options.args
    hint = f"Usage: wherry cache {COMMAND.usage}"
    if verb not in ARGUMENTS:
        raise CommandLineError(f"'{verb}' is not a wherry cache command", hint=hint)
    least, most = ARGUMENTS[verb]
    if not least <= len(words) <= most:
        raise CommandLineError(f"wherry cache {verb} does not take {len(words)} arguments", hint=hint)
    store = Store.open(options.runtime)
    if verb == "ls":
        _list(store, options)
    elif verb == "export":
        _export(store, *words)
    elif verb == "import":
        with read(None if words[1] == "-" else words[1]) as source:
            import_cache(store, words[0], source, words[1])
    else:
        for name in words:
            remove_cache(store, name)
            print(name)
    return 0


def _list(store: Store, options: Options) -> None:
    from wherry.app.caches import caches
    from wherry.cli.core.table import columns
    from wherry.cli.core.units import ago, human_size
    from wherry.store.prune import disk_size

    mounts = caches(store)
    if options.flag("quiet"):
        print("\n".join(mount.id for mount in mounts))
        return
    if options.string("format") == "json":
        rows = [{"id": m.id, "size": disk_size(m.path), "used": m.used, "busy": m.busy} for m in mounts]
        print(json.dumps(rows, indent=2))
        return
    now = time.time()
    body = [
        (m.id, human_size(disk_size(m.path)), ago(m.used, now), "yes" if m.busy else "") for m in mounts
    ]
    print(columns([("NAME", "SIZE", "LAST USED", "IN USE"), *body]))


def _export(store: Store, name: str, file: str) -> None:
    from wherry.app.caches import export_cache
    from wherry.cli.core.files import written

    if file == "-" and sys.stdout.isatty():
        raise UsageError("refusing to write a tar to the terminal", hint="redirect, or name a file")
    with written(None if file == "-" else file, "write") as out:
        export_cache(store, name, out)
