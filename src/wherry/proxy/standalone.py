"""``wherry proxy run``: sources, table, nginx and reload in one process, files in a private directory."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
import signal
import threading
from typing import TYPE_CHECKING

from wherry.errors import ProxyError
from wherry.handlers import handle
from wherry.proxy import status
from wherry.proxy.controller import Controller
from wherry.proxy.heartbeat import Heartbeat
from wherry.proxy.nginx.render import render
from wherry.proxy.reload import report
from wherry.proxy.reload.files import explained
from wherry.proxy.reload.transaction import Candidate, Outcome, Parts
from wherry.proxy.route_diff import RouteDiff

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wherry.proxy.graph.options import Options
    from wherry.proxy.model import Route
    from wherry.proxy.monitor import Monitor
    from wherry.proxy.nginx.render import RenderOptions
    from wherry.proxy.reload.managed import Managed
    from wherry.proxy.reload.transaction import Reloader
    from wherry.proxy.routes import Table
    from wherry.proxy.sources.source import Source

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE = 5.0
"""Seconds that open requests may take at the end."""


def private_directory() -> str:
    """A new directory for one run, and the ones of runs that were killed removed.  Raises ProxyError."""
    base = _base()
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


def running() -> list[str]:
    """The directories of this user's runs that go on."""
    try:
        return [path for path, alive in _runs(_base()) if alive]
    except OSError:
        return []


def _base() -> str:
    if os.environ.get("XDG_RUNTIME_DIR"):
        return os.path.join(os.environ["XDG_RUNTIME_DIR"], "wherry")
    return "/run/wherry" if os.geteuid() == 0 else f"/tmp/wherry-{os.geteuid()}"  # noqa: S108  checked above


def _runs(base: str) -> Iterator[tuple[str, bool]]:
    for name in os.listdir(base):
        pid = name.removeprefix("proxy-")
        if pid != name and pid.isdigit():
            yield os.path.join(base, name), os.path.exists(f"/proc/{pid}")


class Standalone:
    """One run.  `say` gets lines for people."""

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

    def run(self, sources: Mapping[str, Source], options: Options, state: str) -> int:
        """Until one of ENDS comes; returns the exit code.  Call it from the main thread."""
        self._state = state
        stop = threading.Event()
        self._controller = controller = Controller(
            sources, options, self._publish, self._monitor, self._reloader.rest
        )

        def end(number: int, _frame: object) -> None:
            process = self._managed.process
            if number == signal.SIGCHLD:
                if process is None or process.alive():
                    return
                self._ended = not stop.is_set()
            elif stop.is_set() and process is not None:
                process.send(signal.SIGTERM)  # asked twice: nobody wants to wait for open requests
            stop.set()
            controller.wake()

        handle((*ENDS, signal.SIGCHLD), end)
        signal.signal(signal.SIGUSR1, self._open_logs)
        heartbeat = Heartbeat(state, self._monitor)
        heartbeat.start()
        try:
            controller.run(stop)
        finally:
            heartbeat.stop()  # the folder is about to be removed
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            if self._managed.process is not None:
                self._managed.process.quit(GRACE)
        if self._ended:
            raise ProxyError("nginx ended by itself", hint="its own message stands above")
        return 0

    def _open_logs(self, _number: int, _frame: object) -> None:
        """As nginx does at this signal."""
        if self._managed.process is not None and self._managed.process.alive():
            self._managed.process.send(signal.SIGUSR1)

    def _publish(self, table: Table) -> None:
        """Raises ProxyError, and then is called again; while nothing is served that is the end."""
        try:
            self._apply(table)
        except ProxyError as error:
            if not self._reloader.running:
                self._controller.gave_up(error)
            hint = f" ({error.hint})" if error.hint else ""
            self._say(f"{report.stamp(datetime.datetime.now())}, not applied: {error.message}{hint}")
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
            now = datetime.datetime.now()
            self._say(f"{report.stamp(now)}, {report.words(outcome, f'{len(table.routes)} routes')}")
        for line in self._diff.lines(table, outcome.quarantined):
            self._say(line)
        status.write(self._state, table, outcome)
