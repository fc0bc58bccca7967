"""``wherry proxy run``: sources, table, nginx and reload in one process, files in a private directory."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time

from wherry.counted import counted
from wherry.errors import ProxyError
from wherry.proxy import status
from wherry.proxy.controller import Controller
from wherry.proxy.heartbeat import Heartbeat
from wherry.proxy.nginx.render import render
from wherry.proxy.reload import report
from wherry.proxy.reload.files import explained
from wherry.proxy.reload.transaction import Candidate, Outcome, Parts
from wherry.proxy.route_diff import RouteDiff
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wherry.proxy.graph.options import Options
    from wherry.proxy.model import Route, Table
    from wherry.proxy.monitor import Monitor
    from wherry.proxy.nginx.render import RenderOptions
    from wherry.proxy.reload.managed import Managed
    from wherry.proxy.reload.transaction import Reloader
    from wherry.proxy.sources.source import Source

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
SIGNALS = (*ENDS, signal.SIGCHLD, signal.SIGUSR1, signal.SIGUSR2)
"""What a run is to be told of."""

GRACE = 5.0
"""Seconds that open requests may take at the end."""


def private_directory(base: str) -> str:
    """A new directory below `base` for one run, and the ones of runs that were killed removed.

    Raises ProxyError.
    """
    with explained(f"cannot use {base}"):
        os.makedirs(base, mode=0o711, exist_ok=True)
        if os.lstat(base).st_uid != os.geteuid():
            raise ProxyError(
                f"{base} belongs to somebody else", hint="set XDG_RUNTIME_DIR to a folder of yours"
            )
        for path, alive in _runs(base):
            if not alive:
                shutil.rmtree(path, ignore_errors=True)
        path = os.path.join(base, f"proxy-{os.getpid()}")
        os.makedirs(path, exist_ok=True)
    return path


def running(base: str) -> list[str]:
    """The directories below `base` of runs that go on."""
    try:
        return [path for path, alive in _runs(base) if alive]
    except OSError:
        return []


def _runs(base: str) -> Iterator[tuple[str, bool]]:
    for name in os.listdir(base):
        pid = name.removeprefix("proxy-")
        if pid != name and pid.isdigit():
            yield os.path.join(base, name), os.path.exists(f"/proc/{pid}")


class Standalone:
    """One run.  `say` gets lines for people.

    Handlers of signals are set by nobody here: whoever runs it gives those of SIGNALS to signalled().
    """

    def __init__(
        self,
        managed: Managed,
        reloader: Reloader,
        rendering: RenderOptions,
        monitor: Monitor,
        say: Callable[[str], object],
    ) -> None:
        self._managed = managed
        self._reloader = reloader
        self._rendering = rendering
        self._monitor = monitor
        self._say = say
        self._diff = RouteDiff()
        self._ended = False
        self._stop = threading.Event()
        self._controller: Controller | None = None

    def run(self, sources: Mapping[str, Source], options: Options, state: str) -> int:
        """Until it is told to end; returns the exit code.  nginx ends with the thread that calls this."""
        self._state = state
        self._controller = controller = Controller(
            sources, options, self._publish, self._monitor, self._reloader.rest
        )
        heartbeat = Heartbeat(state, self._monitor)
        heartbeat.start()
        try:
            controller.run(self._stop)
        finally:
            heartbeat.stop()  # the folder is about to be removed
            if self._managed.process is not None:
                self._managed.process.quit(GRACE)
        if self._ended:
            raise ProxyError("nginx ended by itself", hint="its own message stands above")
        return 0

    def signalled(self, number: int) -> None:
        """A signal came: one of ENDS ends the run, a second one at once; SIGUSR1 is nginx's (it opens its
        logs again); SIGCHLD says that a child ended, and if that was nginx, so does the run."""
        process = self._managed.process
        alive = process is not None and process.alive()
        if number == signal.SIGUSR1:
            if process is not None and alive:
                process.send(signal.SIGUSR1)
            return
        if number == signal.SIGUSR2:
            return  # nginx would take it for a program in its place
        if number == signal.SIGCHLD:
            if process is None or alive:
                return
            self._ended = not self._stop.is_set()
        elif self._stop.is_set() and process is not None:
            process.send(signal.SIGTERM)  # asked twice: nobody wants to wait for open requests
        self._stop.set()
        if self._controller is not None:
            self._controller.wake()

    def _publish(self, table: Table) -> None:
        """Raises ProxyError, and then is called again; while nothing is served that is the end."""
        try:
            self._apply(table)
        except ProxyError as error:
            if not self._reloader.running:
                assert self._controller is not None  # noqa: S101
                self._controller.gave_up(error)
            hint = f" ({error.hint})" if error.hint else ""
            self._say(f"{report.stamp(time.time())}, not applied: {error.message}{hint}")
            with contextlib.suppress(ProxyError):
                status.write_outcome(
                    self._state, Outcome("failed", self._reloader.generation, error.message)
                )
            raise

    def _apply(self, table: Table) -> None:
        def text(routes: Sequence[Route]) -> str:
            return render(routes, self._rendering)

        parts = Parts(table.routes, text)
        outcome = self._reloader.apply(Candidate(text(table.routes), lambda: parts))
        if outcome.kind == "refused" and not self._reloader.running:
            raise ProxyError(f"nginx refuses the configuration: {outcome.message}")
        self._monitor.applied(outcome)
        if outcome.kind != "unchanged":
            now = time.time()
            self._say(f"{report.stamp(now)}, {report.words(outcome, counted(len(table.routes), 'route'))}")
        for line in self._diff.lines(table, outcome.quarantined):
            self._say(line)
        status.write(self._state, table, outcome)
