"""What is asked of one repository of a registry (OCI distribution-spec 1.1)."""

from __future__ import annotations

import json
import time
from urllib.parse import urlencode, urljoin, urlsplit

from wherry.errors import CorruptError, RegistryError, UnsupportedError
from wherry.oci import manifest as oci
from wherry.oci.digest import digest_of, is_digest
from wherry.oci.referrers import entry, fallback_tag, listed, subject_of
from wherry.registry.answer import DOCUMENT
from wherry.registry.failures import refusal
from wherry.registry.headers import first_of_range, next_page, received
from wherry.registry.session import Session
from wherry.registry.transport import PAUSE
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from wherry.registry.answer import Answer

MANIFESTS = (oci.MANIFEST, oci.DOCKER_MANIFEST, oci.INDEX, oci.DOCKER_INDEX)
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
SUBJECT = "OCI-Subject"
"""The header of a registry that lists by itself what is attached to a manifest."""
NOT_SERVED = (400, 404, 405, 415, 501)
"""What registries answer to a method or a query that they do not serve."""
TRIES = 4
"""Of putting a manifest whose blobs the registry does not know yet."""
MOST_TAGS = 1_000_000
MOST_PAGES = 10_000


class Fetched(NamedTuple):
    """A manifest or an index as the registry has it, byte for byte."""

    media_type: str
    digest: str
    data: bytes


class Upload(NamedTuple):
    """An upload that was begun: where it goes on, and the bytes of it that have arrived."""

    location: str
    offset: int


