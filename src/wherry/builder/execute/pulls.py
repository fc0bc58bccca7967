"""Images of registries that a build needs: each is asked for once, and comes while other stages go on."""

from __future__ import annotations

import contextlib
from _thread import RLock

from wherry.errors import WherryError
from wherry.oci.reference import from_canonical, parse
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.builder.progress import Progress
    from wherry.images.view import Image
    from wherry.oci.config import ImageConfig
    from wherry.oci.platform import Platform
    from wherry.registry.client import Registries
    from wherry.registry.pull import Resolved
    from wherry.store import Store

    Key = tuple[str, Platform]

AT_ONCE = 8
"""Images that are asked for at the same time."""


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
        self._failed: dict[Key, WherryError] = {}
        self._done: dict[Key, Image] = {}
        self._locks: dict[Key, RLock] = {}

    def wanted(self, name: str, image: Image | None, platform: Platform) -> bool:
        """Whether an image is to be pulled where `image` (or none) is here.

        What did not come from the repository of that name is no registry's, whatever it is called.
        """
        if self._make is None or (name, platform) in self._done:
            return False
        if image is None:
            return True
        if not self._always and image.config.platform[:2] == platform[:2]:
            return False
        repository = parse(name)[:2]
        digests = self._store.names.digests_of(image.id)
        return any(from_canonical(digest)[:2] == repository for digest in digests)

    def ahead(self, images: Sequence[Key]) -> None:
        """Ask for what images say of themselves, all at once.  What fails is raised when it is needed."""
        from wherry.registry.parallel import Stop, each

        def ask(key: Key) -> None:
            with contextlib.suppress(WherryError):
                self.config(*key)

        each(images, ask, Stop(), number=AT_ONCE)

    def config(self, name: str, platform: Platform) -> ImageConfig:
        """What the image says of itself; its layers are not fetched.  Raises as registry.pull."""
        from wherry.registry.pull import fetch_config

        with self._store.using():
            return fetch_config(self._store, self._resolve(name, platform))

    def image(self, name: str, platform: Platform, label: str) -> Image:
        """Pull an image.  Raises as registry.pull."""
        from wherry.builder.progress import underway
        from wherry.builder.transfers import Told
        from wherry.images.view import Image
        from wherry.registry.pull import fetch

        self._begin()
        with self._lock(name, platform):
            known = self._done.get((name, platform))
            if known is not None:
                return known
            resolved = self._resolve(name, platform)
            shown = f"{label} {resolved.name.canonical()}@{resolved.digest}"
            with underway(self._progress, shown) as step:
                image = Image(self._store, fetch(self._store, resolved, Told(step)).image)
            self._done[name, platform] = image
            return image

    def _lock(self, name: str, platform: Platform) -> RLock:
        with self._turn:
            return self._locks.setdefault((name, platform), RLock())

    def _resolve(self, name: str, platform: Platform) -> Resolved:
        from wherry.registry.pull import resolve

        key = (name, platform)
        with self._lock(name, platform):
            if key in self._failed:
                raise self._failed[key]
            if key not in self._resolved:
                reference = parse(name)
                registries = self._client()
                step = self._progress.begin(f"[internal] load metadata for {reference.canonical()}")
                step.working()
                try:
                    self._resolved[key] = resolve(registries, reference, platform)
                except BaseException as error:
                    step.fail()
                    if isinstance(error, WherryError):
                        self._failed[key] = error
                    raise
                step.end(cached=False)
            return self._resolved[key]

    def _client(self) -> Registries:
        with self._turn:
            assert self._make is not None  # noqa: S101  nothing is wanted otherwise
            self._registries = self._registries or self._make()
            return self._registries
