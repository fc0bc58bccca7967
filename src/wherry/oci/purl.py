"""PURE: images as package URLs.  Source: the purl specification, type docker."""

from __future__ import annotations

from urllib.parse import quote

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.oci.platform import Platform
    from wherry.oci.reference import Reference


def image_uri(name: Reference, platform: Platform) -> str:
    """``pkg:docker/alpine@3.17?platform=linux%2Famd64``, as BuildKit names images."""
    short = name.familiar_name()
    version = name.tag or name.digest
    end = f"@{quote(version, '.-_~:')}" if version else ""
    return f"pkg:docker/{quote(short, '/.-_~:')}{end}?platform={quote(str(platform), '')}"
