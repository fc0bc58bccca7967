"""PURE: packages of several images, with their versions side by side."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.packages.package import Package

SEPARATORS = {"maven": ":"}
SYSTEM = ("deb", "apk", "rpm")
"""Kinds whose namespace is a distribution, and no part of a name."""


class Row(NamedTuple):
    """A package, and for each image the versions that it has of it: none, one, or several.

    `sources` are the source packages that distributions name vulnerabilities by.
    """

    kind: str
    name: str
    versions: tuple[tuple[str, ...], ...]
    sources: tuple[str, ...] = ()

    @property
    def differs(self) -> bool:
        return len(set(self.versions)) > 1

    @property
    def is_everywhere(self) -> bool:
        return all(self.versions)


def side_by_side(images: Sequence[Sequence[Package]]) -> list[Row]:
    """A row for each package that one of the images has, by kind and name."""
    found: dict[tuple[str, str], list[set[str]]] = {}
    sources: dict[tuple[str, str], set[str]] = {}
    for place, packages in enumerate(images):
        for package in packages:
            key = package.kind, full_name(package)
            found.setdefault(key, [set() for _ in images])[place].add(package.version)
            sources.setdefault(key, set()).update({package.source} - {""})
    return [
        Row(*key, tuple(tuple(sorted(each)) for each in versions), tuple(sorted(sources[key])))
        for key, versions in sorted(found.items())
    ]


def full_name(package: Package) -> str:
    """As its own package manager calls it: ``@scope/name``, ``group:artifact``."""
    if not package.namespace or package.kind in SYSTEM:
        return package.name
    return f"{package.namespace}{SEPARATORS.get(package.kind, '/')}{package.name}"
