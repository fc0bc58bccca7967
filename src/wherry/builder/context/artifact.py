"""A build's context at a registry: an OCI artifact that is found by what it holds.

The artifact's layer is a tar of the files that the build may see; its configuration is JSON that holds
the Dockerfile and the rules that had left out the rest (OCI image-spec, manifest.md, "Guidelines for
Artifact Usage").  Its tag is made of the names, modes, contents and hard links of the files, as step keys
are: times do not count.  So an unchanged folder is sent once, whoever checks it out again, and its files
have the times that they had then.
"""

from __future__ import annotations

import json
import os
import stat
from functools import partial

from wherry.errors import ChangedError, CorruptError
from wherry.helper import Helper
from wherry.layers.entry import BLOCK, CHARACTER, FIFO, FILE, FOLDER, LINK, SYMLINK, Entry, Status
from wherry.oci.manifest import Descriptor, Manifest, parse
from wherry.sha256 import hex_of
from wherry.store.locks import held
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wherry.builder.context.folder import Context, Found
    from wherry.registry.repository import Repository
    from wherry.store import Store

SCHEME = "oci://"
TYPE = "application/vnd.wherry.context.v1+json"
LAYER = "application/vnd.wherry.context.v1.tar+zstd"
LARGEST = 64 << 20
"""Bytes of a configuration."""
SECOND = 1_000_000_000
TYPES = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: FOLDER,
    stat.S_IFLNK: SYMLINK,
    stat.S_IFIFO: FIFO,
    stat.S_IFCHR: CHARACTER,
    stat.S_IFBLK: BLOCK,
}
"""What is sent: sockets stay where they are, as with COPY."""


class Recipe(NamedTuple):
    """What goes with the files: a Dockerfile, its name, and the rules of .dockerignore as written."""

    dockerfile: str = ""
    name: str = "Dockerfile"
    ignore: str = ""

    def to_json(self) -> bytes:
        return json.dumps(self._asdict(), sort_keys=True).encode()


class Fetched(NamedTuple):
    """`root` is a folder with the files, `dockerfile` the path of the Dockerfile, outside of it; its rules
    lie beside it."""

    root: str
    dockerfile: str


def tag_of(context: Context, recipe: Recipe) -> str:
    """The tag of the artifact that holds these."""
    lines = [recipe.to_json()]
    files = list(_files(context))
    with Helper(held()) as helper:
        marks = context.digests(files, helper)
    links = _links(files)
    for file, mark in zip(files, marks, strict=True):
        text = f"{len(os.fsencode(file.name))} {file.name} {mark}"
        if file.name in links:
            text += f" link {links[file.name]}"
        lines.append(os.fsencode(text))
    return "context-" + hex_of(b"\n".join(lines))[:40]


def send(
    store: Store,
    context: Context,
    recipe: Recipe,
    repository: Repository,
    told: Callable[[str], object] = lambda text: None,
    sent: Callable[[int, int], object] = lambda done, size: None,
) -> str:
    """Have the context at a registry.  The manifest's digest; nothing is sent of one that is there.
    `sent` hears how many bytes have gone, of how many.

    Raises RegistryError, and ChangedError for a file that is written meanwhile.
    """
    from wherry.registry.push import send_blob

    tag = tag_of(context, recipe)
    there = repository.digest(tag)
    if there is not None:
        told(f"{there} is there\n")
        return there
    with store.using():
        config = store.blobs.put(recipe.to_json())
        layer, size = _packed(store, context)
        blobs = (Descriptor(TYPE, config, len(recipe.to_json())), Descriptor(LAYER, layer, size))

        def blobs_there() -> None:
            for blob in blobs:
                if not repository.has_blob(blob.digest, push=True):
                    pieces = partial(_pieces, store.blobs.path(blob.digest), sent, blob.size)
                    send_blob(repository, blob, pieces)

        blobs_there()
        manifest = Manifest(blobs[0], blobs[1:])
        digest = repository.put_manifest(tag, manifest.media_type, manifest.to_json(), blobs_there)
    told(f"sent {size} bytes\nmanifest {digest}\n")
    return digest


