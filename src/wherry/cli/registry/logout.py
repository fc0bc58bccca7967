"""``wherry logout``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Options
from wherry.cli.registry.client import settings

COMMAND = Command("logout", "[SERVER]", max_args=1, description="Without SERVER: Docker Hub.")


def run(options: Options) -> int:
    from wherry.cli.registry.login import server
    from wherry.registry import credentials

    host = server(options.args)
    found = settings()
    if credentials.forget(found, host):
        print(f"Removing login credentials for {credentials.key(host)}")
    else:
        print(f"Not logged in to {credentials.key(host)}")
    return 0
