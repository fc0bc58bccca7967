"""Building an image from a folder."""

from __future__ import annotations

import os

from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.builder.context.folder import Context
    from wherry.builder.execute.progress import Progress
    from wherry.builder.plan.values import BuildOptions
    from wherry.dockerfile.ast import Dockerfile
    from wherry.images.view import Image
    from wherry.registry.client import Registries
    from wherry.store import Store


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
    from wherry.builder.context.folder import open_context
    from wherry.builder.execute.build import Build
    from wherry.builder.execute.progress import Silent
    from wherry.images.view import Image
    from wherry.oci.reference import parse

    references = [parse(name) for name in names]
    place = file or os.path.join(folder, "Dockerfile")
    wanted = _options(options)._replace(origin=(folder, place, tuple(names)))
    with store.using(), store.temp() as temporary:
        dockerfile = read_dockerfile(place, folder)

        def context() -> Context:
            return open_context(folder, place, store.root)

        told = progress or Silent()
        record = Build(store, dockerfile, context, wanted, told, temporary, registries).run()
        with store.database.transaction():
            for reference in references:
                store.names.set(reference.canonical(), record.id)
    return Image(store, record)


def _options(given: BuildOptions | None) -> BuildOptions:
    from wherry.builder.plan.values import BuildOptions
    from wherry.oci.platform import of_machine

    return given or BuildOptions(of_machine(os.uname().machine), jobs=max(4, 2 * (os.cpu_count() or 1)))


def read_dockerfile(place: str, root: str) -> Dockerfile:
    """Raises NotFoundError with what may be meant, and DockerfileError.  `root` is the build's folder."""
    from wherry.dockerfile import parse
    from wherry.dockerfile.lines import LARGEST

    try:
        with open(place, "rb") as text:
            data = text.read(LARGEST + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_dockerfile(place, root) from None
    except IsADirectoryError:
        raise NotFoundError(f"failed to read dockerfile: {place} is a directory") from None
    return parse(data, os.path.basename(place))


def _no_dockerfile(place: str, root: str) -> NotFoundError:
    from wherry.errors import nearest

    folder, name = os.path.split(place)
    try:
        near = nearest(name, os.listdir(folder or "."))
    except OSError:
        near = None
    return NotFoundError(
        f"failed to read dockerfile: open {place}: no such file or directory",
        hint=f"did you mean {os.path.join(folder, near)}?"
        if near
        else f"put a Dockerfile into {root}, or name it with -f",
    )
