"""``build --push``: what was built goes to the registries of its names."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.builder.execute.progress import Progress
    from wherry.builder.output.options import Output
    from wherry.oci.manifest import Descriptor
    from wherry.store import Store


def push_names(store: Store, output: Output, progress: Progress) -> Descriptor | None:
    """Push every name of an output, one after the other.  What the last one stands for there."""
    from wherry.builder.execute.transfers import Told
    from wherry.builder.output.export import packing_of
    from wherry.cli.registry.client import registries
    from wherry.oci.manifest import Descriptor
    from wherry.oci.reference import parse
    from wherry.registry.push import push

    client, found = registries(), None
    try:
        for text in output.names:
            name = parse(text)
            step = progress.begin(f"pushing {name.canonical()}")
            step.working()
            try:
                pushed = push(store, client.target(name), name, Told(step), packing_of(output))
            except BaseException:
                step.fail()
                raise
            step.output(f"manifest {pushed.digest}\n".encode())
            step.end(cached=False)
            found = Descriptor(pushed.media_type, pushed.digest, pushed.size)
    finally:
        client.close()
    return found
