"""One build: what its stages share, and the work that makes layers."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from wherry.build.plan import make_plan, meta_scope
from wherry.build.refuse import check_supported
from wherry.build.stage import StageBuilder, StageResult, rfc3339
from wherry.dockerfile.lines import fail
from wherry.errors import NotFoundError, WherryError
from wherry.images.view import find
from wherry.images.write import create_image
from wherry.oci.config import ImageConfig
from wherry.oci.reference import parse as parse_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wherry.build.context import Context
    from wherry.build.keys import Key
    from wherry.build.mounting import Given
    from wherry.build.plan import PlannedStage
    from wherry.build.progress import Progress
    from wherry.build.run import Worker
    from wherry.dockerfile.ast import Dockerfile, Location
    from wherry.store import ImageRecord, Store
    from wherry.store.cache import CacheRecord


class BuildOptions(NamedTuple):
    """`args` are build arguments, `labels` go onto the image, `platform` is (os, arch, variant)."""

    platform: tuple[str, str, str]
    target: str | None = None
    args: dict[str, str] = {}  # noqa: RUF012
    labels: dict[str, str] = {}  # noqa: RUF012
    no_cache: bool = False
    given: Given | None = None


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
    ) -> None:
        self.store = store
        self.dockerfile = dockerfile
        self.options = options
        self.progress = progress
        self.used_args: set[str] = set()
        self._open_context = context
        self._context: Context | None = None
        self._temporary = temporary
        self._worker: Worker | None = None
        self._made: set[str] = set()

    def run(self) -> ImageRecord:
        """Build, and return the image.  Everything that was finished stays in the cache on failure."""
        plan = make_plan(self.dockerfile, self.options.target, self.options.args)
        for number in plan.order:
            check_supported(plan.stages[number].stage)
        meta = meta_scope(self.dockerfile, self.options.args)
        self.used_args.update(name for arg in self.dockerfile.meta_args for name, _ in arg.names)
        finished: dict[int, StageResult] = {}
        try:
            for number in plan.order:
                planned = plan.stages[number]
                base = self._base(planned, finished)
                finished[number] = StageBuilder(self, planned.stage, base, finished, meta).run()
        finally:
            if self._context is not None:
                self._context.save()
            if self._worker is not None:
                self._worker.close()
        return self._image(finished[plan.order[-1]])

    # -- what stages ask ---------------------------------------------------------------------------

    def context(self) -> Context:
        if self._context is None:
            self._context = self._open_context()
        return self._context

    def worker(self) -> Worker:
        """The part that runs and writes; loaded and set up for the first step that the cache lacks."""
        if self._worker is None:
            from wherry.build.run import Worker

            self._worker = Worker(self.store, self.progress, self._temporary, self.options.given)
        return self._worker

    def cached(self, key: str) -> CacheRecord | None:
        """The record of a key whose layer is still there.  With --no-cache only what this build made."""
        if self.options.no_cache and key not in self._made:
            return None
        record = self.store.cache.get(key)
        if record is None or not self.store.layers.has(record.value):
            return None
        return record

    def remember(self, key: Key, diff_id: str, created: float | None = None) -> CacheRecord:
        """Record what a key led to, now, or at the time at which another key led to it."""
        from wherry.store.cache import CacheRecord

        self._made.add(key.digest)
        created = time.time() if created is None else created
        self.store.cache.put(key.digest, diff_id, key.components, created)
        return CacheRecord(diff_id, created)

    def source_of(
        self, name: str, place: Location, finished: Mapping[int, StageResult]
    ) -> tuple[tuple[str, ...], str]:
        """The layers that --from or a mount's `from` names, and what to call them."""
        from wherry.build.plan import find_stage

        number = find_stage(self.dockerfile, name, len(self.dockerfile.stages))
        if number is not None and number in finished:
            return finished[number].diff_ids, f"stage {name}"
        if name == "scratch":
            return (), "scratch"
        image = find(self.store, name)
        if image is None:
            raise fail(
                place,
                f"--from={name} is neither a stage before this one nor a local image",
                hint="name a stage with FROM ... AS NAME, or see wherry images",
            )
        return image.config.diff_ids, f"image {name}"

    # -- the two ends ------------------------------------------------------------------------------

    def _base(self, planned: PlannedStage, finished: Mapping[int, StageResult]) -> StageResult:
        if planned.parent is not None:
            return finished[planned.parent]
        if planned.base == "scratch":
            return StageResult((), (), {}, "", {}, {})
        place = planned.stage.origin.location
        try:
            image = find(self.store, planned.base)
        except WherryError as error:
            raise fail(place, error.message, hint=error.hint) from None
        if image is None:
            raise self._no_base(planned)
        config = image.config
        for diff_id in config.diff_ids:
            if not self.store.layers.has(diff_id):
                raise NotFoundError(
                    f"layer {diff_id} of {planned.base} is not in the store",
                    hint="load or make the image again",
                )
        return StageResult(config.diff_ids, config.history, config.config, config.author, {}, config.extra)

    def _no_base(self, planned: PlannedStage) -> WherryError:
        from wherry.errors import InvalidReferenceError, nearest
        from wherry.oci.reference import from_canonical

        place = planned.stage.origin.location
        try:
            name = parse_reference(planned.base).familiar()
        except InvalidReferenceError as error:
            return fail(place, error.message, hint=error.hint)
        names = [stage.name for stage in self.dockerfile.stages if stage.name]
        near = nearest(name, [from_canonical(n).familiar() for n in self.store.names.all()] + names)
        meant = f"did you mean {near}? " if near else ""
        return fail(
            place,
            f"base image {name} does not exist here",
            hint=f"{meant}Make it with wherry bootstrap, load or import (see wherry images)",
        )

    def _image(self, result: StageResult) -> ImageRecord:
        """The image; the same one as before if all but the time is the same."""
        from wherry.build import keys

        config = dict(result.config)
        if self.options.labels:
            config["Labels"] = {**(config.get("Labels") or {}), **self.options.labels}
        os_name, architecture, variant = self.options.platform
        timeless = ImageConfig(
            architecture,
            os_name,
            config,
            result.diff_ids,
            result.history,
            author=result.author,
            variant=variant,
            extra=result.extra,
        )
        key = keys.image_key(timeless.to_json())
        known = self.store.cache.get(key.digest)
        if known is not None:
            record = self.store.images.get(known.value)
            if record is not None and self.store.blobs.has(record.id):
                return record
        now = rfc3339(time.time())
        history = tuple(h if h.created else h._replace(created=now) for h in result.history)
        record = create_image(self.store, timeless._replace(created=now, history=history))
        self.store.cache.put(key.digest, record.id, key.components)
        return record


def unused_args(build: Build) -> list[str]:
    """Build arguments that no ARG declares: Docker warns of them."""
    from wherry.build.state import PREDEFINED

    return sorted(set(build.options.args) - build.used_args - PREDEFINED)


def host_platform() -> tuple[str, str, str]:
    from wherry.oci.platform import of_machine

    platform = of_machine(os.uname().machine)
    return platform.os, platform.architecture, platform.variant


def tag(store: Store, names: Sequence[str], record: ImageRecord) -> list[str]:
    """Give an image its names (as typed); the familiar forms."""
    shown = []
    for name in names:
        reference = parse_reference(name)
        store.names.set(reference.canonical(), record.id)
        shown.append(reference.familiar())
    return shown
