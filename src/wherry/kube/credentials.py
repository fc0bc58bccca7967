"""Who we are to an API server: certificates and tokens, as a kubeconfig's user gives them.

A token is a text, a file that may be written again at any time, or what a plugin prints
(client.authentication.k8s.io/v1, k8s.io "client-go credential plugins").
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from wherry.kube.faults import printable
from wherry.kube.kubeconfig import BadConfig, text, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wherry.kube.kubeconfig import Selected

EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
PATIENCE = 300.0
"""Seconds that a plugin may take: it may ask somebody to log in."""
EARLY = 10.0
"""Seconds before its end that a plugin's token is replaced."""
LARGEST = 1 << 20
"""Bytes of a token's file, and of what a plugin prints."""


class PluginFailed(Exception):
    """A credential plugin gave nothing; the text says which and why."""


class Credentials(NamedTuple):
    """`certificate` and `key` are PEM, both or none; `token_file` is read for every request.

    `headers` are those of impersonation (k8s.io "User impersonation") and of a password; a name may come
    several times.  `expires` is when to ask again (Unix seconds), 0 for never.
    """

    certificate: bytes = b""
    key: bytes = b""
    token: str = ""
    token_file: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    expires: float = 0.0

    def authorization(self) -> list[tuple[str, str]]:
        """The headers that say who we are.  Raises OSError for a file that cannot be read."""
        token = self.token
        if self.token_file:
            with open(self.token_file, encoding="utf-8") as file:
                token = file.read(LARGEST).strip()
        return [*self.headers, *([("Authorization", f"Bearer {token}")] if token else [])]


def of_user(selected: Selected, environ: Mapping[str, str]) -> Credentials:
    """Raises BadConfig, PluginFailed, OSError.  A plugin is run here and now, with `environ`."""
    user = selected.user
    certificate, key = pem(user, "client-certificate"), pem(user, "client-key")
    if bool(certificate) != bool(key):
        raise BadConfig("client-certificate and client-key come together")
    found = Credentials(
        certificate, key, text(user, "token"), text(user, "tokenFile"), tuple(_headers(user))
    )
    # As client-go: what stands there comes before a plugin.
    if found.token or found.token_file or certificate:
        return found
    if user.get("exec") is not None:
        return found._replace(**_plugin(selected, environ))
    if user.get("auth-provider") is not None:
        return found._replace(token=_provided(user["auth-provider"]))
    return found


def pem(fields: Mapping[str, Any], name: str) -> bytes:
    """``NAME-data`` (base64), which comes first, or the file ``NAME``; b"" where neither is there."""
    data = text(fields, f"{name}-data")
    if data:
        try:
            return base64.b64decode(data, validate=False)
        except binascii.Error:
            raise BadConfig(f"{name}-data is not base64") from None
    path = text(fields, name)
    if not path:
        return b""
    with open(path, "rb") as file:
        return file.read(LARGEST)


def _headers(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name = text(user, "username")
    if name:
        pair = f"{name}:{text(user, 'password')}".encode()
        yield "Authorization", "Basic " + base64.b64encode(pair).decode()
    for field, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if text(user, field):
            yield header, text(user, field)
    for group in texts(user, "as-groups"):
        yield "Impersonate-Group", group
    extra = user.get("as-user-extra") or {}
    if not isinstance(extra, dict):
        raise BadConfig("as-user-extra is not a mapping")
    for key in extra:
        for value in texts(extra, key):
            yield f"Impersonate-Extra-{quote(str(key), safe='')}", value


def _provided(provider: Any) -> str:
    """OpenID Connect's token, for as long as it is good: kubectl renews it and writes it down."""
    name = provider.get("name") if isinstance(provider, dict) else None
    config = provider.get("config") if isinstance(provider, dict) else None
    if name != "oidc" or not isinstance(config, dict):
        raise BadConfig(f"the auth-provider {printable(name)} is one that kubectl 1.26 took away: use exec")
    token = text(config, "id-token")
    if _expiry(token) < time.time():
        raise BadConfig("the id-token of its auth-provider has expired: kubectl get ns renews it")
    return token


def _expiry(token: str) -> float:
    """RFC 7519 4.1.4, unverified: the server does that.  0 for what is no token."""
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return 0.0


def _plugin(selected: Selected, environ: Mapping[str, str]) -> dict[str, Any]:
    """What the plugin says of who we are, by Credentials' fields."""
    plugin = selected.user["exec"]
    if not isinstance(plugin, dict):
        raise BadConfig("exec is not a mapping")
    command = text(plugin, "command")
    if text(plugin, "apiVersion") not in EXEC_VERSIONS:
        raise BadConfig(f"exec.apiVersion is none of {', '.join(EXEC_VERSIONS)}")
    try:
        credential = json.loads(_run(command, selected, environ))
        status = credential["status"]
        found = {
            "token": text(status, "token"),
            "certificate": text(status, "clientCertificateData").encode(),
            "key": text(status, "clientKeyData").encode(),
            "expires": _moment(text(status, "expirationTimestamp")),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise PluginFailed(
            f"the credential plugin {command} failed: it printed no ExecCredential"
        ) from None
    if not found["token"] and not (found["certificate"] and found["key"]):
        raise PluginFailed(f"the credential plugin {command} failed: it gave neither token nor certificate")
    return found


def _moment(time_: str) -> float:
    """RFC 3339 as Unix seconds, a little before it."""
    return datetime.datetime.fromisoformat(time_).timestamp() - EARLY if time_ else 0.0


def _run(command: str, selected: Selected, environ: Mapping[str, str]) -> bytes:
    import subprocess

    plugin = selected.user["exec"]
    entries = plugin.get("env") or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadConfig("exec.env is not a list of names and values")
    more = {text(entry, "name"): text(entry, "value") for entry in entries}
    interactive = text(plugin, "interactiveMode") != "Never" and os.isatty(0)
    if text(plugin, "interactiveMode") == "Always" and not interactive:
        raise PluginFailed(f"the credential plugin {command} failed: it needs a terminal to ask on")
    info = {
        "apiVersion": text(plugin, "apiVersion"),
        "kind": "ExecCredential",
        "spec": {"interactive": interactive, **_cluster_info(plugin, selected)},
    }
    try:
        done = subprocess.run(
            [command, *texts(plugin, "args")],
            env={**environ, **more, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if interactive else subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        where = text(plugin, "installHint").strip() or "it is not on PATH"
        raise PluginFailed(f"the credential plugin {command} failed: {printable(where)}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PluginFailed(f"the credential plugin {command} failed: {printable(error)}") from None
    if done.returncode:
        words = (done.stderr or b"").decode(errors="replace").strip()
        raise PluginFailed(
            f"the credential plugin {command} failed with exit code {done.returncode}: {printable(words)}"
        )
    return done.stdout[:LARGEST]


def _cluster_info(plugin: Mapping[str, Any], selected: Selected) -> dict[str, Any]:
    if plugin.get("provideClusterInfo") is not True:
        return {}
    cluster = selected.cluster
    return {
        "cluster": {
            "server": text(cluster, "server"),
            "tls-server-name": text(cluster, "tls-server-name"),
            "insecure-skip-tls-verify": cluster.get("insecure-skip-tls-verify") is True,
            "certificate-authority-data": base64.b64encode(pem(cluster, "certificate-authority")).decode(),
            "proxy-url": text(cluster, "proxy-url"),
        }
    }
