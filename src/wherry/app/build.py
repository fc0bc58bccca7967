"""Building images: what is asked for, what is made of it, and where it goes."""

from __future__ import annotations

import contextlib
import os
import time

from wherry.app.opened import opened
from wherry.app.outputs import check, deliver, needs_layers
from wherry.app.request import BuildRequest
from wherry.builder.output.options import TO_STORE
from wherry.builder.plan.epoch import EPOCH, LATEST
from wherry.digits import whole
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wherry.builder.cache.exports import Destination
    from wherry.builder.cache.options import SharedCache
    from wherry.builder.execute.build import Build
    from wherry.builder.options import BuildOptions
    from wherry.builder.progress import Progress
    from wherry.dockerfile.lint.rules import Finding
    from wherry.images.view import Image
    from wherry.oci.attestation import Attestation
    from wherry.oci.manifest import Descriptor
    from wherry.registry.client import Registries
    from wherry.store import ImageRecord, Store

CHECK = "BUILDKIT_DOCKERFILE_CHECK"
"""A build argument: with "error=true" a Dockerfile that breaks a rule is not built."""


class Built(NamedTuple):
    """`image` is an image's ID, for several platforms the digest of their index, and "" where only files
    were wanted; `names` are those that it has in the store now, as people write them.  `descriptor` is of
    what was exported, or of the last push; None where none was wanted."""

    image: str
    names: tuple[str, ...]
    images: tuple[ImageRecord, ...]
    descriptor: Descriptor | None = None
    findings: tuple[Finding, ...] = ()
    unused_args: tuple[str, ...] = ()


def build(
    store: Store,
    folder: str,
    names: Sequence[str] = (),
    *,
    file: str | None = None,
    options: BuildOptions | None = None,
    progress: Progress | None = None,
    registries: Callable[[], Registries] | None = None,
) -> Image:
    """Build the Dockerfile of a folder (or `file`), and give the image these names.

    `folder` and `file` are absolute.  What happens is told to `progress`, by several threads at once;
    without it nobody hears of it.  Without `registries` only images of the store are begun with.

    Raises InvalidReferenceError before anything is done, DockerfileError, ContextError, StepError, …: what
    was finished stays in the cache, names stay where they were.
    """
    from wherry.images.view import Image

    place = file or os.path.join(folder, "Dockerfile")
    named_options = (options or default_options())._replace(origin=(folder, place, tuple(names)))
    request = BuildRequest(folder, named_options, file, outputs=(TO_STORE._replace(names=tuple(names)),))
    return Image(store, build_images(store, request, progress, registries).images[0])


def default_options() -> BuildOptions:
    """For this machine, with two steps at once for each of its cores."""
    from wherry.builder.options import BuildOptions
    from wherry.oci.platform import of_machine

    return BuildOptions(of_machine(os.uname().machine), jobs=max(4, 2 * (os.cpu_count() or 1)))


def build_images(
    store: Store,
    request: BuildRequest,
    progress: Progress | None = None,
    registries: Callable[[], Registries] | None = None,
) -> Built:
    """Build, and write all outputs.  `progress` and `registries` are those of build().

    Raises what build() does, UsageError for outputs that do not go together, before anything is done, and
    RegistryError: what was built is in the store then, with its names.
    """
    from wherry.builder.execute.build import Build
    from wherry.builder.progress import Silent

    reporter = progress or Silent()
    check(request)
    epoch = _epoch(request.options.args)
    caches = [cache for cache in request.cache_to if not cache.is_inline]
    if caches or needs_layers(request.outputs) or request.attests:
        store.runtime.need_layers()  # whose files belong to a plain user's subordinate ids
    places = _places(caches, registries)
    with opened(store, request, epoch, registries) as found:
        builds: list[Build] = []
        images: list[ImageRecord] = []
        attested: list[Sequence[Attestation]] = []
        with _checkpoints(builds, places, reporter) as made:
            for number, platform in enumerate(request.platforms or (request.options.platform,)):
                folder = os.path.join(found.temporary, f"platform{number}")
                os.makedirs(folder, exist_ok=True)
                options = found.options._replace(platform=platform, chosen=bool(request.platforms))
                one = Build(store, found.dockerfile, found.context, options, reporter, folder, registries)
                for warning in one.warnings() if not number else ():
                    reporter.note(warning)
                if "error" in found.dockerfile.directives.get("check", "") + options.args.get(CHECK, ""):
                    from wherry.app.checks import fail_on_findings

                    fail_on_findings(one)
                began = time.time()
                one.made = made
                builds.append(one)
                images.append(one.run())
                if request.attests:
                    from wherry.app.attestations import attestations

                    attested.append(attestations(one, images[-1], request, found, began, reporter))
            image, names, descriptor = deliver(store, request, images, attested, reporter, registries)
        _keep_caches(builds, places, reporter)
        return Built(
            image,
            names,
            tuple(images),
            descriptor,
            tuple(one.findings()) if request.lint else (),
            tuple(one.unused_args()),
        )


def _epoch(args: dict[str, str]) -> int | None:
    """What the build's arguments say; a name's time is found once the Dockerfile is read (opened)."""
    return whole(args.get(EPOCH, ""), LATEST)


def _places(
    caches: Sequence[SharedCache], registries: Callable[[], Registries] | None
) -> list[Destination]:
    """Most builds keep their cache here alone, and start without the code of others."""
    if not caches:
        return []
    from wherry.app.pushes import destinations

    return destinations(caches, registries)


@contextlib.contextmanager
def _checkpoints(
    builds: Sequence[Build], places: Sequence[Destination], progress: Progress
) -> Iterator[Callable[[], object]]:
    """While builds run, what they made goes to the caches that are to have it at once.  What they call
    after each step."""
    chosen = [place for place in places if place.cache.checkpoint]
    if not chosen:
        yield lambda: None
        return
    from wherry.app.pushes import checkpoint
    from wherry.builder.cache.checkpoints import Checkpoints

    def write() -> None:
        for place in chosen:
            checkpoint(builds, place)

    checkpoints = Checkpoints(write, progress.note)
    try:
        yield checkpoints.made
    except Exception:
        checkpoints.close(last=True)  # nothing is written after it
        raise
    except BaseException:
        checkpoints.close(last=False)
        raise
    checkpoints.close(last=False)


def _keep_caches(builds: Sequence[Build], places: Sequence[Destination], progress: Progress) -> None:
    if not places:
        return
    from wherry.app.pushes import keep

    for place in places:
        keep(builds, place, progress)
