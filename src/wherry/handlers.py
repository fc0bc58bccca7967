"""Handlers of signals that whoever started this process lets it have.

`nohup` ignores SIGHUP, and a shell SIGINT of a job in the background: such a signal stays ignored.
"""

from __future__ import annotations

import contextlib
import signal

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType
    from typing import Any


# What a process that stands by a container passes on to it.
FORWARDED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
)


def handle(numbers: Iterable[int], handler: Callable[[int, FrameType | None], object]) -> dict[int, Any]:
    """Set a handler for those signals that are not ignored; the handlers that they had."""
    return {
        number: signal.signal(number, handler)
        for number in numbers
        if signal.getsignal(number) != signal.SIG_IGN
    }


def restore(before: dict[int, Any]) -> None:
    """Set again what handle() returned."""
    for number, handler in before.items():
        signal.signal(number, handler)


@contextlib.contextmanager
def passed_on(forward: Callable[[int], None]) -> Iterator[None]:
    """Give the signals of FORWARDED to a function meanwhile.  For programs' own modules: see handle()."""
    before = handle(FORWARDED, lambda number, _frame: forward(number))
    try:
        yield
    finally:
        restore(before)
