"""PURE: which image of an index is the one for a platform."""

from __future__ import annotations

from wherry.errors import CorruptError, NotFoundError
from wherry.oci.config import load_object
from wherry.oci.manifest import Descriptor, parse_descriptor
from wherry.oci.platform import Platform
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ENTRIES = 10_000


class Entry(NamedTuple):
    """`platform` is None where the index does not say."""

    descriptor: Descriptor
    platform: Platform | None
    os_version: str = ""


def entries(data: bytes, name: str) -> list[Entry]:
    """What an image index, or a manifest list of Docker's, holds.  Raises CorruptError."""
    found = load_object(data, name).get("manifests")
    if not isinstance(found, list) or len(found) > MOST_ENTRIES:
        raise CorruptError(f"{name}: manifests is not a list of at most {MOST_ENTRIES}")
    return [_entry(value, f"{name}: manifests[{i}]") for i, value in enumerate(found)]


def _entry(value: object, name: str) -> Entry:
    descriptor = parse_descriptor(value, name)
    written = value.get("platform") if isinstance(value, dict) else None
    if not isinstance(written, dict):
        return Entry(descriptor, None)
    os_name, machine, variant = (str(written.get(key) or "") for key in ("os", "architecture", "variant"))
    if (machine, variant) == ("arm64", "v8"):
        variant = ""
    return Entry(descriptor, Platform(os_name, machine, variant), str(written.get("os.version") or ""))


def choose(found: Sequence[Entry], platform: Platform, name: str) -> Descriptor:
    """The entry for a platform: the very variant, or the newest one that such a machine runs.

    Attestations (``unknown/unknown``) are no images.  Raises NotFoundError, in Docker's words.
    """
    images = [entry for entry in found if entry.platform is None or entry.platform.os != "unknown"]
    exact = [entry for entry in images if entry.platform == platform]
    close = sorted(
        (entry for entry in images if entry.platform is not None and _runs(entry.platform, platform)),
        key=lambda entry: entry.platform.variant if entry.platform else "",
        reverse=True,
    )
    unsaid = [entry for entry in images if entry.platform is None] if len(images) == 1 else []
    for entry in (*exact, *close, *unsaid):
        return entry.descriptor
    there = ", ".join(sorted({str(entry.platform) for entry in images if entry.platform is not None}))
    raise NotFoundError(
        f"no matching manifest for {platform} in the manifest list entries of {name}",
        hint=f"it has {there}" if there else "it has no images",
    )


def _runs(image: Platform, machine: Platform) -> bool:
    """Whether a machine runs what was built for another variant of it: an older one."""
    if image[:2] != machine[:2]:
        return False
    return not image.variant or not machine.variant or image.variant <= machine.variant
