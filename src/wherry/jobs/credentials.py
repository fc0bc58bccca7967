"""What a pod is given to be let into registries: of this machine's settings, what is about the images of
the build, and no more."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING, Any

from wherry.errors import RegistryError
from wherry.oci.reference import DEFAULT_DOMAIN
from wherry.registry import credentials
from wherry.registry.endpoints import endpoints, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.oci.reference import Reference
    from wherry.registry.settings import Settings

LARGEST = 1 << 20
"""Bytes of a certificate's file."""


def docker_config(settings: Settings, names: Iterable[Reference]) -> bytes:
    """A config.json of docker's with what lets us into these repositories.  Raises RegistryError."""
    auths: dict[str, Any] = {}
    for name in names:
        found = credentials.find(settings, name.domain, name.path)
        if found is None:
            continue
        entry = {"auth": base64.b64encode(f"{found.user}:{found.password}".encode()).decode()}
        if found.token:
            entry["identitytoken"] = found.token
        # Two repositories of one registry may have credentials of their own.
        own = name.domain != DEFAULT_DOMAIN
        auths[f"{name.domain}/{name.path}" if own else credentials.key(name.domain)] = entry
    return json.dumps({"auths": auths}).encode()


def certificates(settings: Settings, names: Iterable[Reference]) -> dict[str, bytes]:
    """What certs.d has of these registries, by its path in one: ``HOST/FILE``.  Raises RegistryError."""
    hosts = {place.host for name in names for place in endpoints(settings, name, pulls=False)}
    found: dict[str, bytes] = {}
    for number, folder in enumerate(settings.certificate_folders):
        for host in sorted(hosts):
            for file in _files(os.path.join(folder, host)):
                try:
                    with open(os.path.join(folder, host, file), "rb") as data:
                        found[f"{host}/{number}-{file}"] = data.read(LARGEST)
                except OSError as error:
                    raise RegistryError(f"{folder}/{host}/{file}: {error.strerror}") from None
    return found


def _files(folder: str) -> list[str]:
    try:
        return [name for name in sorted(os.listdir(folder)) if name.endswith((".crt", ".cert", ".key"))]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def registries_conf(settings: Settings, names: Iterable[Reference]) -> bytes:
    """A registries.conf with those that are spoken to without TLS, or whatever their certificate is."""
    hosts = {
        place.host
        for name in names
        for place in endpoints(settings, name, pulls=False)
        if place.insecure and not is_loopback(place.host)
    }
    tables = [f"[[registry]]\nlocation = {json.dumps(host)}\ninsecure = true\n" for host in sorted(hosts)]
    return "".join(tables).encode()
