"""The user's settings for registries, and the flags that change them."""

from __future__ import annotations

import os

from wherry.cli.core.flags import Flag, Options
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.oci.platform import Platform
    from wherry.registry.client import Registries
    from wherry.registry.settings import Settings

TLS = Flag("tls-verify", "bool", "Require TLS and verify certificates (default true)", default=True)


def settings(*, verify: bool = True) -> Settings:
    from wherry.registry.settings import from_environment

    return from_environment(os.environ, os.path.expanduser("~"), verify=verify)


def registries(options: Options | None = None) -> Registries:
    """What a command speaks to registries with; `options` are those of one that has TLS."""
    from wherry.registry.client import Registries

    return Registries(settings(verify=options is None or options.flag(TLS.name)))


def wanted_platform(options: Options) -> Platform | None:
    """What ``--platform`` says.  Raises UsageError."""
    from wherry.oci.platform import parse

    text = options.string("platform")
    return parse(text) if text else None
