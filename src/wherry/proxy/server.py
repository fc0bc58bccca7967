"""``wherry proxy serve``: nginx and the file that another program writes.

<folder>/default.conf   watched, never written
<folder>/routes.json    beside it where the generator is wherry's: lets a guilty route be found
"""

from __future__ import annotations

import functools
import os
import time

from wherry.errors import ProxyError
from wherry.proxy import status
from wherry.proxy.garbage import Garbage
from wherry.proxy.reload import files, report
from wherry.proxy.reload.transaction import Candidate, Outcome, Parts
from wherry.proxy.watch import Watch
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.proxy.monitor import Monitor
    from wherry.proxy.reload.lifecycle import Lifecycle
    from wherry.proxy.reload.transaction import Reloader

    Identity = tuple[int, int, int]

DEFAULT_CONF = "default.conf"
LOOK_AGAIN = 10.0
"""Seconds between looks without any event."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds until what could not be applied is tried again, doubled each time."""
TWICE = 60.0
"""Seconds within which an nginx that ends a second time is not begun again."""
PAIR = 2.0
"""Seconds that routes.json may come after the default.conf that was rendered from it."""


class Server:
    """Applies what stands in `folder`/default.conf, now and after every change.

    `state` gets status.json.  With `isolate` guilty routes are looked for and left out.
    """

    def __init__(
        self,
        folder: str,
        state: str,
        reloader: Reloader,
        monitor: Monitor,
        say: Callable[[str], object],
        *,
        isolate: bool,
    ) -> None:
        self._folder = folder
        self._file = os.path.join(folder, DEFAULT_CONF)
        self._state = state
        self._reloader = reloader
        self._monitor = monitor
        self._say = say
        self._isolate = isolate
        self._garbage = Garbage()
        self._detected: str | None = None
        self._seen: str | None = None
        self._identity: Identity | None = None  # of the file that was seen
        self._resting = 0.0  # seconds until another look, for the sake of earlier generations' requests
        self._failed: str | None = None  # the text that could not be applied, or why none could be read
        self._pause = 0.0
        self._again = 0.0  # when to try it again (monotonic)
        self._lost = float("-inf")  # when nginx last ended by itself (monotonic)

    def at_once(self) -> None:
        """Serve what served when we last ran, if anything did: before anything else is read
        or loaded, for a port that is silent costs requests."""
        if self._reloader.text and not self._reloader.running:
            self._log("starting with the last configuration that served")
            try:
                self._report(self._reloader.resume())
            except ProxyError as error:
                self._log(error.message)

    def run(self, life: Lifecycle) -> None:
        """Until `life` ends.  An nginx that ends by itself is begun again, here and now: that costs some
        milliseconds, and the container's end seconds.

        Raises ProxyError when nginx cannot be started at all, or ends again and again.
        """
        watch = Watch(self._folder)
        try:
            self.look()
            if not self._reloader.running:
                self._last_good()
            while life.going():
                if life.lost():
                    self._begin_again()
                due = time.monotonic() + self._patience()
                names = watch.wait(self._patience(), also=life.wakes)
                life.woken()
                if life.reload_asked():
                    self._seen, self._identity, self._again = None, None, 0.0
                elif not names & {"", DEFAULT_CONF}:
                    if time.monotonic() < due:
                        continue  # a child of ours ended, or another file changed
                    if self._is_the_same():
                        self._monitor.heard("file")
                        continue
                if life.going():
                    self.look(watch if time.monotonic() < due else None)
        finally:
            watch.close()

    def _patience(self) -> float:
        """Seconds until another look without any event."""
        if self._resting:
            return self._resting
        return min(LOOK_AGAIN, max(0.0, self._again - time.monotonic())) if self._pause else LOOK_AGAIN

    def look(self, watch: Watch | None = None) -> None:
        """Apply the file if it is another than the one last seen, and not one that just failed.

        Where `watch` will tell of it again, what was read may be half of it: that is for the next look.
        """
        self._resting = 0.0
        identity = self._identify()
        try:
            # An empty one is about to be written: cp makes it so first.
            text = files.read(self._file) or None
        except ProxyError as error:
            # Whoever made it something that is no file may make it one again.
            if not self._waits_for(error.message):
                self._put_off(error.message, error)
            return
        if self._waits_for(text) or (watch is not None and DEFAULT_CONF in watch.look()):
            return
        self._monitor.heard("file")
        if text is None:
            self._nothing_wanted()
        if text is None or not (self._pause or text != self._seen):
            self._identity = identity
        else:
            self._take(text, identity)

    def _nothing_wanted(self) -> None:
        """There is no file: what failed is not to be tried again."""
        if self._pause and self._reloader.running:
            self._report(Outcome("unchanged", self._reloader.generation))
        self._pause = 0.0

    def _take(self, text: str, identity: Identity | None) -> None:
        if self._reloader.running and text != self._detected:
            self._say(report.detected(time.time()))
        self._detected = text
        self._resting = self._reloader.rest()
        if self._resting:
            return
        try:
            outcome = self._reloader.apply(self._candidate(text))
        except ProxyError as error:
            if not self._reloader.running and not self._reloader.text:
                self._monitor.failed(error)
                raise
            self._put_off(text, error)
            return
        self._seen, self._identity, self._pause = text, identity, 0.0
        self._report(outcome)
        self._garbage.settle()

    def _waits_for(self, wanted: str | None) -> bool:
        """Whether that has just failed, and is to be tried again later."""
        return bool(self._pause) and wanted == self._failed and time.monotonic() < self._again

    def _is_the_same(self) -> bool:
        """Whether the file is the one that was seen, as far as that can be said without reading it."""
        return not self._pause and not self._resting and self._identify() == self._identity

    def _identify(self) -> Identity | None:
        try:
            found = os.stat(self._file)
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def _begin_again(self) -> None:
        now = time.monotonic()
        if now - self._lost < TWICE:
            raise ProxyError("nginx ended by itself, twice", hint="its own message stands above")
        self._lost = now
        self._log("nginx ended by itself; beginning it again")
        self._report(self._reloader.resume())

    def _put_off(self, wanted: str, error: ProxyError) -> None:
        """Say it, everywhere, and try again later."""
        self._monitor.failed(error)
        again = self._pause and wanted == self._failed
        self._pause = min(self._pause * 2, LONGEST_PAUSE) if again else FIRST_PAUSE
        self._failed, self._again = wanted, time.monotonic() + self._pause
        hint = f" ({error.hint})" if error.hint else ""
        words = f"{error.message}{hint}; trying again in {self._pause:.0f} s"
        serving = ", what was served before still is" if self._reloader.running else ""
        self._log(f"not applied{serving}: {words}")
        self._write(Outcome("failed", self._reloader.generation, error.message))

    def _last_good(self) -> None:
        """The file is missing or was refused, and nginx does not run."""
        if self._reloader.text:
            self._report(self._reloader.resume())
        elif self._seen is not None:
            raise ProxyError(
                f"nginx refuses {self._file}, and there is no earlier one that served",
                hint="nginx's complaint stands above",
            )
        else:
            self._log(f"waiting for {self._file}")

    def _candidate(self, text: str) -> Candidate:
        return Candidate(text, lambda: self._parts(text)) if self._isolate else Candidate(text)

    def _parts(self, text: str) -> Parts | None:
        """What `text` was rendered from, if routes.json says so or will in a moment."""
        from wherry.proxy.nginx.render import render  # mostly nginx objects to nothing

        end = time.monotonic() + PAIR
        looked_at = -1.0
        while time.monotonic() < end:
            try:
                found = status.read_routes(self._folder)
            except ProxyError:
                return None  # it only helps to find who is guilty
            if found is None or found.options is None:
                return None
            if found.when != looked_at:
                again = functools.partial(render, options=found.options)
                if again(found.table.routes) == text:
                    return Parts(found.table.routes, again)
                looked_at = found.when
            time.sleep(0.02)
        return None

    def _report(self, outcome: Outcome) -> None:
        self._monitor.applied(outcome)
        self._log(report.words(outcome))
        for rejected in outcome.quarantined:
            self._log(f"set aside {rejected.name}: {rejected.message}")
        self._write(outcome)

    def _write(self, outcome: Outcome) -> None:
        try:
            status.write_outcome(self._state, outcome, dict(self._monitor.facts().reloads))
        except ProxyError as error:
            self._log(error.message)

    def _log(self, line: str) -> None:
        self._say(f"{report.stamp(time.time())}, {line}")
