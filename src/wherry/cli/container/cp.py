"""``wherry cp``."""

from __future__ import annotations

import os
import sys

from wherry.cli.core.flags import Command, Flag, Options
from wherry.errors import ContextError, NeedsNamespace, UsageError
from wherry.runtime import PLAIN
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.app.copy import CopySpec

COMMAND = Command(
    "cp",
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\twherry cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    (
        Flag("archive", "bool", "Archive mode (copy all uid/gid information)", short="a"),
        Flag("follow-link", "bool", "Always follow symbol link in SRC_PATH", short="L"),
        Flag("quiet", "bool", "Accepted for compatibility with docker: nothing is printed", short="q"),
    ),
    min_args=2,
    max_args=2,
)


def run(options: Options) -> int:
    from wherry.app.copy import copy_from, copy_into, stream_in, stream_out
    from wherry.store import Store

    source, target = (_split(word) for word in options.args)
    if (source[0] is None) == (target[0] is None):
        raise UsageError(
            "copying between containers is not supported" if source[0] else "must specify a container",
            hint="wherry cp CONTAINER:PATH PATH, or the other way round",
        )
    out = source[0] is not None
    spec = _spec(source if out else target, (target if out else source)[1], options)
    if not spec.inside:
        hint = f"wherry cp {spec.container}:/ means all of it"
        raise ContextError("the path in the container cannot be empty", hint=hint)
    _enter(spec.container, options)
    store = Store.open(options.runtime)
    if spec.shown == "-":
        if out:
            stream_out(store, spec, sys.stdout.buffer)
        else:
            stream_in(store, spec, sys.stdin.buffer)
    else:
        (copy_from if out else copy_into)(store, spec)
    return 0


def _spec(container: tuple[str | None, str], path: str, options: Options) -> CopySpec:
    from wherry.app.copy import CopySpec

    return CopySpec(
        container=container[0] or "",
        inside=container[1],
        outside=os.path.join(os.getcwd(), path),  # with a ``/.`` at the end kept: it means something
        shown=path,
        follow=options.flag("follow-link"),
        archive=options.flag("archive"),
    )


def _enter(name: str, options: Options) -> None:
    """A plain user's namespace, if one is needed: that of the container, while it runs."""
    from wherry.containers.state import find
    from wherry.store import Store

    if options.runtime.identity != PLAIN:
        return
    store = Store.open(options.runtime)
    record = find(store, name)
    store.database.close()
    if record is not None and record.status == "running" and record.pid:
        raise NeedsNamespace(record.pid)
    raise NeedsNamespace


def _split(word: str) -> tuple[str | None, str]:
    """``container:path``; a path on this side begins with ``/``, ``./`` or has no colon."""
    name, colon, path = word.partition(":")
    if word == "-" or word.startswith((".", "/")) or not colon:
        return None, word
    return name, path if path.startswith("/") or not path else "/" + path
