"""An image as the store holds it: found by name or id, read once, never changed."""

from __future__ import annotations

from wherry.errors import CorruptError, InvalidReferenceError, NotFoundError, nearest
from wherry.oci import config as oci_config
from wherry.oci import manifest as oci_manifest
from wherry.oci.reference import from_canonical, parse
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.oci.config import ImageConfig
    from wherry.oci.manifest import Manifest
    from wherry.oci.platform import Platform
    from wherry.store import ImageRecord, LayerInfo, Store

HEX = frozenset("0123456789abcdef")


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


def find(store: Store, text: str, platform: Platform | None = None) -> Image | None:
    """The image that a name, an id or the beginning of one means, or None.

    A name is tried first, as Docker does.  Of an index it is the image for `platform` (this machine's where
    none is given), else the first.  Raises NotFoundError for an ambiguous id.
    """
    try:
        name = parse(text)
    except InvalidReferenceError:
        name = None
    image = None
    if name is not None and name.digest:
        # A digest says it all: what the tag before it stands for by now does not matter.
        record = store.images.of_manifest(name.digest)
        image = record.id if record is not None else store.names.get(name._replace(tag="").canonical())
    elif name is not None:
        image = store.names.get(name.canonical())
    if image is not None:
        record = store.images.get(image)
        if record is not None:
            return Image(store, record)
        from wherry.images.index import choose

        return choose(store, image, platform)
    prefix = text.removeprefix("sha256:")
    if not prefix or not HEX.issuperset(prefix):
        return None
    found = store.images.find(prefix)
    if len(found) > 1:
        raise NotFoundError(f"{text} is the beginning of {len(found)} image IDs", hint="type more digits")
    return Image(store, found[0]) if found else None


def lookup(store: Store, text: str) -> Image:
    """Like find().  Raises NotFoundError in Docker's words, InvalidReferenceError for a bad name."""
    image = find(store, text)
    if image is not None:
        return image
    wanted = parse(text) if not HEX.issuperset(text) else None
    shown = wanted.familiar() if wanted else text
    known = [from_canonical(name).familiar() for name in store.names.all()]
    near = nearest(shown, known)
    raise NotFoundError(
        f"No such image: {shown}", hint=f"did you mean {near}?" if near else "see wherry images"
    )


def named(store: Store, text: str) -> str:
    """What another name for `text` is to stand for: an image's id, or the digest of an image index.

    Raises as lookup() does.
    """
    image = lookup(store, text)
    try:
        return store.names.get(parse(text).canonical()) or image.id
    except InvalidReferenceError:
        return image.id
