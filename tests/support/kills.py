"""SIGKILL at each step that a piece of code makes: what is on the disk then is what a kill leaves."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from wherry.store.database import Database

STEPS = ("open", "mkdir", "rename", "unlink", "rmdir", "symlink", "write", "pwrite", "close")


def kills(act: Callable[[], None]) -> Iterator[int]:
    """Run `act` in a child again and again, killed before its 1st, 2nd, 3rd … step.

    A step is a call of one of STEPS or a statement of SQL.  Gives the number of each kill, to look at what
    it left; the last one is 0, after a run that was not killed.
    """
    number = 1
    while _killed(act, number):
        yield number
        number += 1
    assert number > 2, "nothing was killed"
    yield 0


def _killed(act: Callable[[], None], number: int) -> bool:
    child = os.fork()
    if child == 0:
        try:
            _arm(number)
            act()
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL), f"it failed with {status} before it was killed"
    return status != 0


def _arm(number: int) -> None:
    left = number

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*args, **options)

        return call

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))
    Database.execute = counted(Database.execute)  # type: ignore[method-assign]
