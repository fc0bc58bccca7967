"""Starting a container that outlives whoever starts it."""

from __future__ import annotations

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


def start_detached(store: Store, record: ContainerRecord) -> None:
    """Run the container under a monitor of its own, which outlives this process.

    Returns when it has begun.  Raises what its start raised, as SandboxError.
    """
    reader, writer = os.pipe()
    try:
        child = _spawn(store.runtime, ["--container", record.id, "--answer", str(ANSWER)], writer)
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    os.waitpid(child, 0)
    with open(reader, "rb") as file:
        said = file.read().decode("utf-8", "replace")
    if said == "ok":
        return
    code, _, message = said.partition("\n")
    error = SandboxError(message or "the monitor ended before the container began")
    error.exit_code = int(code) if code.isdigit() else 125
    raise error


def _spawn(runtime: Runtime, options: list[str], answer: int) -> int:
    """The pid of the monitor's first process, which ends at once.

    A program that is executed, not a copy of this process: that may have threads and anything open.
    """
    null = os.devnull
    return os.posix_spawn(
        sys.executable,
        # -P: the folder that wherry was called in has no say in what is imported.
        [sys.executable, "-P", "-m", MODULE, *_words(runtime), *options],
        _environment(runtime.env),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, null, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, null, os.O_WRONLY, 0),
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
    place = os.path.dirname(os.path.dirname(os.path.abspath(wherry.__file__)))
    if os.path.basename(place) not in ("site-packages", "dist-packages"):
        env["PYTHONPATH"] = os.pathsep.join(filter(None, (env.get("PYTHONPATH"), place)))
    return env
