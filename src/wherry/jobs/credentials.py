"""What a pod is given to be let into registries: of this machine's settings, what is about the images of
the build, and no more."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from wherry.oci.reference import DEFAULT_DOMAIN
from wherry.registry import credentials
from wherry.registry.endpoints import endpoints, is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.oci.reference import Reference
    from wherry.registry.settings import Settings


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
