"""One build: what its stages share."""

from __future__ import annotations

import itertools
import os
from _thread import RLock

from wherry.builder.cache.shared import Nothing
from wherry.builder.execute.bases import Bases
from wherry.builder.execute.pulls import Pulls
from wherry.builder.execute.record import Recorder
from wherry.builder.execute.scheduler import Schedule
from wherry.builder.execute.stage import StageBuilder
from wherry.builder.execute.step_cache import Memo
from wherry.builder.output.image import write_image
from wherry.builder.plan.epoch import CONTEXT, EPOCH, newest
from wherry.builder.plan.epoch import parse as parse_epoch
from wherry.builder.plan.graph import make_plan, meta_scope
from wherry.builder.plan.platforms import platform_args
from wherry.builder.plan.supported import check_supported
from wherry.errors import UnsupportedError, UsageError
from wherry.sandbox.machine import machine
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.builder.cache.shared import SharedCaches
    from wherry.builder.context.folder import Context
    from wherry.builder.execute.progress import Progress
    from wherry.builder.execute.worker import Worker
    from wherry.builder.plan.graph import Plan
    from wherry.builder.plan.values import BuildOptions, StageResult
    from wherry.dockerfile.ast import Dockerfile
    from wherry.dockerfile.lint.rules import Finding
    from wherry.registry.client import Registries
    from wherry.store import ImageRecord, Store

OF_THE_BUILDER = {EPOCH, "BUILDKIT_DOCKERFILE_CHECK", "BUILDKIT_INLINE_CACHE"}
"""Build arguments that mean something without an ARG."""


class Build:
    """Builds one target of one Dockerfile."""

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
        self.memo = Memo(store, dockerfile, options, self.shared)
        self.record = Recorder(store, dockerfile, options)
        pulls = Pulls(store, registries, progress, lambda: self.worker(), always=options.pull)
        self.bases = Bases(store, dockerfile, options.contexts, options.platform, pulls)
        self.used_args: set[str] = set()
        self.written = 0
        self._open_context = context
        self._context: Context | None = None
        self._context_lock = RLock()
        self._temporary = temporary
        self._folders = itertools.count(1)
        self._worker: Worker | None = None

    def run(self) -> ImageRecord:
        """Build, and return the image.  Everything that was finished stays in the cache on failure."""
        with self.record.kept():
            return self.record.image(self._run())

    def _run(self) -> ImageRecord:
        target = self.options.target or self.dockerfile.stages[-1].name
        platforms = platform_args(machine(), self.options.platform, target)
        meta = meta_scope(self.dockerfile, self.options.args, platforms)
        plan = make_plan(
            self.dockerfile,
            self.options.target,
            meta,
            elsewhere=self.options.contexts,
            onbuild=self.bases.onbuild,
        )
        for number in plan.order:
            check_supported(plan.stages[number].stage, insecure=self.options.sandbox.insecure)
        self._set_epoch(meta)
        if self.options.inline and self.options.timeless:
            raise UsageError(
                "an inline cache names layers as steps made them, a reproducible image has others",
                hint="--cache-to type=registry or type=local holds both",
            )
        self.used_args.update(platforms)
        self.used_args.update(name for arg in self.dockerfile.meta_args for name, _ in arg.names)

        def stage(number: int) -> StageResult:
            planned = plan.stages[number]
            base = self.bases.of(planned, self.schedule)
            self.record.base(planned, base)
            return StageBuilder(self, planned, base, meta).run()

        self.plan = plan
        self.schedule = Schedule(plan.order, stage, self._stop, self.options.jobs)
        try:
            result = self.schedule.run()
        finally:
            if self._context is not None:
                self._context.save()
            self.bases.save()
            self.memo.save()
        self.shared.need(result.diff_ids)
        return write_image(self.store, result, self._dated(plan), self.shared)

    def _set_epoch(self, meta: dict[str, str]) -> None:
        """As the Dockerfile itself may, by ARG SOURCE_DATE_EPOCH=... before the first FROM."""
        if EPOCH in meta and EPOCH not in self.options.args:
            if meta[EPOCH] == CONTEXT:
                moment = self.context().newest()
                meta[EPOCH] = "" if moment is None else str(moment)
            epoch = parse_epoch(meta[EPOCH])
            self.options = self.options._replace(epoch=epoch, timeless=epoch is not None)

    def _dated(self, plan: Plan) -> BuildOptions:
        """Without an epoch of its own, a timeless image is as old as the newest image that it is from."""
        if self.options.epoch is not None or not self.options.timeless:
            return self.options
        from wherry.images.view import find
        from wherry.layers.entry import NEW

        origins = {self.schedule[number].origin for number in plan.order} - {""}
        images = [find(self.store, origin) for origin in origins]
        times = [image.config.created for image in images if image is not None]
        return self.options._replace(epoch=newest(times, NEW))

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()

    # -- what stages ask ---------------------------------------------------------------------------

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
                self.store, self.progress, self._temporary, options.given, timeless=options.timeless
            )
            self.schedule.spread()
        return self._worker

    def new_folder(self) -> str:
        """A folder that goes away with the build."""
        path = os.path.join(self._temporary, f"files{next(self._folders)}")
        os.mkdir(path, 0o755)
        return path

    def layers(self, *, all_stages: bool) -> list[str]:
        """The layers of the image that was built, or of all stages that it needed."""
        numbers = self.plan.order if all_stages else self.plan.order[-1:]
        return list(dict.fromkeys(d for number in numbers for d in self.schedule[number].diff_ids))

    def warnings(self) -> list[str]:
        """What is said before the build begins."""
        return [_unknown(name, self.dockerfile) for name in self.memo.unknown_stages]

    def findings(self) -> list[Finding]:
        """What the Dockerfile and the images that it gave would do better."""
        from wherry.builder.execute.checks import findings

        return findings(self)

    def unused_args(self) -> list[str]:
        """Build arguments that no ARG declares: Docker warns of them."""
        from wherry.builder.plan.state import PREDEFINED

        return sorted(set(self.options.args) - self.used_args - PREDEFINED - OF_THE_BUILDER)


def _nobody() -> Registries:
    raise UnsupportedError("this build speaks to no registry")


def _unknown(name: str, dockerfile: Dockerfile) -> str:
    """BuildKit passes over a name that no stage has; a mistyped one should not go unnoticed."""
    from wherry.errors import nearest

    near = nearest(name, [stage.name for stage in dockerfile.stages if stage.name])
    meant = f" (did you mean {near}?)" if near else ""
    return f"warning: --no-cache-filter: no stage of {dockerfile.name} is named {name}{meant}"
