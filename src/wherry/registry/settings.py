"""The user's files and variables that say where registries are and how they are reached.

Made once, from an environment that is given, and handed down: nothing below asks for them itself.
"""

from __future__ import annotations

import os

from wherry.remote.proxies import of_environment
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Settings(NamedTuple):
    """`auth_files` are looked through in their order, and `login_file` is written to by login.
    `registries_files` and `certificate_folders`: the first that has something wins.  `path` is where
    credential helpers are looked for.  With `verify` false every registry may be without TLS or have a
    certificate that nobody vouches for."""

    auth_files: tuple[str, ...] = ()
    login_file: str = ""
    registries_files: tuple[str, ...] = ()
    certificate_folders: tuple[str, ...] = ()
    path: str = os.defpath
    proxies: Mapping[str, str] = {}
    verify: bool = True


def from_environment(environment: Mapping[str, str], home: str, *, verify: bool = True) -> Settings:
    """As docker and podman find them (containers-auth.json(5), containers-registries.conf(5))."""
    docker = environment.get("DOCKER_CONFIG") or os.path.join(home, ".docker")
    docker_file = os.path.join(docker, "config.json")
    config = environment.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    named = environment.get("REGISTRY_AUTH_FILE")
    runtime = environment.get("XDG_RUNTIME_DIR")
    shared = [os.path.join(runtime, "containers/auth.json")] if runtime else []
    shared.append(os.path.join(config, "containers/auth.json"))
    registries = environment.get("CONTAINERS_REGISTRIES_CONF")
    return Settings(
        auth_files=(named,) if named else (docker_file, *shared),
        login_file=named or docker_file,
        registries_files=(registries,)
        if registries
        else (os.path.join(config, "containers/registries.conf"), "/etc/containers/registries.conf"),
        certificate_folders=(
            os.path.join(config, "containers/certs.d"),
            os.path.join(config, "docker/certs.d"),
            "/etc/containers/certs.d",
            "/etc/docker/certs.d",
        ),
        path=environment.get("PATH", os.defpath),
        proxies=of_environment(environment),
        verify=verify,
    )
