"""``wherry manifest inspect``."""

from __future__ import annotations

import json
import sys

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.registry.client import TLS

COMMAND = Command(
    "manifest inspect",
    "[OPTIONS] NAME[:TAG|@DIGEST]",
    (
        Flag("verbose", "bool", "Name, digest, kind and size, too", short="v"),
        Flag("raw", "bool", "The bytes as the registry has them"),
        TLS,
    ),
    min_args=1,
    max_args=1,
)


def run(options: Options) -> int:
    from wherry.app.registry import manifest
    from wherry.cli.core.output import unescaped
    from wherry.cli.registry.client import registries
    from wherry.oci.reference import parse

    name = parse(options.args[0])
    client = registries(options)
    try:
        found = manifest(client, name)
    finally:
        client.close()
    if options.flag("raw"):
        sys.stdout.flush()
        unescaped(sys.stdout).buffer.write(found.data)
        return 0
    value = json.loads(found.data)
    if options.flag("verbose"):
        about = {"mediaType": found.media_type, "digest": found.digest, "size": len(found.data)}
        value = {"Ref": name.canonical(), "Descriptor": about, "Manifest": value}
    print(json.dumps(value, indent=3))
    return 0
