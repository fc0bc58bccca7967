"""``wherry cache ls | export | import | rm``: the folders of RUN --mount=type=cache."""

from __future__ import annotations

import json
import os
import sys
import time

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import ConflictError, NotFoundError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store import Store
    from wherry.store.caches import CacheMount

COMMAND = Command(
    "cache",
    "ls | export NAME FILE|- | import NAME FILE|- | rm NAME...",
    (
        Flag("json", "bool", "ls: everything as JSON"),
        Flag("quiet", "bool", "ls: only the names", short="q"),
    ),
    min_args=1,
    max_args=-1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.store import Store

    verb, *words = options.args
    wanted = {"ls": (0, 0), "export": (2, 2), "import": (2, 2), "rm": (1, 1 << 16)}.get(verb)
    if wanted is None or not wanted[0] <= len(words) <= wanted[1]:
        raise UsageError(
            f"wherry cache {verb}: what is meant?", hint=f"Usage: wherry cache {COMMAND.usage}"
        )
    store = Store.open(options.runtime)
    if verb == "ls":
        _list(store, options)
    elif verb == "export":
        _export(store, *words)
    elif verb == "import":
        _import(store, *words)
    else:
        for name in words:
            _remove(store, name)
    return 0


def _list(store: Store, options: Options) -> None:
    from wherry.cli.core.table import columns
    from wherry.cli.core.units import ago, human_size
    from wherry.store.prune import disk_size

    mounts = store.cache_mounts.all()
    if options.flag("quiet"):
        print("\n".join(mount.id for mount in mounts))
        return
    if options.flag("json"):
        rows = [{"id": m.id, "size": disk_size(m.path), "used": m.used, "busy": m.busy} for m in mounts]
        print(json.dumps(rows, indent=2))
        return
    now = time.time()
    body = [
        (m.id, human_size(disk_size(m.path)), ago(m.used, now), "yes" if m.busy else "") for m in mounts
    ]
    print(columns([("NAME", "SIZE", "LAST USED", "IN USE"), *body]))


def _find(store: Store, name: str) -> CacheMount:
    from wherry.errors import nearest

    mounts = store.cache_mounts.all()
    shared = store.cache_mounts.path(name)
    found = [mount for mount in mounts if mount.id == name]
    if not found:
        near = nearest(name, [mount.id for mount in mounts])
        raise NotFoundError(
            f"No such cache mount: {name}", hint=f"did you mean {near}?" if near else "see wherry cache ls"
        )
    return next((mount for mount in found if mount.path == shared), found[0])


def _export(store: Store, name: str, file: str) -> None:
    from wherry.layers.newfile import new_file
    from wherry.layers.pack import pack

    mount = _find(store, name)
    with store.cache_mounts.use(name, "shared"):
        if file == "-":
            if sys.stdout.isatty():
                raise UsageError("refusing to write a tar to the terminal", hint="redirect, or name a file")
            pack(mount.path, sys.stdout.buffer.write)
            return
        with new_file(file) as out:
            pack(mount.path, out.write)


def _import(store: Store, name: str, file: str) -> None:
    """Is atomic: the folder is the new one or the old one."""
    from wherry import linux
    from wherry.layers.compress import decompressed
    from wherry.layers.unpack import unpack

    with store.using(), store.temp() as temporary:
        fresh = os.path.join(temporary, "cache")
        os.mkdir(fresh, 0o755)
        with open(0 if file == "-" else file, "rb", closefd=file != "-") as stream:
            unpack(decompressed(stream), fresh, name=file, markers=False)
        with store.cache_mounts.use(name, "locked") as path:
            try:
                linux.exchange(fresh, path)
            except FileNotFoundError:
                os.rename(fresh, path)


def _remove(store: Store, name: str) -> None:
    if not store.cache_mounts.remove(_find(store, name).path):
        raise ConflictError(f"cache mount {name} is in use", hint="wait for the build that uses it")
    print(name)
