"""The database, made again from what the store holds.

Names come from index.json, images from the manifests among the blobs, layers from trees that have the bytes
of their diff ID, containers from the record in each one's folder, volumes from their folders.
The build cache comes back empty, and labels of volumes are lost.
"""

from __future__ import annotations

import json
import os

from wherry.counted import counted
from wherry.layers.remove import remove_tree
from wherry.oci.attestation import IN_TOTO
from wherry.store.check_layers import HEX
from wherry.store.collect import read_json
from wherry.store.database import FILES, Database
from wherry.store.images import ImageRecord
from wherry.store.layerrecord import LayerBlob, LayerInfo
from wherry.store.layers import Layers
from wherry.store.regular import read_regular
from wherry.store.verify import unpack_blob
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.store.store import Store

NOTE = "org.opencontainers.image.ref.name"
TYPES = {
    "none": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}
# A blob that is larger is no manifest (`images.load` takes none that is).
LARGEST_JSON = 1 << 24


def rebuild(store: Store) -> str:
    """Make the database again, and put it in place in one rename; what it held, as a line for people.

    The old file, if there is one, stays as wherry.db.lost.  To be called with the store held alone.
    """
    with store.temp() as temporary:
        path = os.path.join(temporary, "wherry.db")
        database = Database(path)
        layers = Layers(store.root, store.temporary, database, store.blobs)
        found = _layers(store, layers, temporary)
        images = _images(store, database)
        names = _names(store, database)
        containers = _containers(store, database)
        volumes = _volumes(store, database)
        database.close()
        _put_in_place(store, path)
    return (
        f"made again: {counted(names, 'name')}, {counted(images, 'image')}, {counted(found, 'layer')}, "
        f"{counted(containers, 'container')}, {counted(volumes, 'volume')}; the build cache is empty"
    )


def _put_in_place(store: Store, path: str) -> None:
    store.database.close()
    old = store.database.path
    for end in FILES:
        if os.path.lexists(old + end):
            remove_tree(f"{old}.lost{end}")
            os.rename(old + end, f"{old}.lost{end}")
    os.rename(path, old)


def _layers(store: Store, layers: Layers, temporary: str) -> int:
    """Record each blob that holds a layer, and each tree that is whole or can be unpacked from one."""
    for number, digest in enumerate(_digests(store)):
        _layer_blob(store, layers, digest, os.path.join(temporary, f"blob{number}"))
    count = 0
    for name in _hex_names(layers.folder):
        diff_id = f"sha256:{name}"
        packed = _packed(layers.path(diff_id))
        if packed is not None and packed[0] == diff_id:
            layers.record_found(LayerInfo(diff_id, packed[2], packed[1]))
            count += 1
    return count + _unpack_missing(store, layers, temporary)


def _unpack_missing(store: Store, layers: Layers, temporary: str) -> int:
    """Layers whose tree does not give their diff ID, or is gone, but of which there is a blob."""
    count = 0
    for number, diff_id in enumerate(layers.with_blobs()):
        if layers.record(diff_id) is not None:
            continue
        for blob in layers.blobs(diff_id):
            tree = os.path.join(temporary, f"layer{number}")
            packed = unpack_blob(store.blobs, blob.digest, tree)
            if packed is not None and packed.diff_id == diff_id:
                layers.add(tree, LayerInfo(diff_id, packed.size, packed.tar_size))
                count += 1
                break
    return count


def _layer_blob(store: Store, layers: Layers, digest: str, scratch: str) -> None:
    """Record what layer a blob holds, if it holds one."""
    import hashlib

    from wherry.errors import CorruptError
    from wherry.layers.compress import decompressed, kind_of

    path = store.blobs.path(digest)
    if not store.blobs.is_whole(digest):
        return
    with open(path, "rb") as file:
        start = file.read(512)
    media_type = TYPES.get(kind_of(start))
    if media_type is None or start[:1] == b"{":
        return
    hashed = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            plain = decompressed(file)
            while data := plain.read(1 << 20):
                hashed.update(data)
    except CorruptError:
        return
    layers.add_blob(LayerBlob("sha256:" + hashed.hexdigest(), media_type, digest, store.blobs.size(digest)))


def _packed(tree: str) -> tuple[str, int, int] | None:
    """(diff ID, bytes of the tar, bytes of its files) of a tree."""
    from wherry.errors import StepError
    from wherry.layers.pack import pack

    try:
        packed = pack(tree)
    except (StepError, NotADirectoryError):
        return None
    return packed.diff_id, packed.tar_size, packed.size


def _images(store: Store, database: Database) -> int:
    from wherry.store.images import Images

    images = Images(database)
    count = 0
    small = [digest for digest in _digests(store) if store.blobs.size(digest) <= LARGEST_JSON]
    # An image may have several manifests: an index leads to one of them, which comes last and is kept.
    named = {member for digest in small for member in _members(read_json(store, digest))}
    for digest in sorted(small, key=lambda digest: digest in named):
        manifest = read_json(store, digest)
        config = manifest.get("config") if isinstance(manifest, dict) else None
        if not isinstance(config, dict) or not isinstance(manifest.get("layers"), list):
            continue
        layers = [each.get("mediaType") for each in manifest["layers"] if isinstance(each, dict)]
        if IN_TOTO in layers:
            continue  # what an index attests of an image
        image = str(config.get("digest"))
        if store.blobs.has(image) and isinstance(read_json(store, image), dict):
            added = os.stat(store.blobs.path(digest)).st_mtime
            images.add(ImageRecord(image, digest, added))
            count += 1
    return count


def _members(value: object) -> list[str]:
    """The manifests that an index leads to; none where it is no index."""
    entries = value.get("manifests") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        return []
    return [str(entry.get("digest")) for entry in entries if isinstance(entry, dict)]


def _names(store: Store, database: Database) -> int:
    """Each name in index.json, for the image of its manifest, or for the index."""
    try:
        entries = json.loads(read_regular(os.path.join(store.root, "index.json")))["manifests"]
        found = [(str(e["annotations"][NOTE]), str(e["digest"])) for e in entries]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0
    count = 0
    for name, digest in found:
        value = read_json(store, digest)
        if not isinstance(value, dict):
            continue
        config = value.get("config")
        target = str(config.get("digest")) if isinstance(config, dict) else digest
        database.execute("INSERT OR REPLACE INTO names VALUES (?,?)", name, target)
        count += 1
    return count


def _containers(store: Store, database: Database) -> int:
    from wherry.store.containers import Containers

    containers = Containers(store.root, store.temporary, database)
    count = 0
    for name in sorted(os.listdir(store.containers.folder)):
        record = store.containers.saved(name)
        if record is not None and containers.by_name(record.name) is None:
            containers.restore(record)
            count += 1
        else:
            _set_aside(store, name)
    return count


def _volumes(store: Store, database: Database) -> int:
    from wherry.store.containers import Containers
    from wherry.store.volumes import Volumes

    containers = Containers(store.root, store.temporary, database)
    return len(Volumes(store.root, store.temporary, database, containers).all())


def _set_aside(store: Store, container: str) -> None:
    """The files of a container of which nothing is known: a user's data, where no sweep removes it."""
    folder = os.path.join(store.root, "lost")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    store.warn(f"container {container[:12]} has no record: its files are in {folder}/{container}")
    os.rename(store.containers.dir(container), os.path.join(folder, container))


def _digests(store: Store) -> Iterator[str]:
    for name in _hex_names(store.blobs.folder):
        yield f"sha256:{name}"


def _hex_names(folder: str) -> list[str]:
    return [name for name in sorted(os.listdir(folder)) if HEX.match(name)]
