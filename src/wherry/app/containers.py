"""Containers: list, create, start, run, stop, kill, remove, logs."""

from __future__ import annotations

import re

from wherry.app.filters import Filter, check, has_label
from wherry.containers.state import all_containers, find, lookup
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.containers.create import CreateOptions
    from wherry.containers.log import LogLine
    from wherry.containers.run import Signals
    from wherry.store import ContainerRecord, Store

FILTERS = ("name", "id", "status", "label", "ancestor", "exited")
"""Docker's: a regular expression for a name, the beginning of an ID, a status, ``key`` or ``key=value`` of
a label, an image, an exit code."""
STATUSES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")
"""Docker's."""


def containers(
    store: Store, *, everything: bool = False, filters: Sequence[Filter] = (), last: int | None = None
) -> list[ContainerRecord]:
    """Newest first: those that run; all of them with `everything`, with `last` (so many, if it is above
    zero), or where a filter asks for a status or an exit code.

    Of several filters of one name one must hold, of labels all, as with docker.  Raises UsageError for a
    filter that there is not, and for a value that it does not have.
    """
    check(filters, FILTERS)
    for each in filters:
        _check_value(each)
    limit = last if last is not None and last > 0 else None
    everything = everything or limit is not None or any(f.name in ("status", "exited") for f in filters)
    alternatives = [[f for f in filters if f.name == name] for name in FILTERS if name != "label"]
    groups = [*filter(None, alternatives), *([f] for f in filters if f.name == "label")]
    found = [
        record
        for record in all_containers(store)
        if (everything or record.status == "running")
        and all(any(_passes(record, each) for each in group) for group in groups)
    ]
    return found[:limit]


def _check_value(condition: Filter) -> None:
    name, value = condition
    if name == "status" and value not in STATUSES:
        raise UsageError(f"invalid filter 'status={value}'", hint=f"one of {', '.join(STATUSES)}")
    if name == "exited" and not value.removeprefix("-").isdecimal():
        raise UsageError(f"invalid filter 'exited={value}'", hint="a number: exited=0")


def _passes(record: ContainerRecord, condition: Filter) -> bool:
    name, value = condition
    if name == "name":
        return _finds(value, record.name) or _finds(value, f"/{record.name}")
    if name == "id":
        return record.id.startswith(value)
    if name == "status":
        return record.status == value
    if name == "exited":
        return record.status == "exited" and str(record.exit_code) == value
    if name == "ancestor":
        return value in (record.image_name, record.image_id, record.image_id[7:19]) or (
            record.image_name.removesuffix(":latest") == value.removesuffix(":latest")
        )
    return has_label(dict(record.config.process.labels), value)


def _finds(expression: str, text: str) -> bool:
    """What is no regular expression finds nothing, as with docker."""
    try:
        return re.search(expression, text) is not None
    except re.error:
        return False


def create(store: Store, options: CreateOptions) -> ContainerRecord:
    """Raises NotFoundError for its image, ConflictError for its name, UsageError."""
    from wherry.containers.create import create as make

    return make(store, options)


def run(store: Store, name: str, *, signals: Signals) -> int:
    """Run a container with this process's standard streams, to its end.  Its exit code.

    `signals` says which signals of this process are passed on to it; handlers are set by nobody else.
    """
    from wherry.containers.run import run_here

    return run_here(store, lookup(store, name), attached=True, signals=signals)


def start(store: Store, name: str) -> None:
    """Start a container under a monitor of its own; returns when it has begun, at once where it runs.

    Raises NotFoundError, and SandboxError with the exit code that Docker has for it.
    """
    from wherry.containers.detach import start_detached

    record = lookup(store, name)
    if record.status != "running":
        start_detached(store, record)


def stop(store: Store, name: str, timeout: int | None = None) -> None:
    """Its stop signal, and SIGKILL after `timeout` seconds (None: its own, or ten).  Returns at its end."""
    from wherry.containers import stop as ending

    ending.stop(store, lookup(store, name), timeout)


def kill(store: Store, name: str, signal: int) -> None:
    """Send a signal; SIGKILL returns at the container's end, as Docker's does.

    Raises NotFoundError, and ConflictError where it does not run.
    """
    from wherry.containers import stop as ending

    ending.kill(store, lookup(store, name), signal)


def remove(store: Store, name: str, *, force: bool = False) -> bool:
    """Remove a container and what it keeps; False where there is none and `force` is given.

    Raises NotFoundError, and ConflictError where it runs; with `force` it is killed.
    """
    from wherry.containers.stop import remove as end_and_remove

    # As docker: to force the removal of what is not there is no error.
    if force and find(store, name) is None:
        return False
    end_and_remove(store, lookup(store, name), force=force)
    return True


def logs(store: Store, name: str, *, tail: int | None = None, follow: bool = False) -> Iterator[LogLine]:
    """The last `tail` lines (None: all), and with `follow` those to come until it ends."""
    from wherry.containers.log import read_log

    container = lookup(store, name).id
    skip = 0
    if tail is not None:
        skip = max(0, sum(1 for _ in read_log(store, container, follow=False)) - tail)
    for number, line in enumerate(read_log(store, container, follow=follow)):
        if number >= skip:
            yield line
