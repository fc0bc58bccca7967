"""What was built, and what is known of it, goes to registries."""

from __future__ import annotations

from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.builder.cache.exports import Destination
    from wherry.builder.cache.options import SharedCache
    from wherry.builder.cache.shared import SharedCaches
    from wherry.builder.execute.build import Build
    from wherry.builder.output.options import Output
    from wherry.builder.progress import Progress
    from wherry.oci.manifest import Descriptor
    from wherry.registry.client import Registries
    from wherry.store import Store


def push_names(
    store: Store, output: Output, registries: Callable[[], Registries] | None, progress: Progress
) -> Descriptor | None:
    """Push every name of an output, one after the other.  What the last one stands for there."""
    from wherry.builder.output.export import packing_of
    from wherry.builder.progress import underway
    from wherry.builder.transfers import Told
    from wherry.oci.manifest import Descriptor
    from wherry.oci.reference import parse
    from wherry.registry.push import push

    client, found = _asked(registries)(), None
    try:
        for text in output.names:
            name = parse(text)
            with underway(progress, f"pushing {name.canonical()}") as step:
                pushed = push(store, client.target(name), name, Told(step), packing_of(output))
                step.output(f"manifest {pushed.digest}\n".encode())
            found = Descriptor(pushed.media_type, pushed.digest, pushed.size)
    finally:
        client.close()
    return found


def destinations(
    caches: Sequence[SharedCache], registries: Callable[[], Registries] | None
) -> list[Destination]:
    """Where a build keeps what it knows."""
    from wherry.builder.cache.exports import Destination

    return [Destination(cache, lambda: _asked(registries)()) for cache in caches]


def keep(builds: Sequence[Build], place: Destination, progress: Progress) -> None:
    """Write the shared cache of builds for several platforms.  Raises RegistryError, unless its failure is
    not to matter."""
    from wherry.builder.transfers import Told
    from wherry.errors import WherryError

    cache = place.cache
    step = progress.begin(f"exporting cache to {cache}")
    step.working()
    try:
        layers = [d for build in builds for d in build.layers(all_stages=cache.all_stages)]
        digest = place.write(builds[0].store, layers, _shared(builds), Told(step))
    except WherryError as error:
        step.fail()
        if not cache.ignore_error:
            raise
        progress.note(f"warning: the cache {cache.place} was not written: {error.message}")
        return
    except BaseException:
        step.fail()
        raise
    step.output(f"manifest {digest}\n".encode())
    step.end(cached=False)


def checkpoint(builds: Sequence[Build], place: Destination) -> None:
    """Write what builds, the last of which runs, have of a shared cache, beside all that others had.

    So a build that is killed leaves no less than there was.  Raises RegistryError, StorageError.
    """
    from wherry.registry.progress import Silent

    shared = _shared(builds)
    reached = [diff_id for build in builds for diff_id in list(build.reached)]
    place.write(builds[0].store, [*shared.diff_ids(), *reached], shared, Silent())


def _shared(builds: Sequence[Build]) -> SharedCaches:
    from wherry.builder.cache.shared import Together

    return builds[0].shared if len(builds) == 1 else Together([build.shared for build in builds])


def _asked(registries: Callable[[], Registries] | None) -> Callable[[], Registries]:
    if registries is None:
        raise UsageError("this build has no access to registries", hint="give the build its registries")
    return registries
