"""Where a stage begins, and where COPY --from and mounts look: another stage, an image, or nothing."""

from __future__ import annotations

import contextlib
from _thread import RLock

from wherry.builder.cache.shared import OF_BASES
from wherry.builder.plan.graph import Names
from wherry.builder.plan.values import StageResult
from wherry.dockerfile.lines import fail
from wherry.errors import InvalidReferenceError, StorageError, WherryError
from wherry.images.lookup import find
from wherry.images.view import layer_paths
from wherry.oci.platform import parse as parse_platform
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import TypeVar

    from wherry.builder.context.folder import Context
    from wherry.builder.context.named import NamedContext
    from wherry.builder.execute.pulls import Pulls
    from wherry.builder.execute.scheduler import Schedule
    from wherry.builder.plan.graph import PlannedStage
    from wherry.dockerfile.ast import Dockerfile, Location
    from wherry.images.view import Image
    from wherry.oci.config import ImageConfig
    from wherry.oci.platform import Platform
    from wherry.store import ImageRecord, Store

    T = TypeVar("T")

SCRATCH = "scratch"
BASE = "base image {} does not exist here"


class Bases:
    """Finds the file systems that the stages of one Dockerfile name.

    `platform` is that of the build; `used` are the images that it took, by their names;
    `mismatches` are the images that are for another one: (name, what it is
    for, what was wanted) and where they are named.
    """

    def __init__(
        self,
        store: Store,
        dockerfile: Dockerfile,
        contexts: Mapping[str, NamedContext],
        platform: Platform,
        pulls: Pulls,
    ) -> None:
        self._store = store
        self._pulls = pulls
        self._contexts = contexts
        self._platform = platform
        self.mismatches: dict[tuple[str, str, str], Location] = {}
        self.used: dict[tuple[str, Platform], ImageRecord] = {}
        self._turn = RLock()
        self._folders: dict[str, Context] = {}
        self.names = Names(dockerfile, contexts)
        self._foreseen: Callable[[], Iterable[PlannedStage]] = tuple

    def foresee(self, stages: Callable[[], Iterable[PlannedStage]]) -> None:
        """Whose images are asked for at once when the first of them has to be asked for."""
        self._foreseen = stages

    def of(self, planned: PlannedStage, finished: Schedule) -> StageResult:
        """What a stage starts from.  Raises DockerfileError, NotFoundError."""
        if planned.parent is not None:
            return finished[planned.parent]
        place = planned.stage.origin.location
        platform = self.platform(planned.platform, place)
        if planned.base == SCRATCH or self._is_folder(planned.base):
            return StageResult((), (), {"WorkingDir": "/"}, "", {}, {}, platform)
        name = planned.stage.name or f"stage-{planned.stage.number}"
        absent = BASE.format(self._shown(planned.base))
        image = self._image(planned.base, platform, place, f"[{name}] FROM", absent)
        config = image.config
        layer_paths(self._store, config.diff_ids, f"image {planned.base}")
        return StageResult(
            config.diff_ids,
            config.history,
            config.config,
            config.author,
            {},
            {name: value for name, value in config.extra.items() if name not in OF_BASES},
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
        config = self._config(base, self.platform(platform, place), place)
        return tuple(config.config.get("OnBuild") or ()) if config is not None else ()

    @staticmethod
    def _shown(name: str) -> str:
        from wherry.oci.reference import parse as parse_reference

        try:
            return parse_reference(name).familiar()
        except InvalidReferenceError:
            return name

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
        absent = f"--from={name} is neither a stage before this one nor an image that is here"
        image = self._image(name, self._platform, place, f"--from={name}", absent)
        layer_paths(self._store, image.config.diff_ids, f"image {name}")
        return image.config.diff_ids, f"image {name}"

    def is_from_image(self, planned: PlannedStage) -> bool:
        return planned.parent is None and planned.base != SCRATCH and not self._is_folder(planned.base)

    def _is_folder(self, name: str) -> bool:
        context = self._contexts.get(name.lower())
        return context is not None and context.folder is not None

    def _image(self, name: str, platform: Platform, place: Location, label: str, absent: str) -> Image:
        """An image that is here, or that a registry has; `absent` is the message where neither is so."""
        name = self._meant(name)
        image = self._local(name, platform, place)
        if self._pulls.wanted(name, image, platform):
            image = self._pulled(lambda: self._pulls.image(name, platform, label), name, place, absent)
        if image is None:
            raise self._absent(name, place, absent)
        self._check(name, image.config.platform, platform, place)
        self.used[name, platform] = image.record
        return image

    def _config(self, name: str, platform: Platform, place: Location) -> ImageConfig | None:
        """What an image says of itself; None where it is not here and nothing is pulled."""
        name = self._meant(name)
        image = self._local(name, platform, place)
        if not self._pulls.wanted(name, image, platform):
            return image.config if image is not None else None
        self._ask_ahead()
        return self._pulled(
            lambda: self._pulls.config(name, platform), name, place, BASE.format(self._shown(name))
        )

    def _ask_ahead(self) -> None:
        stages, self._foreseen = self._foreseen, tuple
        requests: dict[tuple[str, Platform], None] = {}
        with contextlib.suppress(WherryError):  # it is raised where it belongs
            for planned in stages():
                if self.is_from_image(planned):
                    place = planned.stage.origin.location
                    name, platform = self._meant(planned.base), self.platform(planned.platform, place)
                    if self._pulls.wanted(name, self._local(name, platform, place), platform):
                        requests[name, platform] = None
        if len(requests) > 1:
            self._pulls.ahead(list(requests))

    def _meant(self, name: str) -> str:
        """What --build-context lets a name stand for."""
        context = self._contexts.get(name.lower())
        return context.reference if context is not None and context.reference else name

    def _local(self, name: str, platform: Platform, place: Location) -> Image | None:
        context = self._contexts.get(name.lower())
        try:
            if context is not None and context.image is not None:
                with self._turn:
                    return context.image()
            return find(self._store, name, platform)
        except StorageError:
            raise  # not the Dockerfile's fault
        except WherryError as error:
            raise fail(place, error.message, hint=error.hint) from None

    def _pulled(self, pull: Callable[[], T], name: str, place: Location, absent: str) -> T:
        try:
            return pull()
        except StorageError:
            raise
        except InvalidReferenceError as error:
            raise fail(place, error.message, hint=error.hint) from None
        except WherryError as error:
            raise self._absent(name, place, absent, error) from None

    def _check(self, name: str, found: Platform, expected: Platform, place: Location) -> None:
        """As BuildKit: an image for another platform is taken, and said."""
        if found[:2] != expected[:2]:
            details = (name, str(found), str(expected))
            self.mismatches.setdefault(details, place)

    def check(self, planned: PlannedStage) -> None:
        """Look at the platform of a stage's image where that is here.  Raises DockerfileError."""
        place = planned.stage.origin.location
        platform = self.platform(planned.platform, place)
        if self.is_from_image(planned):
            image = self._local(self._meant(planned.base), platform, place)
            if image is not None:
                self._check(planned.base, image.config.platform, platform, place)

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

    def _absent(
        self, name: str, place: Location, absent: str, error: WherryError | None = None
    ) -> WherryError:
        """That there is no image; why it could not be pulled; and what may have been meant."""
        from wherry.errors import nearest
        from wherry.oci.reference import from_canonical
        from wherry.oci.reference import parse as parse_reference

        try:
            shown = parse_reference(name).familiar()
        except InvalidReferenceError as invalid:
            return fail(place, invalid.message, hint=invalid.hint)
        names = [stage.name for stage in self.names.dockerfile.stages if stage.name]
        near = nearest(shown, [from_canonical(n).familiar() for n in self._store.names.all()] + names)
        meant = f"did you mean {near}? " if near else ""
        if error is not None:
            return fail(
                place, f"{absent}, and cannot be pulled: {error.message}", hint=f"{meant}{error.hint or ''}"
            )
        return fail(
            place,
            absent,
            hint=f"{meant}Make it with wherry bootstrap, pull, load or import (see wherry images)",
        )
