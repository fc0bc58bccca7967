"""PURE: who refers to a manifest, where a registry does not say so itself.

Source: OCI distribution-spec 1.1, "Pushing Manifests with Subject" and "Referrers Tag Schema": a registry
that knows of subjects answers with ``OCI-Subject``; for another the client keeps an index under a tag.
"""

from __future__ import annotations

import json

from wherry.errors import CorruptError
from wherry.oci.config import load_object
from wherry.oci.digest import is_digest
from wherry.oci.manifest import INDEX
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.oci.manifest import Descriptor


def subject_of(data: bytes) -> str:
    """The digest of the manifest to which another one, or an index, is attached; "" for none."""
    if b'"subject"' not in data:
        return ""
    value = load_object(data, "manifest").get("subject")
    digest = value.get("digest") if isinstance(value, dict) else None
    return digest if isinstance(digest, str) and is_digest(digest) else ""


def fallback_tag(digest: str) -> str:
    """Under which a client lists who refers to a manifest."""
    return digest.replace(":", "-")


def is_fallback_tag(reference: str) -> bool:
    return is_digest(reference.replace("-", ":", 1))


def entry(manifest: Descriptor, data: bytes) -> dict[str, Any]:
    """What a list of referrers says of one, whose bytes are `data`."""
    value = load_object(data, "manifest")
    config = value.get("config")
    kind = value.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else "")
    described = {**manifest._replace(annotations={}).to_json(), "artifactType": str(kind or "")}
    notes = value.get("annotations")
    return {**described, "annotations": notes} if isinstance(notes, dict) and notes else described


def listed(index: bytes, added: dict[str, Any]) -> bytes | None:
    """The list (b"": there is none yet) with one more entry; None where it has that digest.

    Raises CorruptError for what is no image index.
    """
    value = _list(index) if index else {"schemaVersion": 2, "mediaType": INDEX, "manifests": []}
    return _with(value, [added])


def merged(index: bytes, other: bytes) -> bytes:
    """The list with the entries of another one that it does not have; as it is where it has them all.

    Raises CorruptError for what is no image index.
    """
    return _with(_list(index), _list(other)["manifests"]) or index


def _list(data: bytes) -> dict[str, Any]:
    value = load_object(data, "list of referrers")
    if not isinstance(value.get("manifests"), list) or value.get("mediaType", INDEX) != INDEX:
        raise CorruptError("the list of referrers is no image index")
    return value


def _with(value: dict[str, Any], added: Sequence[Any]) -> bytes | None:
    """The bytes of a list with some entries more; None where it has them."""
    there = {each.get("digest") for each in value["manifests"] if isinstance(each, dict)}
    more = [each for each in added if isinstance(each, dict) and each.get("digest") not in there]
    if not more:
        return None
    value["manifests"] += more
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
