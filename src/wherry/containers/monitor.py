"""What stands by a detached container, as a program of its own.

    python -m wherry.containers.monitor --root DIR --identity WHO … --answer DESCRIPTOR

It is told all by these options and by what it inherits: the environment, the container's ID on its standard
input, the pipe for its one answer ("ok" once the container runs, else an exit code and a message), and the
standard error, to which it speaks only where it could not even begin.  containers.detach starts it, maybe
before there is a container: nothing on the standard input ends it.
"""

from __future__ import annotations

import contextlib
import os
import sys

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from wherry.runtime import Runtime

HIGHEST = 1 << 20
LONGEST = 1024
UNSTARTED = 125


def main(words: Sequence[str]) -> NoReturn:
    """The monitor's whole life."""
    import gc

    from wherry.runtime import COLLECT_AFTER

    options = dict(zip(words[::2], words[1::2], strict=True))
    pipe = int(options["--answer"])
    if os.fork():
        os._exit(0)  # whoever started us waits for this one, and has no child that it would have to reap
    gc.set_threshold(COLLECT_AFTER)
    _keep_only(pipe)
    answer = Answer(pipe)
    try:
        _stand_by(options, answer)
    except BaseException as error:
        answer.give(_failure(error))
    finally:
        os._exit(0)


def _keep_only(pipe: int) -> None:
    """It outlives who asked, and may hold none of their pipes, locks and folders."""
    os.set_inheritable(pipe, False)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, HIGHEST)
    os.chdir("/")


def _runtime(options: dict[str, str]) -> Runtime:
    """As who started it was (detach); its environment is this process's."""
    from wherry.runtime import Runtime

    return Runtime(
        options["--root"],
        options["--identity"],
        options["--isolation"],
        options["--oci-runtime"],
        dict(os.environ),
    )


def _stand_by(options: dict[str, str], answer: Answer) -> None:
    from wherry.containers.run import run_here
    from wherry.errors import NotFoundError
    from wherry.handlers import passed_on
    from wherry.store import Store

    container = os.read(0, LONGEST).decode()
    if not container:
        return
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    store = Store(_runtime(options))
    record = store.containers.get(container)
    if record is None:
        raise NotFoundError(f"No such container: {container[:12]}")
    run_here(store, record, attached=False, signals=passed_on, started=lambda: answer.give("ok"))


class Answer:
    """What a monitor tells who started it, once: later its pipe's number may be another file's."""

    def __init__(self, pipe: int) -> None:
        self._pipe: int | None = pipe

    def give(self, text: str) -> None:
        if self._pipe is not None:
            pipe, self._pipe = self._pipe, None
            with contextlib.suppress(OSError):
                os.write(pipe, text.encode("utf-8", "replace"))
            os.close(pipe)


def _failure(error: BaseException) -> str:
    """The exit code, and below it what is said."""
    from wherry.errors import WherryError, from_os

    if isinstance(error, OSError):
        error = from_os(error)
        error.exit_code = UNSTARTED
    if not isinstance(error, WherryError):
        return f"{UNSTARTED}\n{type(error).__name__}: {error}"
    hint = f"\nhint: {error.hint}" if error.hint else ""
    return f"{error.exit_code}\n{error.message}{hint}"


if __name__ == "__main__":
    main(sys.argv[1:])