class Repository:
    """`path` is the repository's name at the registry.  Every method raises RegistryError, which names the
    registry, the repository and what was asked."""

    def __init__(self, session: Session, path: str) -> None:
        self.session = session
        self.path = path
        self.endpoint = session.transport.endpoint

        self.name = f"{self.endpoint.host}/{path}"

    def failure(self, error: Exception) -> Exception:
        """An error of the line, while a blob came, in words."""
        return self.session.transport.failure("GET", f"a blob of {self.path}", error)

    def manifest(self, reference: str) -> Fetched:
        """The manifest of a tag or a digest, verified against the digest; NotThere where there is none."""
        headers = {"Accept": ", ".join(MANIFESTS)}
        answer = self._ask("GET", f"/manifests/{reference}", headers=headers)
        if answer.status == 404:
            raise NotThere(refusal(self.endpoint, self.path, f"manifest {reference}", answer))
        if answer.status != 200:
            raise refusal(self.endpoint, self.path, f"manifest {reference}", answer)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        data = answer.document(DOCUMENT)
        return self._checked(reference, kind, data, answer.headers.get("Docker-Content-Digest", ""))

    def _checked(self, reference: str, kind: str, data: bytes, declared: str) -> Fetched:
        digest = digest_of(data)
        expected = reference if is_digest(reference) else declared
        if kind.startswith(SCHEMA_1):
            raise UnsupportedError(
                f"{self.name}:{reference} is an image of schema 1, which Docker dropped in 2020",
                hint="push it again with a newer docker, skopeo or crane",
            )
        if is_digest(expected) and digest != expected:
            raise CorruptError(
                f"{self.name}: manifest {reference} came with bytes of {digest}, not of {expected}",
                hint="the registry, or a proxy on the way, sent other bytes than those asked for",
            )
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise RegistryError(
                f"{self.name}: manifest {reference} is not JSON ({kind or 'of no kind'})",
                hint="is that a registry?",
            )
        own = value.get("mediaType")
        if value.get("schemaVersion") == 1:
            return self._checked(reference, SCHEMA_1, data, declared)
        return Fetched(str(own) if own else _kind_of(value, kind), digest, data)

    def digest(self, reference: str) -> str | None:
        """The digest of a tag, without its bytes; None where there is none."""
        headers = {"Accept": ", ".join(MANIFESTS)}
        answer = self._ask("HEAD", f"/manifests/{reference}", headers=headers)
        if answer.status == 404:
            answer.drop()
            return None
        if answer.status != 200:
            raise refusal(self.endpoint, self.path, f"manifest {reference}", answer)
        answer.drop()
        digest = answer.headers.get("Docker-Content-Digest", "")
        return digest if is_digest(digest) else self.manifest(reference).digest

    def put_manifest(
        self, reference: str, media_type: str, data: bytes, again: Callable[[], object] = lambda: None
    ) -> str:
        """Let a tag, or its digest, stand for a manifest.  Its digest.

        A registry may not know of a blob that it has just taken: its storage is slow to tell, somebody
        writes the same blob, or it was collected meanwhile.  Then `again` is called, which sends what is
        missing, and the manifest is put once more.

        What is attached to another manifest is listed under a tag where the registry does not list it.
        """
        headers = {"Content-Type": media_type}
        for attempt in range(1, TRIES + 1):
            answer = self._ask("PUT", f"/manifests/{reference}", headers=headers, body=data, push=True)
            if answer.status in (200, 201, 202):
                answer.drop()
                if not answer.headers.get(SUBJECT, ""):
                    self._list_referrer(media_type, data)
                break
            error = refusal(self.endpoint, self.path, f"putting manifest {reference}", answer)
            if answer.status not in (400, 404) or attempt == TRIES:
                raise error
            time.sleep(PAUSE * 2 ** (attempt - 1))
            again()
        return digest_of(data)

    def _list_referrer(self, media_type: str, data: bytes) -> None:
        """Instead of a registry that knows nothing of a manifest's subject.

        The list is read, and written with one entry more: of two at the same instant one may be lost.
        """
        subject = subject_of(data)
        if not subject:
            return
        tag = fallback_tag(subject)
        try:
            before = self.manifest(tag).data
        except NotThere:
            before = b""
        own = oci.Descriptor(media_type, digest_of(data), len(data))
        try:
            index = listed(before, entry(own, data))
        except CorruptError as error:
            raise RegistryError(
                f"{self.name}: {error.message}: {tag} stands for something else",
                hint="remove or rename that tag; what is attached to an image is listed there",
            ) from None
        if index is not None:
            self.put_manifest(tag, oci.INDEX, index)

    def has_blob(self, digest: str, *, push: bool = False) -> bool:
        answer = self._ask("HEAD", f"/blobs/{digest}", push=push)
        answer.drop()
        if answer.status == 200 or answer.status in NOT_SERVED:
            return answer.status == 200  # one that cannot be asked gets it
        raise refusal(self.endpoint, self.path, f"blob {digest}", answer)

    def blob(self, digest: str, start: int = 0, end: int | None = None) -> tuple[Answer, int]:
        """The bytes of a blob from `start` on, and before `end` where it is given; from an earlier byte to
        the last where ranges are not known.  The answer, and the first byte that it gives."""
        headers = {}
        if end is not None:
            headers["Range"] = f"bytes={start}-{end - 1}"
        elif start:
            headers["Range"] = f"bytes={start}-"
        answer = self._ask("GET", f"/blobs/{digest}", headers=headers)
        if answer.status == 206:
            first = first_of_range(answer.headers.get("Content-Range", ""))
            if first is None or first > start:
                answer.close()
                raise RegistryError(
                    f"{self.name}: blob {digest}: asked for bytes from {start}, got {first}"
                )
            return answer, first
        if answer.status == 416:
            answer.drop()
            return self.blob(digest)
        if answer.status == 404:
            raise NotThere(refusal(self.endpoint, self.path, f"blob {digest}", answer))
        if answer.status != 200:
            raise refusal(self.endpoint, self.path, f"blob {digest}", answer)
        return answer, 0

    def begin_upload(self, mount: str = "", source: str = "") -> Upload | None:
        """Begin to send a blob; None where it was mounted from another repository (`source`).

        Who may not read there, or asks a registry that mounts nothing, sends it.
        """
        if mount and source:
            try:
                answer = self._begin({"mount": mount, "from": source}, f" repository:{source}:pull")
            except RegistryError:  # no token for both repositories
                return self.begin_upload()
            if answer.status == 201:
                return None
            if answer.status != 202:
                return self.begin_upload()
        else:
            answer = self._begin({}, "")
            if answer.status not in (202, 201):
                raise refusal(self.endpoint, self.path, "beginning an upload", answer)
        return Upload(self._location(answer), 0)

    def _begin(self, query: Mapping[str, str], more: str) -> Answer:
        path = "/blobs/uploads/" + ("?" + urlencode(query) if query else "")
        scope = f"repository:{self.path}:pull,push{more}"
        answer = self._ask("POST", path, headers={"Content-Length": "0"}, scope=scope)
        answer.drop()
        return answer

    def send(self, upload: Upload, pieces: Callable[[], Iterable[bytes]], size: int) -> Upload:
        """Send `size` bytes more, as they come.  Not tried again: arrived() says how far it came.

        Raises InOneOnly where the registry takes no parts of a blob.
        """
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        if upload.offset:
            headers["Content-Range"] = f"{upload.offset}-{upload.offset + size - 1}"
        answer = self._ask("PATCH", upload.location, headers=headers, body=pieces, push=True, tries=1)
        answer.drop()
        if answer.status not in (202, 201, 204):
            error = refusal(self.endpoint, self.path, "sending a blob", answer)
            raise InOneOnly(error) if not upload.offset and answer.status in NOT_SERVED else error
        return Upload(self._location(answer), upload.offset + size)

    def arrived(self, upload: Upload) -> Upload | None:
        """How far an upload came; None where the registry has forgotten it."""
        answer = self._ask("GET", upload.location, push=True)
        answer.drop()
        if answer.status not in (204, 200, 202):
            return None
        return Upload(self._location(answer, upload.location), received(answer.headers.get("Range", "")))

    def finish_upload(self, upload: Upload, digest: str) -> None:
        """Let what was sent be a blob: the registry verifies it.  Raises OtherDigest where it is not."""
        self._finish(upload, digest, 0, None)

    def send_in_one(
        self, upload: Upload, digest: str, pieces: Callable[[], Iterable[bytes]], size: int
    ) -> None:
        """Send a whole blob by the request that ends its upload.  Raises OtherDigest as finish_upload()."""
        self._finish(upload, digest, size, pieces)

    def _finish(self, upload: Upload, digest: str, size: int, body: object) -> None:
        url = upload.location + ("&" if "?" in upload.location else "?") + urlencode({"digest": digest})
        headers = {"Content-Length": str(size)}
        if body is not None:
            headers["Content-Type"] = "application/octet-stream"
        answer = self._ask("PUT", url, headers=headers, body=body, push=True)
        if answer.status not in (201, 202, 204):
            error = refusal(self.endpoint, self.path, f"finishing blob {digest}", answer)
            raise OtherDigest(error) if answer.status in (400, 416) else error
        answer.drop()

    def tags(self) -> list[str]:
        """All tags."""
        found: list[str] = []
        url: str | None = f"/v2/{self.path}/tags/list?n=1000"
        for _ in range(MOST_PAGES):
            answer = self._ask("GET", url or "")
            if answer.status == 404:
                raise NotThere(refusal(self.endpoint, self.path, "its tags", answer))
            if answer.status != 200:
                raise refusal(self.endpoint, self.path, "its tags", answer)
            try:
                found += [str(tag) for tag in json.loads(answer.document(1 << 24)).get("tags") or ()]
            except (ValueError, AttributeError, TypeError, RecursionError):
                raise RegistryError(
                    f"{self.name}: its tags are not a list", hint="is that a registry?"
                ) from None
            following = next_page(answer.headers.get("Link", ""))
            url = urljoin(answer.url, following) if following else None
            if url is None or len(found) > MOST_TAGS:
                break
        return found

    def referrers(self, digest: str) -> list[str]:
        """The digests of manifests that are attached to one (their `subject`); none where the registry does
        not know of such."""
        answer = self._ask("GET", f"/referrers/{digest}")
        if answer.status != 200:
            answer.drop()
            return []
        found = oci.parse_index(answer.document(DOCUMENT), f"{self.name}: referrers of {digest}")
        return [descriptor.digest for descriptor in found]

    def _location(self, answer: Answer, before: str = "") -> str:
        location = answer.headers.get("Location", "") or before
        if not location:
            raise RegistryError(f"{self.name}: the registry accepted an upload without a Location")
        return urljoin(answer.url, location)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] = {},
        body: object = None,
        push: bool = False,
        scope: str = "",
        tries: int = 0,
    ) -> Answer:
        """`path` is below the repository, below ``/v2/``, or a whole URL."""
        url = path if urlsplit(path).scheme or path.startswith("/v2/") else f"/v2/{self.path}{path}"
        scope = scope or f"repository:{self.path}:{'pull,push' if push else 'pull'}"
        if tries:
            return self.session.request(method, url, scope, headers, body, tries=tries)
        return self.session.request(method, url, scope, headers, body)


class _Refusal(RegistryError):
    def __init__(self, error: RegistryError) -> None:
        super().__init__(error.message, hint=error.hint)


class NotThere(_Refusal):
    """The registry has no such thing."""


class OtherDigest(_Refusal):
    """What arrived of a blob is not what its digest says."""


class InOneOnly(_Refusal):
    """The registry takes a blob by one request alone."""


def _kind_of(value: dict[str, object], declared: str) -> str:
    """The media type of a document that does not say it: what the answer says, else its shape."""
    if declared in MANIFESTS:
        return declared
    return oci.INDEX if "manifests" in value else oci.MANIFEST
