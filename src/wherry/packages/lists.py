"""PURE: the files of the packages of dpkg and apk, by the lists that these keep."""

from __future__ import annotations

from wherry.packages import apk, dpkg
from wherry.packages.osrelease import OsRelease
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wherry.packages.package import Package


def listed(data: Callable[[str], bytes], names: Iterable[str]) -> Iterator[tuple[str, Package]]:
    """(name of a file, package), names as the packages have them: ``lib/x`` where /usr is merged, too.

    `data` gives the bytes of a file, empty where there is none; `names` are those in Distroless' folder.
    """
    system = OsRelease()
    for package in dpkg.packages(data(dpkg.STATUS), f"/{dpkg.STATUS}", system):
        for name in (package.name, f"{package.name}:{package.architecture}"):
            yield from ((each, package) for each in dpkg.listed(data(f"{dpkg.LISTS}{name}.list")))
    for record in (f"{dpkg.FOLDER}{name}" for name in names):
        if dpkg.is_record(record):
            for package in dpkg.packages(data(record), f"/{record}", system):
                yield from ((each, package) for each in dpkg.checksummed(data(f"{record}.md5sums")))
    for record in apk.INSTALLED:
        database = data(record)
        known = {(p.name, p.architecture): p for p in apk.packages(database, f"/{record}", system)}
        yield from ((each, known[key]) for key, each in apk.files(database) if key in known)
