"""Where a stage begins, and where COPY --from and mounts look: another stage, an image, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wherry.build.result import StageResult
from wherry.dockerfile.lines import fail
from wherry.errors import NotFoundError, WherryError
from wherry.images.view import find

if TYPE_CHECKING:
    from wherry.build.plan import PlannedStage
    from wherry.build.schedule import Schedule
    from wherry.dockerfile.ast import Dockerfile, Location
    from wherry.store import Store

SCRATCH = "scratch"


class Bases:
    """Finds the file systems that the stages of one Dockerfile name."""

    def __init__(self, store: Store, dockerfile: Dockerfile) -> None:
        self._store = store
        self._dockerfile = dockerfile

    def of(self, planned: PlannedStage, finished: Schedule) -> StageResult:
        """What a stage starts from.  Raises DockerfileError, NotFoundError."""
        if planned.parent is not None:
            return finished[planned.parent]
        if planned.base == SCRATCH:
            return StageResult((), (), {}, "", {}, {})
        place = planned.stage.origin.location
        try:
            image = find(self._store, planned.base)
        except WherryError as error:
            raise fail(place, error.message, hint=error.hint) from None
        if image is None:
            raise self._absent(planned)
        config = image.config
        for diff_id in config.diff_ids:
            if not self._store.layers.has(diff_id):
                raise NotFoundError(
                    f"layer {diff_id} of {planned.base} is not in the store",
                    hint="load or make the image again",
                )
        return StageResult(
            config.diff_ids, config.history, config.config, config.author, {}, config.extra, image.id
        )

    def layers(self, name: str, place: Location, finished: Schedule) -> tuple[tuple[str, ...], str]:
        """The layers that --from or a mount's `from` names, and what to call them."""
        from wherry.build.plan import find_stage

        number = find_stage(self._dockerfile, name, len(self._dockerfile.stages))
        if number is not None and number in finished:
            return finished[number].diff_ids, f"stage {name}"
        if name == SCRATCH:
            return (), SCRATCH
        image = find(self._store, name)
        if image is None:
            raise fail(
                place,
                f"--from={name} is neither a stage before this one nor a local image",
                hint="name a stage with FROM ... AS NAME, or see wherry images",
            )
        return image.config.diff_ids, f"image {name}"

    def _absent(self, planned: PlannedStage) -> WherryError:
        from wherry.errors import InvalidReferenceError, nearest
        from wherry.oci.reference import from_canonical
        from wherry.oci.reference import parse as parse_reference

        place = planned.stage.origin.location
        try:
            name = parse_reference(planned.base).familiar()
        except InvalidReferenceError as error:
            return fail(place, error.message, hint=error.hint)
        names = [stage.name for stage in self._dockerfile.stages if stage.name]
        near = nearest(name, [from_canonical(n).familiar() for n in self._store.names.all()] + names)
        meant = f"did you mean {near}? " if near else ""
        return fail(
            place,
            f"base image {name} does not exist here",
            hint=f"{meant}Make it with wherry bootstrap, load or import (see wherry images)",
        )
