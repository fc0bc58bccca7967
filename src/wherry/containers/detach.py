"""Starting a container that outlives whoever starts it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from wherry.errors import SandboxError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wherry.runtime import Runtime
    from wherry.store import ContainerRecord, Store

ANSWER = 3
MODULE = "wherry.containers.monitor"


class Waiting:
    """A monitor that runs already and waits to be told its container: it can be started while that is made.

    It ends where whoever started it ends without a word to it.
    """

    def __init__(self, runtime: Runtime) -> None:
        with contextlib.ExitStack() as stack:
            child_end, self._question = _pipe(stack)
            self._answer, writer = _pipe(stack)
            self._child = _spawn(runtime, ["--answer", str(ANSWER)], child_end, writer)
            stack.pop_all()
        os.close(child_end)
        os.close(writer)
        self._answered = False

    def __enter__(self) -> Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        """Without begin() it ends, and nothing was run."""
        if not self._answered:
            self._reply()

    def begin(self, container: str) -> None:
        """Let it run a container, by its ID.  Returns when that has begun.

        Raises what its start raised, as SandboxError.
        """
        with contextlib.suppress(BrokenPipeError):
            os.write(self._question, container.encode())
        reply = self._reply()
        if reply == "ok":
            return
        code, _, text = reply.partition("\n")
        message, _, hint = text.partition("\nhint: ")
        error = SandboxError(message or "the monitor ended before the container began", hint=hint or None)
        error.exit_code = int(code) if code.isdigit() else 125
        raise error

    def _reply(self) -> str:
        """What it answers; nothing if it was told nothing."""
        self._answered = True
        os.close(self._question)
        os.waitpid(self._child, 0)
        with open(self._answer, "rb") as file:
            return file.read().decode("utf-8", "replace")


def start_detached(store: Store, record: ContainerRecord) -> None:
    """Run the container under a monitor of its own, which outlives this process.

    Returns when it has begun.  Raises what its start raised, as SandboxError.
    """
    with Waiting(store.runtime) as monitor:
        monitor.begin(record.id)


def _pipe(stack: contextlib.ExitStack) -> tuple[int, int]:
    """Both ends are closed where anything fails."""
    ends = os.pipe()
    for end in ends:
        stack.callback(os.close, end)
    return ends


def _spawn(runtime: Runtime, options: list[str], question: int, answer: int) -> int:
    """The pid of the monitor's first process, which ends at once.

    A program that is executed, not a copy of this process: that may have threads and anything open.
    """
    return os.posix_spawn(
        sys.executable,
        # -P: the folder that wherry was called in has no say in what is imported.
        [sys.executable, "-P", "-m", MODULE, *_words(runtime), *options],
        _environment(runtime.env),
        file_actions=[
            (os.POSIX_SPAWN_DUP2, question, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, answer, ANSWER),
        ],
        setsid=True,
        setsigmask=(),
        setsigdef=(signal.SIGCHLD,),
    )


def _words(runtime: Runtime) -> list[str]:
    """What the monitor is to know of who started it; monitor.main() reads it."""
    options = {
        "--root": runtime.store,
        "--identity": runtime.identity,
        "--isolation": runtime.isolation,
        "--oci-runtime": runtime.oci_runtime,
    }
    return [word for option in options.items() for word in option]


def _environment(callers: Mapping[str, str]) -> dict[str, str]:
    """Ours, in which the monitor finds this very package, wherever that was imported from."""
    import wherry

    env = {**callers, "PYTHONUTF8": "1"}
    place = os.path.dirname(os.path.dirname(wherry.__file__))
    if os.path.basename(place) not in ("site-packages", "dist-packages"):
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (env.get("PYTHONPATH"), place)))
    return env
