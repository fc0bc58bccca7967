"""One build of a Dockerfile's target, from its plan to the image."""

from __future__ import annotations

from wherry.builder.execute.scheduler import Schedule
from wherry.builder.execute.session import Session
from wherry.builder.execute.stage import StageBuilder
from wherry.builder.output.image import write_image
from wherry.builder.plan.epoch import CONTEXT, EPOCH, newest
from wherry.builder.plan.epoch import parse as parse_epoch
from wherry.builder.plan.graph import make_plan, meta_scope
from wherry.builder.plan.instruction import step_label, steps_of
from wherry.builder.plan.platforms import platform_args
from wherry.builder.plan.supported import check_supported
from wherry.errors import UsageError
from wherry.sandbox.machine import machine
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.builder.options import BuildOptions
    from wherry.builder.plan.graph import Plan, PlannedStage
    from wherry.builder.plan.values import StageResult
    from wherry.dockerfile.ast import Dockerfile
    from wherry.dockerfile.lint.rules import Finding
    from wherry.oci.platform import Platform
    from wherry.store import ImageRecord

OF_THE_BUILDER = {EPOCH, "BUILDKIT_DOCKERFILE_CHECK", "BUILDKIT_INLINE_CACHE"}
"""Build arguments that mean something without an ARG."""


class Build(Session):
    """Builds one target."""

    def run(self) -> ImageRecord:
        """Build, and return the image.  Everything that was finished stays in the cache on failure."""
        with self.record.kept():
            return self.record.image(self._run())

    def _run(self) -> ImageRecord:
        target = self.options.target or self.dockerfile.stages[-1].name
        platforms = platform_args(machine(), self.options.platform, target)
        meta = meta_scope(self.dockerfile, self.options.args, platforms)
        target, elsewhere = self.options.target, self.options.contexts
        self.bases.foresee(
            lambda: make_plan(self.dockerfile, target, meta, elsewhere=elsewhere).stages.values()
        )
        plan = make_plan(self.dockerfile, target, meta, elsewhere=elsewhere, onbuild=self.bases.onbuild)
        for number in plan.order:
            check_supported(plan.stages[number].stage, insecure=self.options.sandbox.insecure)
        self._set_epoch(meta)
        if self.options.inline and self.options.reproducible:
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
            self._tell_base(planned)
            return StageBuilder(self, planned, base, meta).run()

        self.plan = plan
        self.schedule = Schedule(plan.order, stage, self.stop, self.options.jobs)
        try:
            result = self.schedule.run()
        finally:
            if self._context is not None:
                self._context.save()
            self.bases.save()
            self.cache.save()
        self.shared.need(result.diff_ids)
        if self.options.chosen:
            result = result._replace(platform=self._said(result.platform))
        return write_image(self.store, result, self._dated(plan), self.shared)

    def _said(self, made: Platform) -> Platform:
        """The platform that was asked for, with the variant of the base where it has none of its own."""
        chosen = self.options.platform
        return made if chosen == made._replace(variant="") else chosen

    def _tell_base(self, planned: PlannedStage) -> None:
        """As BuildKit: a line for each base that is an image, and none for stages."""
        if self.bases.is_from_image(planned):
            alone = len(self.dockerfile.stages) == 1
            label = step_label(planned.stage, 1, steps_of(planned.stage), alone=alone)
            self.progress.begin(f"[{label}] FROM {planned.base}").end(cached=False)

    def _set_epoch(self, meta: dict[str, str]) -> None:
        """As the Dockerfile itself may, by ARG SOURCE_DATE_EPOCH=... before the first FROM."""
        if EPOCH in meta and EPOCH not in self.options.args:
            if meta[EPOCH] == CONTEXT:
                moment = self.context().newest()
                meta[EPOCH] = "" if moment is None else str(moment)
            epoch = parse_epoch(meta[EPOCH])
            self.options = self.options._replace(epoch=epoch, reproducible=epoch is not None)

    def _dated(self, plan: Plan) -> BuildOptions:
        """Without an epoch of its own, a reproducible image is as old as the newest that it is from."""
        if self.options.epoch is not None or not self.options.reproducible:
            return self.options
        from wherry.images.lookup import find
        from wherry.layers.entry import NEW

        origins = {self.schedule[number].origin for number in plan.order} - {""}
        images = [find(self.store, origin) for origin in origins]
        times = [image.config.created for image in images if image is not None]
        return self.options._replace(epoch=newest(times, NEW))

    def layers(self, *, all_stages: bool) -> list[str]:
        """The layers of the image that was built, or of all stages that it needed."""
        numbers = self.plan.order if all_stages else self.plan.order[-1:]
        return list(dict.fromkeys(d for number in numbers for d in self.schedule[number].diff_ids))

    def warnings(self) -> list[str]:
        """What is said before the build begins."""
        return [_unknown(name, self.dockerfile) for name in self.cache.unknown_stages]

    def findings(self) -> list[Finding]:
        """What the Dockerfile and the images that it gave would do better."""
        from wherry.builder.execute.checks import findings

        return findings(self)

    def unused_args(self) -> list[str]:
        """Build arguments that no ARG declares: Docker warns of them."""
        from wherry.builder.plan.state import PREDEFINED

        return sorted(set(self.options.args) - self.used_args - PREDEFINED - OF_THE_BUILDER)


def _unknown(name: str, dockerfile: Dockerfile) -> str:
    """BuildKit passes over a name that no stage has; a mistyped one should not go unnoticed."""
    from wherry.errors import nearest

    near = nearest(name, [stage.name for stage in dockerfile.stages if stage.name])
    meant = f" (did you mean {near}?)" if near else ""
    return f"warning: --no-cache-filter: no stage of {dockerfile.name} is named {name}{meant}"
