"""Which images here others may be built on."""

from __future__ import annotations

from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.compare.layers import Base
    from wherry.images.view import Image
    from wherry.slim.base import Base as Kept
    from wherry.store import Store


def named_images(store: Store) -> Iterator[Base]:
    """The images of the store that have a name, each by the first of its names."""
    from wherry.compare.layers import Base
    from wherry.images.view import Image

    for record in store.images.all():
        image = Image(store, record)
        names = sorted(image.names())
        if names and not image.warn_of_damage():
            yield Base(names[0], image.config.diff_ids)


def base_below(store: Store, image: Image) -> Kept:
    """The base of an image: what a build of this store began with, or the named image with most layers of
    those that are its lowest.  Raises NotFoundError where there is none."""
    from wherry.compare.layers import base_of
    from wherry.explore.made import base_layers
    from wherry.slim.base import Base

    diff_ids = image.config.diff_ids
    named = list(named_images(store))
    built = base_layers(diff_ids, image.id, store.builds.all())
    if built and built < len(diff_ids):
        name = next((each.name for each in named if each.diff_ids == diff_ids[:built]), "")
        return Base(name, built)
    found = base_of(diff_ids, named)
    if found is None:
        raise NotFoundError(
            "the base of the image is not known: no build here made it, and no image here has its layers",
            hint="wherry pull the base, or leave --keep-base out",
        )
    return Base(found.name, len(found.diff_ids))
