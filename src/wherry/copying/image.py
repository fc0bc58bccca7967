"""Images from one place to another as they are, byte for byte: nothing is unpacked, no digest changes."""

from __future__ import annotations

import json

from wherry.errors import CorruptError
from wherry.oci import manifest as oci
from wherry.oci.digest import is_digest
from wherry.registry.choice import choose, entries
from wherry.registry.parallel import Stop, each
from wherry.registry.progress import short
from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from wherry.oci.manifest import Descriptor
    from wherry.oci.platform import Platform
    from wherry.registry.progress import Progress
    from wherry.registry.repository import Fetched

AT_ONCE = 4
CHUNK = 1 << 18
MOST_DEEP = 3
COPYING, COPIED, THERE = "Copying", "Copied", "Already there"
SKIPPED = "Skipped foreign layer"
INDEXES = (oci.INDEX, oci.DOCKER_INDEX)
ATTACHED = ("", ".sig", ".att", ".sbom")
"""Ends of the tags ``sha256-HEX`` under which signatures and referrers lie (cosign, OCI 1.1)."""


class From(Protocol):
    """Where an image is copied from: a repository or a layout."""

    name: str

    def manifest(self, reference: str) -> Fetched: ...

    def holds(self, digest: str) -> bool:
        """Whether it has a blob."""

    def blob(self, digest: str, start: int = 0, end: int | None = None) -> tuple[Any, int]: ...

    def failure(self, error: Exception) -> Exception: ...

    def attached(self, digest: str) -> list[str]:
        """The references of what is attached to a manifest."""


class To(Protocol):
    """Where it is copied to."""

    def has(self, digest: str, source: From) -> bool:
        """Whether a blob is there, or could be taken from a neighbour."""

    def send(self, blob: Descriptor, bytes_from: Callable[[int], Iterator[bytes]]) -> None:
        """Take a blob, whose bytes from a place on can be asked for more than once."""

    def put(self, reference: str, media_type: str, data: bytes) -> None: ...


class Copied(NamedTuple):
    digest: str
    media_type: str


def copy_image(
    source: From,
    reference: str,
    target: To,
    tag: str,
    progress: Progress,
    *,
    platform: Platform | None = None,
    attached: bool = False,
) -> Copied:
    """Copy what `reference` stands for: an index with all its images, or with `platform` that image alone.

    With `attached` signatures and referrers come along.  A manifest is put when all that it names is there.
    Raises RegistryError, NotFoundError, CorruptError.
    """
    copying = _Copying(source, target, progress, attached=attached)
    top = source.manifest(reference)
    for _ in range(MOST_DEEP):
        if platform is None or top.media_type not in INDEXES:
            break
        top = source.manifest(choose(entries(top.data, source.name), platform, source.name).digest)
    copying.manifest(top, tag, 0)
    return Copied(top.digest, top.media_type)


class _Copying:
    def __init__(self, source: From, target: To, progress: Progress, *, attached: bool) -> None:
        self._source = source
        self._target = target
        self._progress = progress
        self._attached = attached
        self._stop = Stop()
        self._done: set[str] = set()

    def manifest(self, found: Fetched, reference: str, depth: int) -> None:
        """What it names, then itself."""
        if depth > MOST_DEEP:
            raise CorruptError(f"{self._source.name}: more than {MOST_DEEP} indexes inside each other")
        value = _object(found.data, f"{self._source.name}: manifest {short(found.digest)}")
        for entry in _descriptors(value, ("manifests",), self._source.name):
            if entry.digest not in self._done:
                self._done.add(entry.digest)
                self.manifest(self._source.manifest(entry.digest), entry.digest, depth + 1)
        blobs = {d.digest: d for d in _descriptors(value, ("config", "layers", "blobs"), self._source.name)}
        each(list(blobs.values()), self._blob, self._stop, number=AT_ONCE)
        self._target.put(reference, found.media_type, found.data)
        if self._attached:
            self._attachments(found, depth)

    def _attachments(self, found: Fetched, depth: int) -> None:
        for reference in self._source.attached(found.digest):
            if reference not in self._done:
                self._done.add(reference)
                self.manifest(self._source.manifest(reference), reference, depth + 1)

    def _blob(self, blob: Descriptor) -> None:
        label = short(blob.digest)

        def bytes_from(start: int) -> Iterator[bytes]:
            body, first = self._source.blob(blob.digest, start)
            try:
                while piece := body.piece(CHUNK):
                    self._stop.check()
                    skipped = min(max(0, start - first), len(piece))
                    first += len(piece)
                    if skipped < len(piece):
                        yield piece[skipped:]
                    self._progress.layer(label, COPYING, first, blob.size)
                if first < blob.size:
                    # Said at once: a target that was promised more would wait for it.
                    raise CorruptError(
                        f"{self._source.name}: blob {blob.digest} came with {first} bytes, "
                        f"{blob.size} were promised"
                    )
            finally:
                body.close()

        if self._target.has(blob.digest, self._source):
            self._progress.layer(label, THERE)
            return
        if blob.urls and not self._source.holds(blob.digest):
            # Whoever wants it asks those addresses, which the manifest goes on naming.
            self._progress.layer(label, SKIPPED)
            return
        self._target.send(blob, bytes_from)
        self._progress.layer(label, COPIED)


def _object(data: bytes, name: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise CorruptError(f"{name} is not a JSON object")
    return value


def _descriptors(value: dict[str, Any], fields: tuple[str, ...], name: str) -> Iterator[Descriptor]:
    for field in fields:
        found = value.get(field)
        listed = [found] if isinstance(found, dict) else found or ()
        if not isinstance(listed, (list, tuple)):
            raise CorruptError(f"{name}: {field} is not a list")
        for entry in listed:
            yield oci.parse_descriptor(entry, f"{name}: {field}")


def attached_tags(digest: str) -> list[str]:
    """Tags under which something may be attached to a manifest."""
    assert is_digest(digest)  # noqa: S101
    return [digest.replace(":", "-") + end for end in ATTACHED]
