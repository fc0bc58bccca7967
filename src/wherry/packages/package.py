"""PURE: one package, and its package URL.  Source: the purl specification (package-url/purl-spec)."""

from __future__ import annotations

from urllib.parse import quote

from wherry.typed import NamedTuple

PATH_SAFE = ".-_~"


class Package(NamedTuple):
    """`kind` is a purl type: deb, apk, rpm, pypi, npm, gem, maven or golang.

    `namespace` is what names the package's origin where its kind has that (a distribution, a scope, a
    group, the path of a Go module).  `source` and `source_version` are those of the package that it was
    built from.
    `license` is as the record says it; `is_spdx` that it is an SPDX expression by the record's own rules.
    `path` is the file that tells of it.
    """

    kind: str
    name: str
    version: str
    namespace: str = ""
    architecture: str = ""
    epoch: str = ""
    distribution: str = ""
    source: str = ""
    source_version: str = ""
    license: str = ""
    is_spdx: bool = False
    path: str = ""

    @property
    def purl(self) -> str:
        """``pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12``."""
        name = self.name.lower().replace("_", "-") if self.kind == "pypi" else self.name
        parts = [part for part in self.namespace.split("/") if part]
        path = "/".join(quote(part, PATH_SAFE) for part in (*parts, name))
        version = f"@{quote(self.version, PATH_SAFE + ':')}" if self.version else ""
        qualifiers = {"arch": self.architecture, "distro": self.distribution, "epoch": self.epoch}
        if self.source and self.kind in ("deb", "apk", "rpm"):
            other = self.source_version if self.source_version != self.version else ""
            upstream = f"{self.source}@{other}" if other else self.source
            qualifiers["upstream"] = upstream if upstream != self.name else ""
        said = "&".join(
            f"{key}={quote(value, PATH_SAFE + ':')}" for key, value in sorted(qualifiers.items()) if value
        )
        return f"pkg:{self.kind}/{path}{version}{f'?{said}' if said else ''}"
