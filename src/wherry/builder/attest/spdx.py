"""PURE: the packages of an image as an SPDX document.  Source: the SPDX specification 2.3, JSON form."""

from __future__ import annotations

import hashlib
import re

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.packages.find import Found
    from wherry.packages.package import Package

VERSION = "SPDX-2.3"
DOCUMENT, IMAGE, SYSTEM = "SPDXRef-DOCUMENT", "SPDXRef-Image", "SPDXRef-OperatingSystem"
NONE = "NOASSERTION"


def document(found: Found, name: str, image: str, created: str, tool: str) -> dict[str, Any]:
    """`name` is what the image is called, `image` its ID, `created` RFC 3339 without fractions, `tool` who
    says all this.  The same image at the same time gives the same document."""
    packages = [_package(each) for each in found.packages]
    system = [_system(found)] if found.system.id else []
    everything = [each["SPDXID"] for each in (*system, *packages)]
    value: dict[str, Any] = {
        "spdxVersion": VERSION,
        "dataLicense": "CC0-1.0",
        "SPDXID": DOCUMENT,
        "name": name or image,
        "documentNamespace": f"https://wherry.dev/spdx/{image.partition(':')[2]}-{_mark(created)}",
        "creationInfo": {"created": created, "creators": [f"Tool: {tool}"]},
        "packages": [_image(name, image), *system, *packages],
        "relationships": [
            _relationship(DOCUMENT, "DESCRIBES", IMAGE),
            *(_relationship(IMAGE, "CONTAINS", each) for each in everything),
        ],
    }
    if found.unread:
        value["comment"] = f"Not read: {', '.join(found.unread)}"
    return value


def _image(name: str, image: str) -> dict[str, Any]:
    return {
        **_bare(IMAGE, name or image, ""),
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": image.partition(":")[2]}],
    }


def _system(found: Found) -> dict[str, Any]:
    system = found.system
    return {**_bare(SYSTEM, system.id, system.version), "primaryPackagePurpose": "OPERATING-SYSTEM"}


def _package(package: Package) -> dict[str, Any]:
    mark = _mark("\0".join((package.purl, package.path)))
    word = re.sub("[^A-Za-z0-9.-]", "-", f"{package.kind}-{package.name}")
    value = {
        **_bare(f"SPDXRef-Package-{word}-{mark}", package.name, package.version),
        "sourceInfo": f"found in {package.path}",
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": package.purl,
            }
        ],
    }
    if package.is_spdx:
        value["licenseDeclared"] = package.license
    elif package.license:
        value["licenseComments"] = f"declared as: {package.license}"
    return value


def _bare(identifier: str, name: str, version: str) -> dict[str, Any]:
    value = {
        "SPDXID": identifier,
        "name": name,
        "downloadLocation": NONE,
        "filesAnalyzed": False,
        "licenseConcluded": NONE,
        "licenseDeclared": NONE,
        "copyrightText": NONE,
    }
    return {**value, "versionInfo": version} if version else value


def _relationship(element: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": other}


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]