def fetch(store: Store, repository: Repository, reference: str, folder: str) -> Fetched:
    """Unpack a context into a new folder.  `reference` is a tag or a digest.

    Raises RegistryError, CorruptError, HostileArchiveError.
    """
    from wherry.layers.compress import decompressed
    from wherry.layers.unpack import unpack
    from wherry.registry.fetch import fetch_blob

    name = f"{repository.name}:{reference}"
    manifest = parse(repository.manifest(reference).data, name)
    if manifest.config.media_type != TYPE or len(manifest.layers) != 1:
        raise CorruptError(f"{name} is no build context", hint="wherry build --on kubernetes makes them")
    if manifest.config.size > LARGEST:
        raise CorruptError(f"{name}: its Dockerfile has {manifest.config.size} bytes")
    with store.using():
        for blob in (manifest.config, *manifest.layers):
            fetch_blob(store, [repository], blob)
        recipe = _recipe(store.blobs.read(manifest.config.digest), name)
        root = os.path.join(folder, "files")
        os.makedirs(root)
        with open(store.blobs.path(manifest.layers[0].digest), "rb") as stream:
            unpack(decompressed(stream), root, name="the context", markers=False)
    place = os.path.join(folder, os.path.basename(recipe.name) or "Dockerfile")
    for path, text in ((place, recipe.dockerfile), (place + ".dockerignore", recipe.ignore)):
        with open(path, "x", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    return Fetched(root, place)


def _recipe(data: bytes, name: str) -> Recipe:
    try:
        value = json.loads(data)
        texts = [value[field] for field in Recipe._fields]
    except (ValueError, KeyError, TypeError, RecursionError):
        texts = [None]
    if not all(isinstance(text, str) for text in texts):
        raise CorruptError(f"{name}: its configuration is not that of a build context")
    return Recipe(*texts)


def _files(context: Context) -> Iterator[Found]:
    return (file for file in context.scan("") if stat.S_IFMT(file.status.st_mode) in TYPES)


def _links(files: Sequence[Found]) -> dict[str, str]:
    """Of the files that are hard links of an earlier one its name."""
    first: dict[tuple[int, int], str] = {}
    found: dict[str, str] = {}
    for file in files:
        status = file.status
        if status.st_nlink > 1 and not file.is_folder:
            other = first.setdefault((status.st_dev, status.st_ino), file.name)
            if other != file.name:
                found[file.name] = other
    return found


def _packed(store: Store, context: Context) -> tuple[str, int]:
    """The layer as a blob of the store: its digest and its size."""
    from wherry.layers.compress import compressed
    from wherry.layers.tarwrite import END

    with store.blobs.writer() as blob:
        writer = compressed(blob, "zstd")  # type: ignore[arg-type]
        files = list(_files(context))
        links = _links(files)
        for file in files:
            for piece in _member(file, links.get(file.name)):
                writer.write(piece)
        writer.write(END)
        writer.close()
        return blob.commit()


def _member(file: Found, link: str | None) -> Iterator[bytes]:
    """A file's header and bytes, or that it is a hard `link`.  What is sent is what its digest tells."""
    from wherry.layers.pack import contents
    from wherry.layers.tarwrite import header, padding

    status, path = file.status, os.fsencode(file.path)
    kind = TYPES[stat.S_IFMT(status.st_mode)] if link is None else LINK
    size = status.st_size if kind == FILE else 0
    target = os.fsencode(link or "")
    if kind == SYMLINK:
        target = os.readlink(path)
    entry = Entry(
        os.fsencode(file.name),
        kind,
        stat.S_IMODE(status.st_mode),
        size=size,
        mtime=status.st_mtime_ns // SECOND,
        target=target,
        device=(os.major(status.st_rdev), os.minor(status.st_rdev)),  # both 0 of what is none
    )
    yield header(entry)
    if size:
        yield from contents(path, entry)
        yield padding(size)
    now = Status.of(os.lstat(path))
    if kind == FILE and (now.st_size, now.st_mtime_ns, now.st_ctime_ns) != (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    ):
        raise ChangedError(f"{file.name} changed while it was read", hint="run it again")


def _pieces(path: str, sent: Callable[[int, int], object], size: int, start: int) -> Iterator[bytes]:
    with open(path, "rb") as file:
        file.seek(start)
        while data := file.read(1 << 20):
            yield data
            start += len(data)
            sent(start, size)
