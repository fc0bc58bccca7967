"""Where a stage begins, and where COPY --from and mounts look: another stage, an image, or nothing."""

from __future__ import annotations

from _thread import RLock

from wherry.builder.plan.graph import Names
from wherry.builder.plan.values import StageResult
from wherry.dockerfile.lines import fail
from wherry.errors import InvalidReferenceError, StorageError, WherryError
from wherry.images.view import find, layer_paths
from wherry.oci.platform import parse as parse_platform
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.builder.context.folder import Context
    from wherry.builder.execute.scheduler import Schedule
    from wherry.builder.plan.graph import PlannedStage
    from wherry.builder.plan.named_context import NamedContext
    from wherry.dockerfile.ast import Dockerfile, Location
    from wherry.images.view import Image
    from wherry.oci.platform import Platform
    from wherry.store import Store

SCRATCH = "scratch"


class Bases:
    """Finds the file systems that the stages of one Dockerfile name.

    `platform` is that of the build; `mismatches` are the images that are for another one: (name, what it is
    for, what was wanted) and where they are named.
    """

    def __init__(
        self,
        store: Store,
        dockerfile: Dockerfile,
        contexts: Mapping[str, NamedContext],
        platform: Platform,
    ) -> None:
        self._store = store
        self._contexts = contexts
        self._platform = platform
        self.mismatches: dict[tuple[str, str, str], Location] = {}
        self._turn = RLock()
        self._folders: dict[str, Context] = {}
        self.names = Names(dockerfile, contexts)

    def of(self, planned: PlannedStage, finished: Schedule) -> StageResult:
        """What a stage starts from.  Raises DockerfileError, NotFoundError."""
        if planned.parent is not None:
            return finished[planned.parent]
        place = planned.stage.origin.location
        platform = self.platform(planned.platform, place)
        if planned.base == SCRATCH or self._is_folder(planned.base):
            return StageResult((), (), {"WorkingDir": "/"}, "", {}, {}, platform)
        image = self._image(planned.base, platform, place)
        if image is None:
            raise self._absent(planned)
        config = image.config
        layer_paths(self._store, config.diff_ids, f"image {planned.base}")
        return StageResult(
            config.diff_ids,
            config.history,
            config.config,
            config.author,
            {},
            config.extra,
            config.platform,
            image.id,
        )

    def platform(self, text: str, place: Location) -> Platform:
        """FROM's platform; the build's where it says none.  Raises DockerfileError."""
        if not text:
            return self._platform
        try:
            return parse_platform(text)
        except InvalidReferenceError as error:
            raise fail(
                place, f"failed to parse platform {text}: {error.message}", hint=error.hint
            ) from None

    def onbuild(self, base: str, platform: str, place: Location) -> Sequence[str]:
        """What ONBUILD of an image asks of a stage that starts from it, or what fills one from a folder."""
        if base == SCRATCH:
            return ()
        if self._is_folder(base):
            return (f"COPY --from={base} . /",)
        image = self._image(base, self.platform(platform, place), place)
        return tuple(image.config.config.get("OnBuild") or ()) if image is not None else ()

    def folder(self, name: str) -> Context | None:
        """The folder that --build-context gave a name, if it did."""
        context = self._contexts.get(name.lower())
        if context is None or context.folder is None:
            return None
        with self._turn:
            if name.lower() not in self._folders:
                self._folders[name.lower()] = context.folder()
            return self._folders[name.lower()]

    def save(self) -> None:
        """Keep what was learnt of folders."""
        for folder in self._folders.values():
            folder.save()

    def layers(self, name: str, place: Location, finished: Schedule) -> tuple[tuple[str, ...], str]:
        """The layers that --from or a mount's `from` names, and what to call them."""
        number = self.names.stage(name, len(self.names.dockerfile.stages))
        if number is not None and number in finished:
            return finished[number].diff_ids, f"stage {name}"
        if name == SCRATCH:
            return (), SCRATCH
        image = self._image(name, self._platform, place)
        if image is None:
            raise fail(
                place,
                f"--from={name} is neither a stage before this one nor a local image",
                hint="name a stage with FROM ... AS NAME, or see wherry images",
            )
        layer_paths(self._store, image.config.diff_ids, f"image {name}")
        return image.config.diff_ids, f"image {name}"

    def _is_folder(self, name: str) -> bool:
        context = self._contexts.get(name.lower())
        return context is not None and context.folder is not None

    def _image(self, name: str, platform: Platform, place: Location) -> Image | None:
        context = self._contexts.get(name.lower())
        try:
            if context is not None and context.image is not None:
                with self._turn:
                    image: Image | None = context.image()
            else:
                image = find(self._store, name, platform)
        except StorageError:
            raise  # not the Dockerfile's fault
        except WherryError as error:
            raise fail(place, error.message, hint=error.hint) from None
        if image is not None:
            self._check(name, image.config.platform, platform, place)
        return image

    def _check(self, name: str, found: Platform, wanted: Platform, place: Location) -> None:
        """As BuildKit: an image for another platform is taken, and said."""
        if found[:2] != wanted[:2]:
            details = (name, str(found), str(wanted))
            self.mismatches.setdefault(details, place)

    def check(self, planned: PlannedStage) -> None:
        """Look at the platform of a stage's image where that is here.  Raises DockerfileError."""
        place = planned.stage.origin.location
        platform = self.platform(planned.platform, place)
        if planned.parent is None and planned.base != SCRATCH and not self._is_folder(planned.base):
            self._image(planned.base, platform, place)

    def variables(self, name: str) -> dict[str, str] | None:
        """The environment of an image that a FROM names; None where it is not here."""
        context = self._contexts.get(name.lower())
        if context is not None:
            return None
        try:
            image = find(self._store, name, self._platform)
        except WherryError:
            return None
        env = image.config.config.get("Env") or [] if image is not None else None
        return None if env is None else dict(entry.partition("=")[::2] for entry in env)

    def _absent(self, planned: PlannedStage) -> WherryError:
        from wherry.errors import nearest
        from wherry.oci.reference import from_canonical
        from wherry.oci.reference import parse as parse_reference

        place = planned.stage.origin.location
        try:
            name = parse_reference(planned.base).familiar()
        except InvalidReferenceError as error:
            return fail(place, error.message, hint=error.hint)
        names = [stage.name for stage in self.names.dockerfile.stages if stage.name]
        near = nearest(name, [from_canonical(n).familiar() for n in self._store.names.all()] + names)
        meant = f"did you mean {near}? " if near else ""
        return fail(
            place,
            f"base image {name} does not exist here",
            hint=f"{meant}Make it with wherry bootstrap, load or import (see wherry images)",
        )
