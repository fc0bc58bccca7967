"""Layers that bring an index of their files: eStargz and zstd:chunked.  Only the index is fetched.

Sources: containerd's stargz-snapshotter, docs/estargz.md; containers/storage,
docs/containers-storage-zstd-chunked.md.
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json

from wherry.digits import whole
from wherry.errors import CorruptError
from wherry.explore.contents import Seen
from wherry.explore.read import Gathering
from wherry.layers.compress import decompressed
from wherry.layers.entry import BLOCK, CHARACTER, FIFO, FILE, FOLDER, LINK, SYMLINK, Entry
from wherry.layers.tarread import LARGEST_ID, TarReader
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wherry.explore.model import LayerFiles
    from wherry.oci.manifest import Descriptor

    Fetch = Callable[[int, int], bytes]

STARGZ = "containerd.io/snapshot/stargz/toc.digest"
CHUNKED = ("io.github.containers.zstd-chunked.", "io.containers.zstd-chunked.")
FOOTER = 51
"""Bytes at the end of an eStargz blob."""
INDEX_NAME = b"stargz.index.json"
LARGEST_INDEX = 1 << 28
TYPES = {
    "reg": FILE,
    "dir": FOLDER,
    "symlink": SYMLINK,
    "hardlink": LINK,
    "char": CHARACTER,
    "block": BLOCK,
    "fifo": FIFO,
}


def from_index(blob: Descriptor, fetch: Fetch) -> LayerFiles | None:
    """The files of a layer by its index; None where it has none.

    `fetch(start, end)` gives bytes of the blob.  Raises CorruptError for an index that is not the one that
    the manifest promises, and what `fetch` raises.
    """
    notes = blob.annotations
    if STARGZ in notes:
        return _files(_stargz(blob, fetch), blob)
    for prefix in CHUNKED:
        position, digest = notes.get(f"{prefix}manifest-position"), notes.get(f"{prefix}manifest-checksum")
        if position and digest:
            return _files(_chunked(blob, position, digest, fetch), blob)
    return None


def _stargz(blob: Descriptor, fetch: Fetch) -> bytes:
    footer = fetch(blob.size - FOOTER, blob.size) if blob.size > FOOTER else b""
    text = footer[16:38]
    if footer[12:14] != b"SG" or not text.endswith(b"STARGZ"):
        raise _damaged(blob)
    try:
        offset = int(text[:16], 16)
    except ValueError:
        raise _damaged(blob) from None
    if not 0 <= offset < blob.size - FOOTER or blob.size - offset > LARGEST_INDEX:
        raise _damaged(blob)
    reader = TarReader(decompressed(io.BytesIO(fetch(offset, blob.size - FOOTER))), "the index of a layer")
    for member in reader:
        if member.entry.name == INDEX_NAME and member.stored <= LARGEST_INDEX:
            data = b"".join(reader.data())
            if _digest(data) != blob.annotations[STARGZ]:
                raise _damaged(blob)
            return data
    raise _damaged(blob)


def _chunked(blob: Descriptor, position: str, digest: str, fetch: Fetch) -> bytes:
    """`position` is ``offset:bytes:bytes when it is decompressed:type``."""
    import zstandard

    numbers = [whole(word, blob.size) for word in position.split(":")[:2]]
    plain = whole(position.split(":")[2], LARGEST_INDEX) if position.count(":") == 3 else None
    if None in numbers or len(numbers) != 2 or plain is None:
        raise _damaged(blob)
    offset, size = numbers
    assert offset is not None and size is not None  # noqa: S101
    data = fetch(offset, offset + size)
    if _digest(data) != digest:
        raise _damaged(blob)
    try:
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=plain)
    except zstandard.ZstdError:
        raise _damaged(blob) from None


def _files(data: bytes, blob: Descriptor) -> LayerFiles:
    try:
        entries = json.loads(data)["entries"]
        found = Gathering(f"layer {blob.digest[:19]}")
        for each in entries:
            if each["type"] != "chunk":
                found.add(*_entry(each))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        raise _damaged(blob) from None
    return found.done()


def _entry(value: dict[str, Any]) -> tuple[Entry, Seen | None]:
    kind = TYPES[value["type"]]
    size = _number(value, "size", 1 << 62) if kind == FILE else 0
    entry = Entry(
        value["name"].encode("utf-8", "surrogateescape"),
        kind,
        _number(value, "mode", 1 << 32) & 0o7777,
        _number(value, "uid", LARGEST_ID),
        _number(value, "gid", LARGEST_ID),
        size,
        int(datetime.datetime.fromisoformat(value["modtime"]).timestamp()) if value.get("modtime") else 0,
        (value.get("linkName") or "").encode("utf-8", "surrogateescape"),
    )
    digest = value.get("digest")
    return entry, Seen(digest.removeprefix("sha256:")) if digest and size else None


def _number(value: dict[str, Any], key: str, most: int) -> int:
    number = value.get(key) or 0
    if not isinstance(number, int) or not 0 <= number <= most:
        raise ValueError(key)
    return number


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _damaged(blob: Descriptor) -> CorruptError:
    return CorruptError(f"the index of layer {blob.digest} is not as its manifest promises")
