"""Images of several platforms under one name: an OCI image index, whose images are the store's.

Source: OCI image-spec, image-index.md.
"""

from __future__ import annotations

import json
import os

from wherry.errors import CorruptError
from wherry.images.view import Image
from wherry.oci.config import load_object
from wherry.oci.manifest import INDEX, parse_index
from wherry.oci.platform import Platform, of_machine
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from wherry.store import Store


class Member(NamedTuple):
    """One image of an index, by the digest of its manifest."""

    platform: Platform
    manifest: str


def index_json(entries: Iterable[dict[str, Any]], annotations: Mapping[str, str] = {}) -> bytes:
    value: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(entries)}
    if annotations:
        value["annotations"] = dict(annotations)
    return json.dumps(value, separators=(",", ":")).encode()


def platform_json(platform: Platform) -> dict[str, str]:
    value = {"architecture": platform.architecture, "os": platform.os}
    return {**value, "variant": platform.variant} if platform.variant else value


def members(store: Store, digest: str) -> list[Member]:
    """The images of an index; none where the digest is no index's.  Raises CorruptError."""
    if not store.blobs.has(digest):
        return []
    data = store.blobs.read(digest)
    value = load_object(data, f"index {digest[:19]}")
    if "manifests" not in value:
        return []
    parse_index(data, f"index {digest[:19]}")
    return [Member(_platform(entry.get("platform")), entry["digest"]) for entry in value["manifests"]]


def images(store: Store, digest: str) -> list[Image]:
    """The images of an index that are in the store."""
    known = {record.manifest: record for record in store.images.all()}
    return [Image(store, known[m.manifest]) for m in members(store, digest) if m.manifest in known]


def choose(store: Store, digest: str, platform: Platform | None) -> Image | None:
    """The image of an index for a platform (this machine's where none is given), else its first one."""
    chosen = platform or of_machine(os.uname().machine)
    found = images(store, digest)
    platforms = [(i, i.config.platform) for i in found if i.damage() is None]
    exact = [i for i, platform in platforms if platform == chosen]
    close = [i for i, platform in platforms if platform[:2] == chosen[:2]]
    return next(iter([*exact, *close, *found]), None)


def indexes(store: Store) -> dict[str, list[str]]:
    """Every index that has a name, and its names (canonical)."""
    found: dict[str, list[str]] = {}
    for name, target in store.names.all().items():
        if store.images.get(target) is None and readable_members(store, target):
            found.setdefault(target, []).append(name)
    return found


def readable_members(store: Store, digest: str) -> list[Member]:
    """The images of an index; none, and a warning, where it is damaged: it must not hide the others."""
    try:
        return members(store, digest)
    except CorruptError as error:
        store.warn(error.message)
        return []


def inside(store: Store) -> set[str]:
    """The ids of all images that an index holds."""
    return {image.id for digest in indexes(store) for image in images(store, digest)}


def remove_index(store: Store, digest: str) -> list[str]:
    """Remove the images of an index that has lost its last name, but for those that are wanted otherwise.

    Their ids.
    """
    kept = inside(store)
    used = {container.image_id for container in store.containers.all()}
    gone = [i.id for i in images(store, digest) if i.id not in kept | used and not store.names.of(i.id)]
    for image in gone:
        store.images.remove(image)
    return gone


def _platform(value: object) -> Platform:
    if not isinstance(value, dict):
        return Platform("", "")
    return Platform(*(str(value.get(key, "")) for key in ("os", "architecture", "variant")))


def platforms(found: Sequence[Image]) -> str:
    return ", ".join(str(image.config.platform) for image in found)
