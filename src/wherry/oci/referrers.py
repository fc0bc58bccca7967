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
    value = load_object(index, "list of referrers") if index else {"schemaVersion": 2, "mediaType": INDEX}
    entries = value.setdefault("manifests", [])
    if not isinstance(entries, list) or value.get("mediaType", INDEX) != INDEX:
        raise CorruptError("the list of referrers is no image index")
    if any(isinstance(each, dict) and each.get("digest") == added["digest"] for each in entries):
        return None
    entries.append(added)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
