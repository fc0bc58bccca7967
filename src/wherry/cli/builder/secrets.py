"""``--secret`` and ``--ssh``: what the command line gives to the mounts of RUN steps."""

from __future__ import annotations

import os
import stat

from wherry.commas import separated
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.builder.secrets import BuildSecrets, Secret


def given(secrets: list[str], agents: list[str]) -> BuildSecrets | None:
    """None where nothing is given: a cached build shall not pay for it.  Raises UsageError."""
    if not secrets and not agents:
        return None
    from wherry.builder.secrets import BuildSecrets

    return BuildSecrets(dict(map(_secret, secrets)), dict(map(_agent, agents)))


def _secret(text: str) -> tuple[str, Secret]:
    """``id=ID[,type=file|env][,src=FILE][,env=NAME]``; with neither, the variable ID, else the file ID."""
    from wherry.builder.secrets import Secret

    values: dict[str, str] = {}
    for field in separated(text, "--secret"):
        key, equals, value = field.partition("=")
        key = {"source": "src"}.get(key.lower(), key.lower())
        if not equals or key not in ("id", "type", "src", "env"):
            raise UsageError(f'invalid field "{field}" for --secret', hint="say id=NAME,src=FILE")
        values[key] = value
    if not values.get("id"):
        raise UsageError(f'--secret "{text}" has no id', hint="say id=NAME,src=FILE")
    name = values["id"]
    variable = values.get("env")
    if variable is None and values.get("type") == "env":
        variable = values.get("src", name)
    elif variable is None and "src" not in values and name in os.environ:
        variable = name
    if variable is not None:
        if variable not in os.environ:
            raise UsageError(f"--secret id={name}: the variable {variable} is not set")
        return name, Secret(value=os.environb[os.fsencode(variable)])
    path = os.path.abspath(values.get("src", name))
    if not os.path.isfile(path):
        raise UsageError(f"--secret id={name}: there is no file {path}")
    return name, Secret(path=path)


def _agent(text: str) -> tuple[str, str]:
    """``ID`` is the agent of SSH_AUTH_SOCK, ``ID=SOCKET`` another."""
    name, equals, path = text.partition("=")
    if not equals:
        path = os.environ.get("SSH_AUTH_SOCK", "")
        if not path:
            raise UsageError(
                f"--ssh {text}: SSH_AUTH_SOCK is not set", hint="start an agent: eval $(ssh-agent); ssh-add"
            )
    try:
        is_socket = stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        is_socket = False
    if not is_socket:
        raise UsageError(
            f"--ssh {text}: {path} is not the socket of an agent",
            hint="load the key into an agent: eval $(ssh-agent); ssh-add KEY; and say --ssh default",
        )
    return name or "default", os.path.abspath(path)
