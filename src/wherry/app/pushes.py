"""What was built, and what is known of it, goes to registries."""

from __future__ import annotations

from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.builder.cache.options import SharedCache
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


def keep(
    build: Build, cache: SharedCache, registries: Callable[[], Registries] | None, progress: Progress
) -> None:
    """Write a shared cache.  Raises RegistryError, unless its failure is not to matter."""
    from wherry.builder.cache.exports import export
    from wherry.builder.transfers import Told
    from wherry.errors import WherryError

    step = progress.begin(f"exporting cache to {cache}")
    step.working()
    try:
        layers = build.layers(all_stages=cache.all_stages)
        digest = export(build.store, cache, layers, build.shared, _asked(registries), Told(step))
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


def checkpoint(build: Build, cache: SharedCache, registries: Callable[[], Registries] | None) -> None:
    """Write what a build that runs has of a shared cache, beside all that the build found in others.

    So a build that is killed leaves no less than there was.  Raises RegistryError, StorageError.
    """
    from wherry.builder.cache.exports import export
    from wherry.registry.progress import Silent

    layers = dict.fromkeys([*build.shared.diff_ids(), *build.reached])
    export(build.store, cache, list(layers), build.shared, _asked(registries), Silent())


def _asked(registries: Callable[[], Registries] | None) -> Callable[[], Registries]:
    if registries is None:
        raise UsageError("this build has no access to registries", hint="give the build its registries")
    return registries
