"""What the stages of one build share: the context, the cache, the worker, and who is told."""

from __future__ import annotations

import itertools
import os
from _thread import RLock

from wherry.builder.cache.shared import Nothing
from wherry.builder.execute.bases import Bases
from wherry.builder.execute.pulls import Pulls
from wherry.builder.execute.record import Recorder
from wherry.builder.execute.step_cache import StepCache
from wherry.errors import UnsupportedError
from wherry.layers.view import Seen
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.builder.cache.shared import SharedCaches
    from wherry.builder.context.folder import Context
    from wherry.builder.execute.scheduler import Schedule
    from wherry.builder.execute.worker import Worker
    from wherry.builder.options import BuildOptions
    from wherry.builder.plan.graph import Plan
    from wherry.builder.progress import Progress
    from wherry.dockerfile.ast import Dockerfile
    from wherry.registry.client import Registries
    from wherry.store import Store


class Session:
    """What belongs to one build of one Dockerfile."""

    def __init__(
        self,
        store: Store,
        dockerfile: Dockerfile,
        context: Callable[[], Context],
        options: BuildOptions,
        progress: Progress,
        temporary: str,
        registries: Callable[[], Registries] | None = None,
    ) -> None:
        """`registries` speaks to those that have what is not here; without it nothing is pulled."""
        self.store = store
        self.dockerfile = dockerfile
        self.options = options
        self.progress = progress
        self.shared: SharedCaches = Nothing()
        if options.cache_from:
            from wherry.builder.cache.imports import Imported

            self.shared = Imported(
                store,
                options.cache_from,
                registries or _nobody,
                progress,
                lambda: self.worker(),
                options.platform,
            )
        self.cache = StepCache(store, dockerfile, options, self.shared)
        self.record = Recorder(store, dockerfile, options)
        pulls = Pulls(store, registries, progress, lambda: self.worker(), always=options.pull)
        self.bases = Bases(store, dockerfile, options.contexts, options.platform, pulls)
        self.plan: Plan
        self.schedule: Schedule
        self.used_args: set[str] = set()
        self.reached: dict[str, None] = {}
        """The layers of all stages so far."""
        self.made: Callable[[], object] = lambda: None
        """Called after each step that was not in the cache."""
        self.materials: list[tuple[str, str]] = []
        self.written = 0
        self._open_context = context
        self._context: Context | None = None
        self._context_lock = RLock()
        self._temporary = temporary
        self._numbers = itertools.count(1)
        self.seen = Seen()
        self._worker: Worker | None = None

    def stop(self) -> None:
        """End what is running."""
        if self._worker is not None:
            self._worker.stop()

    def context(self) -> Context:
        with self._context_lock:
            if self._context is None:
                self._context = self._open_context()
            return self._context

    def ignore_patterns(self) -> list[str]:
        """Those of .dockerignore, where the context was needed."""
        if self._context is None:
            return []
        return [pattern.written for pattern in self._context.ignore.patterns]

    def ignores(self, name: str) -> bool:
        """Whether .dockerignore leaves out what COPY names, as far as BuildKit's check says so.

        With exceptions it says nothing, and of the context itself only where a pattern takes everything.
        """
        rules = self._context.ignore if self._context is not None else None
        if rules is None or any(pattern.exception for pattern in rules.patterns):
            return False
        if name in (".", "/"):
            return any(pattern.text in ("*", "**", "**/*") for pattern in rules.patterns)
        return not name.startswith("/") and rules.verdict(name).excluded

    def worker(self) -> Worker:
        """The part that runs and writes; loaded and set up for the first step that the cache lacks.

        From then on the stages run side by side.  Setting up changes what this process is (its
        namespaces), so no thread may be there before.
        """
        if self._worker is None:
            from wherry.builder.execute.worker import Worker

            options = self.options
            self._worker = Worker(
                self.store, self.progress, self._temporary, options.given, reproducible=options.reproducible
            )
            self.schedule.spread()
        return self._worker

    def new_folder(self) -> str:
        """A folder that goes away with the build."""
        path = os.path.join(self._temporary, f"files{next(self._numbers)}")
        os.mkdir(path, 0o755)
        return path


def _nobody() -> Registries:
    raise UnsupportedError("this build has no access to registries")
