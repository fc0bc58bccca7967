"""An image of a place with its layers unpacked in the store, where nothing is named after it."""

from __future__ import annotations

from wherry.registry.pull import fetch_unnamed, image_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.copying.image import From
    from wherry.oci.config import ImageConfig
    from wherry.oci.platform import Platform
    from wherry.registry.progress import Progress
    from wherry.store import Store


def unpacked(
    store: Store, source: From, reference: str, platform: Platform | None, progress: Progress
) -> tuple[str, ImageConfig]:
    """The id and the configuration of an image; layers that the store has are not fetched.

    Of an index it is the image for `platform` (this machine's where none is given).  To be called within
    store.using(), while which the layers stay.  Raises as registry.pull.pull().
    """
    found = image_of(source.manifest(reference), [source], platform, source.name)
    return fetch_unnamed(store, found, source, progress)
