"""Who we are to a registry: in docker's and podman's files, or with the helpers that these name.

Sources: the docker CLI's "config.json", containers-auth.json(5), the protocol of docker-credential-helpers.
A password is handed on by standard input and files that only the user may read, never on a command line.
"""

from __future__ import annotations

import base64
import binascii
import json
import os

from wherry.errors import RegistryError
from wherry.oci.reference import DEFAULT_DOMAIN
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from wherry.registry.settings import Settings

DOCKER_HUB = "https://index.docker.io/v1/"
TOKEN_USER = "<token>"  # noqa: S105  the helpers' word for "the secret is a refresh token"
HELPER_SECONDS = 60
LARGEST_FILE = 1 << 22


class Credentials(NamedTuple):
    """A user and a password, or a refresh token (`token`)."""

    user: str = ""
    password: str = ""
    token: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.user!r}, …)"


def find(settings: Settings, host: str, path: str = "") -> Credentials | None:
    """What lets us into a registry (``host:port``), or into one of its repositories.  Raises RegistryError
    for a file that cannot be read or a helper that fails."""
    for file in settings.auth_files:
        config = _read(file)
        found = _in_file(config, host, path, settings, file)
        if found is not None:
            return found
    return None


def save(settings: Settings, host: str, credentials: Credentials) -> tuple[str, bool]:
    """Keep them where the user's file says.  (The file's or the helper's name, whether it is encrypted)."""
    file = settings.login_file
    config = _read(file)
    helper = _helper(config, host)
    if helper:
        _call(settings, helper, "store", _for_helper(host, credentials))
        config.setdefault("auths", {})[key(host)] = {}
        _write(file, config)
        return helper, True
    entry = {"auth": base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()}
    if credentials.token:
        entry["identitytoken"] = credentials.token
    auths = config.setdefault("auths", {})
    for other in _spellings(host, ""):
        auths.pop(other, None)
    auths[key(host)] = entry
    _write(file, config)
    return file, False


def forget(settings: Settings, host: str) -> bool:
    """Whether there was anything to forget, in the file that login writes."""
    file = settings.login_file
    config = _read(file)
    helper = _helper(config, host)
    auths = config.get("auths") or {}
    known = [name for name in _spellings(host, "") if name in auths]
    if helper:
        _call(settings, helper, "erase", key(host))
    for name in known:
        del auths[name]
    if known:
        _write(file, config)
    return bool(known) or bool(helper)


def key(host: str) -> str:
    """A registry's name in these files."""
    return DOCKER_HUB if host == DEFAULT_DOMAIN else host


def _spellings(host: str, path: str) -> Iterator[str]:
    """The names under which a registry, and the repositories above one, may stand, the closest first."""
    parts = path.split("/") if path else []
    for count in range(len(parts), 0, -1):
        yield "/".join((host, *parts[:count]))
    if host == DEFAULT_DOMAIN:
        yield DOCKER_HUB
        for name in ("index.docker.io", "registry-1.docker.io"):
            yield name
            yield f"https://{name}/v1/"
            yield f"https://{name}/v2/"
    yield host
    for scheme in ("https", "http"):
        for end in ("", "/", "/v1", "/v1/", "/v2", "/v2/"):
            yield f"{scheme}://{host}{end}"


def _in_file(
    config: dict[str, Any], host: str, path: str, settings: Settings, file: str
) -> Credentials | None:
    helper = _helper(config, host)
    if helper:
        found = _ask(settings, helper, host)
        if found is not None:
            return found
    auths = config.get("auths")
    if not isinstance(auths, dict):
        return None
    for name in _spellings(host, path):
        entry = auths.get(name)
        if isinstance(entry, dict) and entry:
            return _entry(entry, name, file)
    return None


def _entry(entry: dict[str, Any], name: str, file: str) -> Credentials | None:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    auth = entry.get("auth")
    if auth:
        try:
            text = base64.b64decode(str(auth), validate=False).decode()
        except (binascii.Error, UnicodeDecodeError):
            text = ""
        user, colon, password = text.partition(":")
        if not colon:
            raise RegistryError(
                f"{file}: the entry for {name} is no user and password", hint=f"wherry login {name}"
            )
    token = str(entry.get("identitytoken") or entry.get("registrytoken") or "")
    password = password.rstrip("\0")
    return Credentials(user, password, token) if user or token else None


def _helper(config: dict[str, Any], host: str) -> str:
    """The credential helper for a registry; "" where its entry is in the file itself."""
    helpers = config.get("credHelpers")
    if isinstance(helpers, dict):
        for name in _spellings(host, ""):
            if name in helpers:
                return str(helpers[name])
    return str(config.get("credsStore") or "")


def _for_helper(host: str, credentials: Credentials) -> str:
    user, secret = credentials.user, credentials.password
    if credentials.token:
        user, secret = TOKEN_USER, credentials.token
    return json.dumps({"ServerURL": key(host), "Username": user, "Secret": secret})


def _ask(settings: Settings, helper: str, host: str) -> Credentials | None:
    answer = _call(settings, helper, "get", key(host))
    if answer is None:
        return None
    try:
        value = json.loads(answer)
        user, secret = str(value["Username"]), str(value["Secret"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RegistryError(
            f"the credential helper docker-credential-{helper} gave no user and secret for {host}",
            hint=f"try it by hand: echo {key(host)} | docker-credential-{helper} get",
        ) from None
    if user == TOKEN_USER:
        return Credentials(token=secret)
    return Credentials(user, secret) if user else None


def _call(settings: Settings, helper: str, verb: str, data: str) -> str | None:
    """What a helper prints; None where it knows nothing of the registry."""
    import shutil
    import subprocess

    program = f"docker-credential-{helper}"
    tool = None if "/" in helper else shutil.which(program, path=settings.path)
    if tool is None:
        raise RegistryError(
            f"the credential helper {program} is not on PATH",
            hint="install it, or take credsStore and credHelpers out of the configuration",
        )
    try:
        done = subprocess.run(
            [tool, verb], input=data, capture_output=True, text=True, check=False, timeout=HELPER_SECONDS
        )
    except (subprocess.TimeoutExpired, OSError, UnicodeError) as error:
        raise RegistryError(f"the credential helper {program} did not answer: {error}") from None
    if done.returncode == 0:
        return done.stdout
    output = (done.stdout.strip() or done.stderr.strip())[:200]
    if "not found" in output.lower():
        return None
    raise RegistryError(f"the credential helper {program} failed: {output or done.returncode}")


def _read(file: str) -> dict[str, Any]:
    try:
        with open(file, "rb") as data:
            value = json.loads(data.read(LARGEST_FILE) or b"{}")
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{file} is not JSON: {error}", hint="mend it, or move it away") from None
    if not isinstance(value, dict):
        raise RegistryError(f"{file} is not a JSON object", hint="mend it, or move it away")
    return value


def _write(file: str, config: dict[str, Any]) -> None:
    """In one step, for its owner alone; where it is a link, what that leads to is written."""
    from wherry.layers.newfile import new_file

    folder = os.path.dirname(os.path.realpath(file))
    os.makedirs(folder, mode=0o700, exist_ok=True)
    with new_file(file) as out:
        os.fchmod(out.fileno(), 0o600)
        out.write((json.dumps(config, indent="\t") + "\n").encode())
    os.chmod(file, 0o600)
