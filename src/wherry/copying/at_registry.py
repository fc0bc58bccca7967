"""A repository of a registry, as a place to copy from and to."""

from __future__ import annotations

from wherry.copying.image import attached_tags
from wherry.errors import CorruptError
from wherry.oci.referrers import is_fallback_tag, merged
from wherry.registry.push import send_blob
from wherry.registry.repository import NotThere
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.copying.image import From
    from wherry.oci.manifest import Descriptor
    from wherry.registry.repository import Repository


class AtRegistry:
    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.name = repository.name
        self.manifest = repository.manifest
        self.holds = repository.has_blob
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
        if is_fallback_tag(reference):
            data = self._with_those_there(reference, data)
        self.repository.put_manifest(reference, media_type, data)

    def _with_those_there(self, tag: str, data: bytes) -> bytes:
        """A list of referrers, with those that are listed in this repository alone."""
        try:
            return merged(data, self.repository.manifest(tag).data)
        except (NotThere, CorruptError):
            return data  # nothing is there, or no list: a copy replaces what a tag stands for
