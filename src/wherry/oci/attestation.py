"""PURE: what is attested of an image, and how an image index carries it.

Source: BuildKit's documentation, "Image attestation storage": beside each image an index has a manifest for
the platform unknown/unknown, whose layers are in-toto statements about that image.  It is an artifact with
that image as its subject (image-spec 1.1), as BuildKit 0.34 writes it; older ones had a configuration.
"""

from __future__ import annotations

import base64
import json

from wherry.errors import CorruptError
from wherry.oci.config import load_object
from wherry.oci.digest import digest_of, is_digest
from wherry.oci.manifest import MANIFEST, Descriptor
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

STATEMENT = "https://in-toto.io/Statement/v1"
IN_TOTO = "application/vnd.in-toto+json"
SPDX = "https://spdx.dev/Document"
SLSA_ANY = "https://slsa.dev/provenance/"
SLSA = SLSA_ANY + "v1"
PREDICATE = "in-toto.io/predicate-type"
KIND, SUBJECT = "vnd.docker.reference.type", "vnd.docker.reference.digest"
ATTESTATION = "attestation-manifest"
ARTIFACT = "application/vnd.docker.attestation.manifest.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
NO_CONFIG = b"{}"
MOST = 64
"""Statements about one image."""


FILE_NAMES = {SPDX: "sbom.spdx.json", SLSA: "provenance.json"}
"""Of statements beside the files of an image."""


class Attestation(NamedTuple):
    """What is said of an image, in the form that `predicate_type` names (SPDX, SLSA or another)."""

    predicate_type: str
    predicate: dict[str, Any]


class Attached(NamedTuple):
    """An attestation manifest and its blobs, by their digests: the configuration and the statements."""

    descriptor: Descriptor
    manifest: bytes
    blobs: dict[str, bytes]

    def statements(self) -> list[tuple[str, bytes]]:
        """By their digests, in their order."""
        return list(self.blobs.items())[1:]

    def entry(self, image: str) -> dict[str, Any]:
        """What an index says of it; `image` is the digest of the manifest that it is about."""
        notes = {SUBJECT: image, KIND: ATTESTATION}
        value = self.descriptor._replace(annotations=notes).to_json()
        return {**value, "platform": {"architecture": "unknown", "os": "unknown"}}


def attach(attestations: Sequence[Attestation], subjects: Sequence[str], image: Descriptor) -> Attached:
    """`subjects` are what the image is called (purls); `image` is its manifest's descriptor."""
    return _packed([_statement(each, subjects, image.digest) for each in attestations], image)


def moved(statements: Sequence[bytes], image: Descriptor) -> Attached:
    """The same statements of the same image under another manifest: its layers were packed anew.

    Raises CorruptError.
    """
    values = [load_object(data, "an attestation") for data in statements]
    algorithm, _, value = image.digest.partition(":")
    for each in values:
        if not isinstance(each.get("predicateType"), str):
            raise CorruptError("an attestation says nothing of its predicate's type")
        subjects = each.get("subject")
        for subject in subjects if isinstance(subjects, list) else ():
            if isinstance(subject, dict):
                subject["digest"] = {algorithm: value}
    return _packed(values, image)


def _statement(attestation: Attestation, subjects: Sequence[str], image: str) -> dict[str, Any]:
    algorithm, _, value = image.partition(":")
    return {
        "_type": STATEMENT,
        "predicateType": attestation.predicate_type,
        "subject": [{"name": name, "digest": {algorithm: value}} for name in subjects or ("_",)],
        "predicate": attestation.predicate,
    }


def _packed(statements: Sequence[Mapping[str, Any]], image: Descriptor) -> Attached:
    found = {}
    layers = []
    for statement in statements:
        data = _json(statement)
        found[digest_of(data)] = data
        note = {PREDICATE: str(statement["predicateType"])}
        layers.append(Descriptor(IN_TOTO, digest_of(data), len(data), note))
    config = Descriptor(EMPTY, digest_of(NO_CONFIG), len(NO_CONFIG))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": ARTIFACT,
            "config": {**config.to_json(), "data": base64.b64encode(NO_CONFIG).decode()},
            "layers": [layer.to_json() for layer in layers],
            "subject": image._replace(annotations={}).to_json(),
        }
    )
    descriptor = Descriptor(MANIFEST, digest_of(manifest), len(manifest))
    return Attached(descriptor, manifest, {config.digest: NO_CONFIG, **found})


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def subject_of(entry: object) -> str | None:
    """The manifest that an index's entry attests something of; None for an entry that is an image."""
    notes = entry.get("annotations") if isinstance(entry, dict) else None
    if not isinstance(notes, dict) or notes.get(KIND) != ATTESTATION:
        return None
    digest = notes.get(SUBJECT)
    return digest if isinstance(digest, str) and is_digest(digest) else ""


def parts(manifest: bytes) -> list[Descriptor]:
    """The statements of an attestation manifest, with their predicate types in the annotation PREDICATE.

    Raises CorruptError.
    """
    from wherry.oci.manifest import parse

    found = [
        layer for layer in parse(manifest, "attestation manifest").layers if layer.media_type == IN_TOTO
    ]
    if len(found) > MOST:
        raise CorruptError(f"an attestation manifest has more than {MOST} statements")
    return found


def shown(statements: Mapping[str, bytes], *, predicates: bool) -> dict[str, Any]:
    """Statements by their digests as ``inspect`` shows them, and with `predicates` as ``docker buildx
    imagetools inspect`` does (``SBOM.SPDX``, ``Provenance.SLSA``).  Raises CorruptError."""
    found = {digest: predicate_of(data) for digest, data in statements.items()}
    value: dict[str, Any] = {"SBOM": None, "Provenance": None} if predicates else {}
    if found:
        value["Attestations"] = [
            {"PredicateType": kind, "Digest": digest} for digest, (kind, _) in found.items()
        ]
    for kind, predicate in found.values() if predicates else ():
        if kind == SPDX:
            value["SBOM"] = {"SPDX": predicate}
        elif kind.startswith(SLSA_ANY):
            value["Provenance"] = {"SLSA": predicate}
    return value


def predicate_of(statement: bytes) -> tuple[str, Any]:
    """The type and the predicate of a statement.  Raises CorruptError."""
    value = load_object(statement, "an attestation")
    return str(value.get("predicateType") or ""), value.get("predicate")
