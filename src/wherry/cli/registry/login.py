"""``wherry login``."""

from __future__ import annotations

import sys

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.registry.client import TLS, settings
from wherry.errors import UsageError
from wherry.oci.reference import DEFAULT_DOMAIN
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.registry.credentials import Credentials
    from wherry.registry.settings import Settings

LONGEST = 1 << 16

COMMAND = Command(
    "login",
    "[OPTIONS] [SERVER]",
    (
        Flag("username", "string", "Username", short="u"),
        Flag("password", "string", "Password (others see it: use --password-stdin)", short="p"),
        Flag("password-stdin", "bool", "Take the password from stdin"),
        TLS,
    ),
    max_args=1,
    description="Without SERVER: Docker Hub.",
)


def run(options: Options) -> int:
    from wherry.app.registry import login

    host = server(options.args)
    found = settings(verify=options.flag(TLS.name))
    done = login(found, host, _given(options, found, host))
    if not done.asks:
        print(f"note: {host} needs no login", file=sys.stderr)
    if not done.encrypted:
        print(
            f"WARNING! Your credentials are stored unencrypted in '{done.place}'.\n"
            "Configure a credential helper (credsStore, credHelpers) to remove this warning.",
            file=sys.stderr,
        )
    print("Login Succeeded")
    return 0


def server(words: list[str]) -> str:
    """A registry as it is typed, with a scheme or without."""
    text = words[0] if words else DEFAULT_DOMAIN
    host = text.removeprefix("https://").removeprefix("http://").partition("/")[0]
    if host in ("", "index.docker.io", "registry-1.docker.io"):
        return DEFAULT_DOMAIN
    if "@" in host or not host.isascii() or not host.isprintable() or " " in host:
        raise UsageError(f"'{host.rpartition('@')[2]}' is not a registry's host", hint="HOST or HOST:PORT")
    return host


def _given(options: Options, found: Settings, host: str) -> Credentials:
    from wherry.registry.credentials import Credentials, find

    user, password = options.string("username"), options.string("password")
    if options.flag("password-stdin"):
        if password is not None:
            raise UsageError("--password and --password-stdin are mutually exclusive")
        if not user:
            raise UsageError("Must provide --username with --password-stdin")
        password = sys.stdin.read(LONGEST).removesuffix("\n").removesuffix("\r")
    elif password is not None:
        print("WARNING! Using --password via the CLI is insecure. Use --password-stdin.", file=sys.stderr)
    if not user and password is None:
        known = find(found, host)
        if known is not None:
            print("Authenticating with existing credentials...")
            return known
    if not sys.stdin.isatty() and (not user or password is None):
        raise UsageError(
            "Cannot perform an interactive login from a non TTY device",
            hint="wherry login -u USER --password-stdin SERVER < FILE",
        )
    if not user:
        user = input("Username: ").strip()
    if password is None:
        from getpass import getpass

        password = getpass("Password: ")
    if not user or not password:
        raise UsageError("a username and a password are required")
    return Credentials(user, password)
