"""An image as the store holds it: found by name or id, read once, never changed."""

from __future__ import annotations

from wherry.errors import CorruptError, NotFoundError
from wherry.oci import config as oci_config
from wherry.oci import manifest as oci_manifest
from wherry.oci.reference import from_canonical
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.oci.config import ImageConfig
    from wherry.oci.manifest import Manifest
    from wherry.store import ImageRecord, LayerInfo, Store


class Image:
    """A view of one image.  Its parts are read, and verified, when they are asked for."""

    def __init__(self, store: Store, record: ImageRecord) -> None:
        self.store = store
        self.record = record
        self._config: ImageConfig | None = None

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def config(self) -> ImageConfig:
        """Raises CorruptError if its bytes are not those of the image's id."""
        if self._config is None:
            self._config = oci_config.parse(self.store.blobs.read(self.id), f"config of {self.id[:19]}")
        return self._config

    def damage(self) -> str | None:
        """Why its configuration cannot be read, or None where it can."""
        try:
            _ = self.config
        except (CorruptError, NotFoundError) as error:
            return error.message
        return None

    def warn_of_damage(self) -> bool:
        """Say that it cannot be read, where that is so (Store.warn)."""
        damage = self.damage()
        if damage is not None:
            self.store.warn(f"image {self.id[7:19]} cannot be read: {damage}")
        return damage is not None

    def manifest(self) -> Manifest:
        return oci_manifest.parse(
            self.store.blobs.read(self.record.manifest), f"manifest of {self.id[:19]}"
        )

    def layer_paths(self) -> list[str]:
        """The trees of its layers, lowest first, by short names.  Raises NotFoundError."""
        return layer_paths(self.store, self.config.diff_ids, f"image {self.id[7:19]}")

    def names(self) -> list[str]:
        """Familiar names: ``debian:bookworm``."""
        return [from_canonical(name).familiar() for name in self.store.names.of(self.id)]

    def size(self) -> int:
        """The sum of its files' bytes, as Docker counts: each layer in full."""
        infos = [self.store.layers.info(diff_id) for diff_id in self.config.diff_ids]
        return sum(info.size for info in infos if info is not None)


def layer_paths(store: Store, diff_ids: Sequence[str], whose: str) -> list[str]:
    """The trees of some layers, lowest first, each of them whole.

    Raises NotFoundError, which says `whose` layer is lost or damaged and cannot be made again from a blob.
    """
    for diff_id in diff_ids:
        if whole_layer(store, diff_id) is None:
            raise NotFoundError(
                f"layer {diff_id} of {whose} is lost or damaged, and no blob has it",
                hint="load or build the image again; wherry system check shows what else is wrong",
            )
    return [store.layers.link(diff_id) for diff_id in diff_ids]


def whole_layer(store: Store, diff_id: str) -> LayerInfo | None:
    """As Layers.whole(); a plain user who has to verify the layer does it in the user namespace."""
    try:
        return store.layers.whole(diff_id)
    except PermissionError:
        store.runtime.need_layers()
        raise
