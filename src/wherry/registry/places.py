"""What an image is copied from and to: ``docker://NAME``, ``oci:DIR[:TAG]``, ``oci-archive:FILE[:TAG]``."""

from __future__ import annotations

import contextlib
import hashlib
import os

from wherry.errors import CorruptError, NotFoundError, UnsupportedError, UsageError, nearest
from wherry.oci.digest import is_digest
from wherry.oci.manifest import Descriptor
from wherry.oci.reference import parse
from wherry.registry.copying import attached_tags
from wherry.registry.layoutsource import LayoutSource, path_of
from wherry.registry.push import send_blob
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.registry.client import Registries
    from wherry.registry.copying import From, To
    from wherry.registry.repository import Repository

KINDS = ("docker", "oci", "oci-archive")
BY_OTHERS = {
    "docker-archive": "wherry load and wherry save read and write it",
    "docker-daemon": "wherry save NAME | docker load, and docker save NAME | wherry load",
    "containers-storage": "podman push and podman load speak to registries and archives, too",
    "dir": "oci:DIR is a folder that more tools read",
}


class Place(NamedTuple):
    """`kind` is one of KINDS, `where` a name or a path, `tag` that of a layout ("" for its only image)."""

    kind: str
    where: str
    tag: str = ""


def parse_place(text: str) -> Place:
    """Raises UsageError, UnsupportedError, InvalidReferenceError."""
    kind, colon, rest = text.partition(":")
    if kind in BY_OTHERS:
        raise UnsupportedError(f"{kind}: is not copied from or to", hint=BY_OTHERS[kind])
    if kind not in KINDS or not colon or not rest:
        near = nearest(kind, KINDS) if colon else None
        raise UsageError(
            f"'{text}' is no place of an image",
            hint=f"did you mean {near}:?"
            if near
            else "docker://NAME, oci:DIR[:TAG] or oci-archive:FILE[:TAG]",
        )
    if kind == "docker":
        if not rest.startswith("//"):
            raise UsageError(f"'{text}' is no place of an image", hint=f"docker://{rest}")
        parse(rest[2:])
        return Place(kind, rest[2:])
    path, colon, tag = rest.partition(":")
    return Place(kind, path, tag)


class AtRegistry:
    """A repository, as a place to copy from and to."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.name = repository.name
        self.manifest = repository.manifest
        self.blob = repository.blob
        self.failure = repository.failure

    def attached(self, digest: str) -> list[str]:
        found = [tag for tag in attached_tags(digest) if self.repository.digest(tag) is not None]
        return [*self.repository.referrers(digest), *found]

    def has(self, digest: str, source: From) -> bool:
        if self.repository.has_blob(digest, push=True):
            return True
        if (
            not isinstance(source, AtRegistry)
            or source.repository.endpoint.host != self.repository.endpoint.host
        ):
            return False
        return self.repository.begin_upload(digest, source.repository.path) is None

    def send(self, blob: Descriptor, bytes_from: Callable[[int], Iterator[bytes]]) -> None:
        send_blob(self.repository, blob, bytes_from)

    def put(self, reference: str, media_type: str, data: bytes) -> None:
        self.repository.put_manifest(reference, media_type, data)


class InLayout(LayoutSource):
    """An OCI layout in a folder, as a place to copy from and to."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._named: list[Descriptor] = []

    def attached(self, digest: str) -> list[str]:
        return [tag for tag in attached_tags(digest) if self.find(tag) is not None]

    def has(self, digest: str, source: From) -> bool:
        return os.path.isfile(os.path.join(self.name, path_of(digest)))

    def send(self, blob: Descriptor, bytes_from: Callable[[int], Iterator[bytes]]) -> None:
        from wherry.layers.newfile import new_file

        hashed, size = hashlib.sha256(), 0
        with new_file(os.path.join(self.name, path_of(blob.digest))) as file:
            for piece in bytes_from(0):
                hashed.update(piece)
                size += len(piece)
                file.write(piece)
            if "sha256:" + hashed.hexdigest() != blob.digest:
                raise CorruptError(
                    f"blob {blob.digest} came with {size} bytes of sha256:{hashed.hexdigest()}",
                    hint="the line was cut, or other bytes were given; nothing of it is kept",
                )

    def put(self, reference: str, media_type: str, data: bytes) -> None:
        from wherry.images.layout import REF_NAME, Folder
        from wherry.oci.digest import digest_of

        digest = digest_of(data)
        sink = Folder(self.name)
        sink.add(path_of(digest), len(data), lambda out: out(data))
        notes = {} if is_digest(reference) else {REF_NAME: reference}
        if notes:
            self._named.append(Descriptor(media_type, digest, len(data), notes))
            sink.close([each.to_json() for each in self._named], ())


@contextlib.contextmanager
def source(place: Place, registries: Registries, temporary: str) -> Iterator[tuple[From, str]]:
    """Where to copy from, and the reference there."""
    if place.kind == "docker":
        name = parse(place.where)
        yield AtRegistry(registries.sources(name)[-1]), name.digest or name.tag
        return
    folder = place.where
    if place.kind == "oci-archive":
        folder = os.path.join(temporary, "source")
        _unpack(place.where, folder)
    layout = InLayout(folder)
    if not os.path.isfile(os.path.join(folder, "index.json")):
        raise NotFoundError(f"{place.where} is no OCI layout: it has no index.json")
    yield layout, place.tag


@contextlib.contextmanager
def target(place: Place, registries: Registries, temporary: str) -> Iterator[tuple[To, str]]:
    """Where to copy to, and the tag there; an archive is there when the block ends well."""
    if place.kind == "docker":
        name = parse(place.where)
        yield AtRegistry(registries.target(name)), name.tag or name.digest
        return
    if place.kind == "oci":
        yield InLayout(place.where), place.tag or "latest"
        return
    folder = os.path.join(temporary, "target")
    os.mkdir(folder)
    yield InLayout(folder), place.tag or "latest"
    _pack(folder, place.where)


def _unpack(archive: str, folder: str) -> None:
    from wherry.layers.compress import decompressed
    from wherry.layers.unpack import unpack

    os.mkdir(folder)
    try:
        with open(archive, "rb") as file:
            unpack(decompressed(file), folder, name=archive, markers=False)
    except FileNotFoundError as error:
        if error.filename != archive:
            raise
        raise NotFoundError(f"open {archive}: no such file or directory") from None


def _pack(folder: str, archive: str) -> None:
    from wherry.images.layout import Tar
    from wherry.layers.newfile import new_file

    with new_file(archive) as out:
        tar = Tar(out)
        for digest in sorted(os.listdir(os.path.join(folder, "blobs/sha256"))):
            path = os.path.join(folder, "blobs/sha256", digest)
            tar.add(path_of(digest), os.path.getsize(path), _bytes_of(path))
        import json

        with open(os.path.join(folder, "index.json"), "rb") as index:
            tar.close(json.load(index)["manifests"], ())


def _bytes_of(path: str) -> Callable[[Callable[[bytes], object]], object]:
    def write(out: Callable[[bytes], object]) -> None:
        with open(path, "rb") as file:
            while data := file.read(1 << 20):
                out(data)

    return write
