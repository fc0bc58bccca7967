"""Ending containers: stop, kill, rm."""

from __future__ import annotations

import contextlib
import os
import signal

from wherry.containers.state import held_still, refreshed, wait_unlocked
from wherry.errors import ConflictError
from wherry.oci.signals import parse_signal
from wherry.sandbox.supervise import end_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store import ContainerRecord, Store

DEFAULT_TIMEOUT = 10
# After SIGKILL the kernel still has to take the processes apart.
KILL_TIMEOUT = 10


def send(store: Store, record: ContainerRecord, number: int) -> None:
    """Send a signal to the container's first process.  Raises ConflictError if it does not run."""
    current = refreshed(store, record)
    if current is None or current.status != "running" or not current.pid:
        raise ConflictError(
            f"Cannot kill container: {record.id[:12]}: Container {record.id[:12]} is not running"
        )
    try:
        os.kill(end_of(current.pid) if number == signal.SIGKILL else current.pid, number)
    except ProcessLookupError:
        pass


def stop(store: Store, record: ContainerRecord, timeout: int | None = None) -> None:
    """The container's stop signal; after `timeout` seconds SIGKILL.  Returns when it has ended."""
    if record.status != "running":
        return
    seconds = timeout if timeout is not None else record.config.stop_timeout
    seconds = DEFAULT_TIMEOUT if seconds is None else seconds
    number = parse_signal(record.config.process.stop_signal)
    try:
        send(store, record, number)
        if seconds < 0 or not wait_unlocked(store, record.id, seconds):
            kill(store, record)
    except ConflictError:
        # It ended by itself meanwhile.
        wait_unlocked(store, record.id, KILL_TIMEOUT)


def kill(store: Store, record: ContainerRecord, number: int = signal.SIGKILL) -> None:
    """Send a signal; after SIGKILL, wait until its monitor has put everything away.

    Raises ConflictError if it does not run.
    """
    send(store, record, number)
    if number == signal.SIGKILL:
        wait_unlocked(store, record.id, KILL_TIMEOUT)


def remove(store: Store, record: ContainerRecord, *, force: bool) -> None:
    """Remove a container and its own volumes.  Raises ConflictError if it runs and `force` is not given."""
    if record.status == "running":
        if not force:
            raise ConflictError(
                f"You cannot remove a running container {record.id}. Stop the container before attempting "
                "removal or force remove",
                hint=f"wherry rm -f {record.name}",
            )
        with contextlib.suppress(ConflictError):  # it ended by itself meanwhile
            kill(store, record)
    with held_still(store, record):
        store.containers.remove(record.id)
