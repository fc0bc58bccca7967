"""Signals of this process, given to what the proxy's commands run."""

from __future__ import annotations

import contextlib
import signal

from wherry.handlers import handle
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.proxy.reload.lifecycle import Lifecycle
    from wherry.proxy.reload.process import Process
    from wherry.proxy.standalone import Standalone


@contextlib.contextmanager
def told(run: Standalone) -> Iterator[None]:
    """Signals are the run's meanwhile; one that whoever started us ignores stays ignored."""
    from wherry.proxy.standalone import SIGNALS

    handle(SIGNALS, lambda number, _frame: run.signalled(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)


@contextlib.contextmanager
def lifecycle(process: Callable[[], Process | None]) -> Iterator[Lifecycle]:
    """A Lifecycle that gets all its signals meanwhile, as a container's first process is sent them."""
    from wherry.proxy.reload.lifecycle import SIGNALS, Lifecycle

    life = Lifecycle(process)
    for number in SIGNALS:
        signal.signal(number, lambda number, _frame: life.signalled(number))
    signal.set_wakeup_fd(life.waker, warn_on_full_buffer=False)
    try:
        yield life
    finally:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        life.close()
