"""Images as one tar that docker, podman and skopeo load: a docker-archive that is an OCI layout too."""

from __future__ import annotations

from wherry.images.layout import Layout, Tar
from wherry.images.packing import Packing
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from wherry.images.view import Image
    from wherry.store import Store


def save_images(store: Store, images: Sequence[tuple[Image, Sequence[str]]], out: IO[bytes]) -> None:
    """Write images, each with the names (canonical) that it is to have, as they are read: no copies.

    Layers are uncompressed, as ``docker save`` writes them; one that several images have is there once.
    Raises CorruptError if a layer no longer has the bytes of its diff ID.
    """
    layout = Layout(store, Tar(out), Packing("none", force=True))
    for image, names in images:
        layout.add(image, names)
    layout.close(docker=True)
