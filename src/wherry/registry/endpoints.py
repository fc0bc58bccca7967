"""A name to the places that may have it: mirrors first, then the registry itself.

Source: containers-registries.conf(5), version 2.  Short names are resolved as Docker does
(`oci.reference`), so ``unqualified-search-registries`` is not asked; an alias says where the bytes of a
short name come from.
"""

from __future__ import annotations

import os

from wherry.errors import RegistryError
from wherry.oci.reference import DEFAULT_DOMAIN, parse
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from wherry.oci.reference import Reference
    from wherry.registry.settings import Settings

DOCKER_HUB = "registry-1.docker.io"


class Endpoint(NamedTuple):
    """Where a repository is asked for: ``host:port`` and `path`.  `insecure`: without TLS, or with a
    certificate that nobody vouches for.  `domain` is the registry whose credentials let us in."""

    host: str
    path: str
    insecure: bool = False
    domain: str = ""
    is_mirror: bool = False


def endpoints(settings: Settings, name: Reference, *, pulls: bool = True) -> list[Endpoint]:
    """Where to ask for a name, in order; what is pushed goes to the registry itself alone.

    Raises RegistryError for a registry that is blocked, or a file that cannot be read.
    """
    tables = _tables(settings)
    if pulls:
        name = _aliased(tables, name)
    full = f"{name.domain}/{name.path}"
    entry = _entry(tables, full)
    if entry is None:
        return [_endpoint(settings, full, insecure=False)]
    if entry.get("blocked"):
        raise RegistryError(
            f"registry {_prefix(entry)} is blocked in registries.conf",
            hint=f"see {', '.join(_files(settings)) or 'registries.conf'}",
        )
    mirrors = _listed(entry, "mirror") if pulls else []
    found = [
        _endpoint(settings, _moved(full, entry, mirror), insecure=bool(mirror.get("insecure")))._replace(
            is_mirror=True
        )
        for mirror in mirrors
        if mirror.get("location") and _serves(mirror, entry, name)
    ]
    return [*found, _endpoint(settings, _moved(full, entry, entry), insecure=bool(entry.get("insecure")))]


def _endpoint(settings: Settings, full: str, *, insecure: bool) -> Endpoint:
    domain, _, path = full.partition("/")
    insecure = insecure or not settings.verify or is_loopback(domain)
    host = DOCKER_HUB if domain == DEFAULT_DOMAIN else domain
    return Endpoint(host, path, insecure, domain)


def is_loopback(host: str) -> bool:
    """Whether ``host:port`` is this machine: Docker, too, asks there without TLS."""
    name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
    if name == "localhost" or name == "[::1]" or name.endswith(".localhost"):
        return True
    parts = name.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(part.isdigit() for part in parts)


def _entry(tables: list[dict[str, Any]], full: str) -> dict[str, Any] | None:
    """The table of the longest prefix of a name."""
    best: dict[str, Any] | None = None
    for table in tables:
        for entry in _listed(table, "registry"):
            if not _matches(_prefix(entry), full):
                continue
            if best is None or len(_prefix(entry)) > len(_prefix(best)):
                best = entry
    return best


def _listed(table: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = table.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _prefix(entry: dict[str, Any]) -> str:
    return str(entry.get("prefix") or entry.get("location") or "")


def _matches(prefix: str, full: str) -> bool:
    if not prefix:
        return False
    if prefix.startswith("*."):
        return full.partition("/")[0].endswith(prefix[1:])
    return full == prefix or full.startswith(prefix + "/")


def _moved(full: str, entry: dict[str, Any], target: dict[str, Any]) -> str:
    """The name with the prefix replaced by where that lies."""
    location = str(target.get("location") or "")
    prefix = _prefix(entry)
    if not location or prefix == location:
        return full
    rest = (
        full.partition("/")[1] + full.partition("/")[2] if prefix.startswith("*.") else full[len(prefix) :]
    )
    return location + rest


def _serves(mirror: dict[str, Any], entry: dict[str, Any], name: Reference) -> bool:
    kind = mirror.get("pull-from-mirror") or (
        "digest-only" if entry.get("mirror-by-digest-only") else "all"
    )
    return kind == "all" or (kind == "digest-only") == bool(name.digest)


def _aliased(tables: list[dict[str, Any]], name: Reference) -> Reference:
    """Where an alias says that a short name comes from."""
    short = name._replace(tag="", digest="").familiar()
    for table in tables:
        aliases = table.get("aliases")
        target = aliases.get(short) if isinstance(aliases, dict) else None
        if name.domain == DEFAULT_DOMAIN and isinstance(target, str) and target:
            found = parse(target)
            return name._replace(domain=found.domain, path=found.path)
    return name


def _tables(settings: Settings) -> list[dict[str, Any]]:
    """The files' contents, what is said later first: drop-ins overrule the file itself."""
    files = _files(settings)
    if not files:
        return []
    import tomllib

    found = []
    for file in files:
        try:
            with open(file, "rb") as data:
                found.append(tomllib.load(data))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RegistryError(
                f"{file} is not TOML: {error}", hint="see containers-registries.conf(5)"
            ) from None
        except (FileNotFoundError, PermissionError):
            continue
    return found[::-1]


def _files(settings: Settings) -> list[str]:
    for file in settings.registries_files:
        if os.path.isfile(file):
            return [file, *_drop_ins(file + ".d")]
        if os.path.isdir(file + ".d"):
            return _drop_ins(file + ".d")
    return []


def _drop_ins(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".conf")]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
