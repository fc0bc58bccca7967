"""An archive of images that was unpacked to a folder: its files, and what its manifest.json names.

It is hostile: paths are followed inside the folder alone, documents have bounds.
"""

from __future__ import annotations

import hashlib
import json
import os

from wherry.counted import counted
from wherry.digits import whole
from wherry.errors import CorruptError, NotFoundError
from wherry.layers.compress import decompressed
from wherry.layers.rootpath import resolve
from wherry.oci.config import LARGEST_CONFIG
from wherry.oci.digest import digest_of
from wherry.oci.layout import blob_path
from wherry.oci.reference import Reference, parse
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

MOST_NAMED = 10_000
"""Images, and names of them, in one archive."""
CHUNK = 1 << 20


class DockerEntry(NamedTuple):
    """An image of a docker-archive: its configuration, and the paths of its layers in the archive."""

    config: bytes
    layers: tuple[str, ...]
    names: tuple[Reference, ...]


class Archive:
    """Every method raises CorruptError.  `elsewhere` has its files that lie in other places."""

    def __init__(self, folder: str, elsewhere: Mapping[str, str] = {}) -> None:
        self._folder = folder
        self._elsewhere = elsewhere

    def has(self, path: str) -> bool:
        return os.path.isfile(self._place(path))

    def file(self, path: str) -> str:
        """The file of a path of the archive; old archives link layers to each other."""
        host = self._place(path)
        if not os.path.isfile(host):
            raise CorruptError(f"the archive has no {path}", hint="it is incomplete")
        return host

    def _place(self, path: str) -> str:
        host = resolve(self._folder, path)
        return self._elsewhere.get(os.path.relpath(host, self._folder), host)

    def read(self, path: str, most: int = LARGEST_CONFIG) -> bytes:
        """A document of the archive."""
        file = self.file(path)
        size = os.path.getsize(file)
        if size > most:
            raise CorruptError(f"{path} has {size} bytes; at most {most} are read")
        with open(file, "rb") as data:
            return data.read()

    def blob(self, digest: str, most: int = LARGEST_CONFIG) -> bytes:
        """A document of the OCI layout that the archive is, verified."""
        data = self.read(blob_path(digest), most)
        if digest_of(data) != digest:
            raise CorruptError(
                f"blob {digest} has other bytes than its name says", hint="the archive is damaged"
            )
        return data

    def docker(self) -> Iterator[DockerEntry]:
        """What manifest.json lists: {Config, RepoTags, Layers}."""
        try:
            entries = json.loads(self.read("manifest.json"))
        except (ValueError, RecursionError) as error:
            raise CorruptError(f"manifest.json is not JSON: {error}") from None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise CorruptError("manifest.json is not a list of objects")
        check_number(
            "manifest.json", len(entries) + sum(len(entry.get("RepoTags") or "") for entry in entries)
        )
        return map(self._entry, entries)

    def _entry(self, entry: dict[str, Any]) -> DockerEntry:
        layers = entry.get("Layers") or []
        tags = entry.get("RepoTags") or []
        if not isinstance(layers, list) or not isinstance(tags, list):
            raise CorruptError("manifest.json: Layers and RepoTags are lists")
        data = self.read(str(entry.get("Config")))
        # Docker names the file by its digest; a config of other bytes is another image.
        stem = os.path.basename(str(entry.get("Config"))).removesuffix(".json")
        if len(stem) == 64 and digest_of(data) != "sha256:" + stem:
            raise CorruptError(f"the config {stem[:12]} has other bytes than its name says")
        return DockerEntry(data, tuple(map(str, layers)), tuple(parse(str(tag)) for tag in tags))


def chosen(entries: Iterator[DockerEntry], name: str) -> DockerEntry:
    """The image called `name` (NAME[:TAG], or @N, counted from 0), "" for the only one.

    Raises NotFoundError, InvalidReferenceError.
    """
    digits = name.removeprefix("@")
    if name.startswith("@") and digits.isascii() and digits.isdigit():
        number = whole(digits)
        for place, entry in enumerate(entries):
            if place == number:
                return entry
        raise NotFoundError(f"the archive has no image {name}")
    reference = parse(name) if name else None
    names: list[Reference] = []
    found: DockerEntry | None = None
    count = 0
    for entry in entries:
        count += 1
        names += entry.names
        if reference is None or reference in entry.names:
            found = found or entry
    if found is None or (reference is None and count > 1):
        there = ", ".join(each.familiar() for each in names[:10])
        what = f"image {reference.familiar()}" if reference else "only image"
        raise NotFoundError(
            f"the archive has no {what}",
            hint=f"it has {there}" if there else f"@0 to @{count - 1} name them",
        )
    return found


def check_number(where: str, number: int) -> None:
    """Raises CorruptError."""
    if number > MOST_NAMED:
        raise CorruptError(f"{where} names {number} images; at most {MOST_NAMED} are read")


def paired(
    layers: Sequence[str], diff_ids: Sequence[str], whose: str = "the archive"
) -> list[tuple[str, str]]:
    """Each layer of an image, by its path or digest, with its diff ID.  Raises CorruptError."""
    if len(layers) != len(diff_ids):
        raise CorruptError(
            f"the config promises {counted(len(diff_ids), 'layer')}, {whose} has {len(layers)}"
        )
    return list(zip(layers, diff_ids, strict=True))


def plain_layer(file: str, path: str, diff_id: str) -> Iterator[bytes]:
    """The plain tar of a layer, compressed or not, in `file`; `path` is what errors call it.

    Raises CorruptError at its end where it is not that of the diff ID.
    """
    hashed = hashlib.sha256()
    with open(file, "rb") as stream:
        plain = decompressed(stream)
        while data := plain.read(CHUNK):
            hashed.update(data)
            yield data
    found = "sha256:" + hashed.hexdigest()
    if found != diff_id:
        raise other_layer(path, found, diff_id)


def other_layer(path: str, found: str, promised: str) -> CorruptError:
    return CorruptError(
        f"layer {path} is {found} where {promised} was promised", hint="the archive is damaged"
    )
