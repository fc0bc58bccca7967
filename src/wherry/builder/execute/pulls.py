"""Images of registries that a build needs: each is asked for once, and comes while other stages go on."""

from __future__ import annotations

from _thread import RLock

from wherry.oci.reference import parse
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.builder.progress import Progress
    from wherry.images.view import Image
    from wherry.oci.config import ImageConfig
    from wherry.oci.platform import Platform
    from wherry.registry.client import Registries
    from wherry.registry.pull import Resolved
    from wherry.store import Store

    Key = tuple[str, Platform]


class Pulls:
    """`registries` is asked for what speaks to them when something is pulled; None: nothing is.

    With `always` what came from a registry is asked for again.  `begin` is called before layers are
    fetched: from then on the stages run side by side.
    """

    def __init__(
        self,
        store: Store,
        registries: Callable[[], Registries] | None,
        progress: Progress,
        begin: Callable[[], object],
        *,
        always: bool = False,
    ) -> None:
        self._store = store
        self._make = registries
        self._registries: Registries | None = None
        self._always = always
        self._progress = progress
        self._begin = begin
        self._turn = RLock()
        self._resolved: dict[Key, Resolved] = {}
        self._done: dict[Key, Image] = {}
        self._locks: dict[Key, RLock] = {}

    def wanted(self, name: str, image: Image | None, platform: Platform) -> bool:
        """Whether an image is to be pulled where `image` (or none) is here.

        What was made here is no registry's, whatever it is called.
        """
        if self._make is None or (name, platform) in self._done:
            return False
        if image is None:
            return True
        if not self._always and image.config.platform[:2] == platform[:2]:
            return False
        return bool(self._store.names.digests_of(image.id))

    def config(self, name: str, platform: Platform) -> ImageConfig:
        """What the image says of itself; its layers are not fetched.  Raises as registry.pull."""
        from wherry.registry.pull import fetch_config

        with self._store.using():
            return fetch_config(self._store, self._resolve(name, platform))

    def image(self, name: str, platform: Platform, label: str) -> Image:
        """Pull an image.  Raises as registry.pull."""
        from wherry.builder.transfers import Told
        from wherry.images.view import Image
        from wherry.registry.pull import fetch

        self._begin()
        with self._lock(name, platform):
            known = self._done.get((name, platform))
            if known is not None:
                return known
            resolved = self._resolve(name, platform)
            step = self._progress.begin(f"{label} {resolved.name.canonical()}@{resolved.digest}")
            step.working()
            try:
                image = Image(self._store, fetch(self._store, resolved, Told(step)).image)
            except BaseException:
                step.fail()
                raise
            step.end(cached=False)
            self._done[name, platform] = image
            return image

    def _lock(self, name: str, platform: Platform) -> RLock:
        with self._turn:
            return self._locks.setdefault((name, platform), RLock())

    def _resolve(self, name: str, platform: Platform) -> Resolved:
        from wherry.registry.pull import resolve

        with self._turn:
            known = self._resolved.get((name, platform))
            if known is None:
                assert self._make is not None  # noqa: S101  nothing is wanted otherwise
                reference = parse(name)
                self._registries = self._registries or self._make()
                step = self._progress.begin(f"[internal] load metadata for {reference.canonical()}")
                step.working()
                try:
                    known = resolve(self._registries, reference, platform)
                except BaseException:
                    step.fail()
                    raise
                step.end(cached=False)
                self._resolved[name, platform] = known
            return known
