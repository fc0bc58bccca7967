"""What a build leaves, and where: images of the store, archives, folders, names at registries."""

from __future__ import annotations

import os

from wherry.builder.output.options import STDOUT, check_index
from wherry.errors import ContextError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.app.request import BuildRequest
    from wherry.builder.output.options import Output
    from wherry.builder.progress import Progress
    from wherry.oci.attestation import Attestation
    from wherry.oci.manifest import Descriptor
    from wherry.registry.client import Registries
    from wherry.store import ImageRecord, Store


def keeps_image(outputs: Sequence[Output]) -> bool:
    """Whether the image is to be one of the store's."""
    return any(output.to_store for output in outputs)


def rewrites(outputs: Sequence[Output]) -> bool:
    """Whether files are to show SOURCE_DATE_EPOCH, if there is one: so unless an output says no."""
    return all(output.rewrite is not False for output in outputs)


def needs_layers(outputs: Sequence[Output]) -> bool:
    """Whether layers are read to write them."""
    return any(not output.to_store or output.says_how or output.push for output in outputs)


def check(request: BuildRequest) -> None:
    """Raises InvalidReferenceError, UsageError and ContextError for what cannot be, before it is built."""
    from wherry.oci.reference import parse

    outputs = request.outputs
    for output in outputs:
        for name in output.names:
            parse(name)
    if any(output.push and not output.names for output in outputs):
        raise UsageError("tag is needed when pushing to registry", hint="-t REGISTRY/NAME:TAG")
    if len({output.rewrite for output in outputs if output.rewrite is not None}) > 1:
        raise UsageError("one build cannot have outputs with and without rewrite-timestamp")
    if sum(output.dest == STDOUT for output in outputs) > 1:
        raise UsageError("multiple outputs configured to write to stdout")
    if request.attests and any(output.oci_types is False for output in outputs):
        raise UsageError(
            'cannot export attestations with "oci-mediatypes=false"',
            hint="leave oci-mediatypes out: Docker's media types have none for an attestation",
        )
    for output in outputs:
        _check_dest(output)
        if not output.is_files:
            check_index(output, is_index=request.attests or len(request.platforms) > 1)


def _check_dest(output: Output) -> None:
    if output.dest in ("", STDOUT):
        return
    if output.folder:
        if os.path.exists(output.dest) and not os.path.isdir(output.dest):
            raise ContextError(f"destination directory {output.dest} is a file")
    elif os.path.isdir(output.dest):
        raise ContextError(f"destination file {output.dest} is a directory")


def deliver(
    store: Store,
    request: BuildRequest,
    records: Sequence[ImageRecord],
    attested: Sequence[Sequence[Attestation]],
    progress: Progress,
    registries: Callable[[], Registries] | None,
) -> tuple[str, tuple[str, ...], Descriptor | None]:
    """Write all outputs of a build for one platform or several: Built's image, names and descriptor.

    `attested` is what is said of each of the images, or empty.
    """
    outputs = request.outputs
    if len(records) == 1 and not needs_layers(outputs) and not request.describe and not attested:
        # Only the image in the store, as it is: nothing more needs to be loaded.
        return records[0].id, _named(store, outputs, records[0].id, records), None
    from wherry.builder.output.export import Built, export, is_index
    from wherry.images.view import Image

    images = [Image(store, record) for record in records]
    said = attested or [()] * len(images)
    built = [Built(i.config.platform, i, each) for i, each in zip(images, said, strict=True)]
    found: Descriptor | None = None
    target = ""
    for output in outputs:
        descriptor = export(store, built, output, progress)
        if output.to_store:
            target = descriptor.digest if is_index(built) else images[0].id
        if not output.is_files:
            found = found or descriptor
    image = images[0].id if not is_index(built) else found.digest if found else ""
    names = _named(store, outputs, target, records)
    for output in outputs:
        if output.push:
            from wherry.app.pushes import push_names

            found = push_names(store, output, registries, progress) or found
    return image, names, found


def _named(
    store: Store, outputs: Sequence[Output], target: str, images: Sequence[ImageRecord]
) -> tuple[str, ...]:
    from wherry.builder.output.image import tag

    names = [name for output in outputs if output.to_store for name in output.names]
    return tuple(tag(store, names, target, images))
