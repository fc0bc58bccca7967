"""Credentials, certificates and rights, as a real API server judges them, through the command."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.apiserver import ApiServer
from cluster.follower import QUICK, following
from cluster.objects import FOLLOW, account, account_subject, binding, role, secret, service, user
from support.certificates import Authority, openssl
from support.wherry import Wherry
from wherry.kube.access import Finder

CREDENTIALS = "client.authentication.k8s.io/v1"


@pytest.fixture
def command(tmp_path: Path) -> Wherry:
    home = {"HOME": str(tmp_path), "KUBECONFIG": "", "KUBERNETES_SERVICE_HOST": ""}
    return Wherry(tmp_path / "store", env={k: v for k, v in home.items() if v})


def render(config: Path, *words: str) -> tuple[str, ...]:
    return ("proxy", "render", "--wait", "0", "--kubeconfig", str(config), *words)


def may_follow(api: ApiServer, namespace: str, subject: dict[str, Any]) -> None:
    rights = role("Role", namespace, "follow", FOLLOW)
    api.create(rights)
    api.create(binding(rights, subject))


def an_account(api: ApiServer, namespace: str) -> None:
    """``namespace/wherry``, who may follow it."""
    api.create(account(namespace, "wherry"))
    may_follow(api, namespace, account_subject(namespace, "wherry"))


def certificate_of(api: ApiServer, name: str, authority: Authority | None = None) -> dict[str, str]:
    pair = (authority or api.authority).client(name, f"/CN={name}")
    return {"client-certificate": str(pair.certificate), "client-key": str(pair.key)}


@pytest.mark.parametrize("place", ["namespace", "all"])
def test_a_403_names_the_rule_that_is_missing_and_with_that_rule_it_works(
    api: ApiServer, command: Wherry, namespace: str, place: str
) -> None:
    namespace = f"{namespace[:50]}-{place}"
    api.create(service(namespace, "web"))
    config = api.write_kubeconfig(namespace, certificate_of(api, namespace))
    words = render(config, *(["-n", namespace] if place == "namespace" else ["-A"]))
    kind = "Role" if place == "namespace" else "ClusterRole"
    for resource in ("services", "endpointslices"):
        said = command.fails(*words, code=1)
        assert f"{namespace} may not list {resource} in" in said
        assert f"bind it to a {kind} " in said
        rule = yaml.safe_load(re.findall(r"with this rule: ({.*})", said)[0])
        rights = role(kind, namespace if kind == "Role" else "", f"{namespace}-{resource}", [rule])
        api.create(rights)
        api.create(binding(rights, user(namespace)))
    assert f"web.{namespace}.cluster.local" in command(*words)


def test_a_right_that_comes_later_is_enough(api: ApiServer, namespace: str) -> None:
    api.create(service(namespace, "web"))
    config = api.write_kubeconfig(namespace, certificate_of(api, namespace))
    with following(Finder(str(config)), [namespace]) as follower:
        follower.until(lambda: any("may not list" in line for line in follower.said), "no complaint")
        may_follow(api, namespace, user(namespace))
        follower.sees(f"{namespace}/web")
        follower.until(lambda: any("followed again" in line for line in follower.said), "not said")


def test_a_right_to_list_and_none_to_watch_is_said(api: ApiServer, namespace: str) -> None:
    rights = role("Role", namespace, "list", [rule | {"verbs": ["list"]} for rule in FOLLOW])
    api.create(service(namespace, "web"))
    api.create(rights)
    api.create(binding(rights, user(namespace)))
    config = api.write_kubeconfig(namespace, certificate_of(api, namespace))
    with following(Finder(str(config)), [namespace]) as follower:
        follower.sees(f"{namespace}/web")
        follower.until(lambda: any("may not watch services" in line for line in follower.said), "not said")


def test_another_authority_than_the_servers(api: ApiServer, command: Wherry, tmp_path: Path) -> None:
    wrong = Authority(tmp_path / "wrong")
    config = api.write_kubeconfig(
        "wrong-ca", api.certificate_user(), **{"certificate-authority": str(wrong.certificate)}
    )
    said = command.fails(*render(config), code=1)
    assert f"the certificate of {api.url} does not verify" in said
    assert "\nhint: is this server the right one, and certificate-authority in the context wrong-ca" in said


def test_a_name_that_the_servers_certificate_lacks(api: ApiServer, command: Wherry) -> None:
    name = {"tls-server-name": "other.example"}
    config = api.write_kubeconfig("wrong-name", api.certificate_user(), **name)
    assert "does not verify" in command.fails(*render(config), code=1)


def test_a_client_certificate_of_another_authority(api: ApiServer, command: Wherry, tmp_path: Path) -> None:
    pair = certificate_of(api, "stranger", Authority(tmp_path / "other"))
    said = command.fails(*render(api.write_kubeconfig("stranger", pair)), code=1)
    assert "does not accept the credentials of the context stranger" in said
    assert "\nhint: they expired or were withdrawn" in said


def test_a_token_that_is_none(api: ApiServer, command: Wherry) -> None:
    config = api.write_kubeconfig("made-up", {"token": "made-up"})
    said = command.fails(*render(config), code=1)
    assert "does not accept the credentials of the context made-up" in said
    assert "token: made-up" not in said


def test_an_expired_token(api: ApiServer, command: Wherry, namespace: str) -> None:
    an_account(api, namespace)
    good = api.token(namespace, "wherry")
    command(*render(api.write_kubeconfig("fresh", {"token": good}), "-n", namespace))
    old = at_another_time(good, api, -7200)
    said = command.fails(*render(api.write_kubeconfig("old", {"token": old}), "-n", namespace), code=1)
    assert "does not accept the credentials" in said
    assert "hint: they expired" in said
    assert old not in said


def at_another_time(token: str, api: ApiServer, seconds: int) -> str:
    """The same token as if it had been asked for then."""
    head, body, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    for claim in ("iat", "nbf", "exp"):
        claims[claim] += seconds
    signed = f"{head}.{_encoded(json.dumps(claims).encode())}"
    signature = openssl("dgst", "-sha256", "-sign", str(api.tokens.key), feed=signed.encode())
    return f"{signed}.{_encoded(signature)}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_a_token_file(api: ApiServer, command: Wherry, namespace: str, tmp_path: Path) -> None:
    an_account(api, namespace)
    api.create(service(namespace, "web"))
    (tmp_path / "token").write_text(api.token(namespace, "wherry") + "\n")
    config = api.write_kubeconfig("token-file", {"tokenFile": str(tmp_path / "token")})
    assert f"web.{namespace}.cluster.local" in command(*render(config, "-n", namespace))


def test_an_account_whose_token_rotates(api: ApiServer, namespace: str, tmp_path: Path) -> None:
    """The way of a pod: the kubelet writes a new token before the old one ends."""
    an_account(api, namespace)
    api.create(service(namespace, "before"))
    mounted = tmp_path / "account"
    mounted.mkdir()
    held = api.create(secret(namespace, "first"))
    (mounted / "token").write_text(api.token(namespace, "wherry", held))
    (mounted / "ca.crt").write_bytes(api.authority.certificate.read_bytes())
    (mounted / "namespace").write_text(namespace)
    pod = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(api.port)}
    finder = Finder(environ=pod | {"HOME": str(tmp_path)}, account=str(mounted))
    assert finder.find().namespace == namespace
    with following(finder, [namespace], policy=QUICK) as follower:
        follower.sees(f"{namespace}/before")
        (mounted / "token").write_text(api.token(namespace, "wherry"))
        api.delete("Secret", namespace, "first")
        api.stop()
        api.start()
        api.create(service(namespace, "after"))
        follower.sees(f"{namespace}/before", f"{namespace}/after")
    asked = [r for r in api.requests() if r.namespace == namespace]
    assert {r.user for r in asked if r.status == 200} == {f"system:serviceaccount:{namespace}:wherry"}


def test_contexts_name_the_user_and_the_namespace(api: ApiServer, command: Wherry, namespace: str) -> None:
    api.create(service(namespace, "web"))
    config = json.loads(api.kubeconfig().read_text())
    config["users"].append({"name": "nobody", "user": {"token": "made-up"}})
    config["contexts"] = [
        {"name": "first", "context": {"cluster": "tests", "user": "nobody"}},
        {"name": "second", "context": {"cluster": "tests", "user": "admin", "namespace": namespace}},
    ]
    config["current-context"] = "first"
    path = api.folder / "contexts.kubeconfig"
    path.write_text(json.dumps(config))
    assert "credentials of the context first" in command.fails(*render(path), code=1)
    assert f"web.{namespace}.cluster.local" in command(*render(path, "--context", "second"))
    said = command.fails(*render(path, "--context", "third"), code=1)
    assert "third" in said
    assert "\nhint: kubectl config get-contexts" in said


def test_several_kubeconfigs_are_one(
    api: ApiServer, command: Wherry, namespace: str, tmp_path: Path
) -> None:
    api.create(service(namespace, "web"))
    config = json.loads(api.kubeconfig().read_text())
    users, rest = {"users": config.pop("users")}, config
    for name, part in (("users", users), ("rest", rest)):
        (tmp_path / name).write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **part}))
    both = {"KUBECONFIG": f"{tmp_path / 'rest'}:{tmp_path / 'users'}"}
    text = command("proxy", "render", "--wait", "0", "-n", namespace, env=both)
    assert f"web.{namespace}.cluster.local" in text


def exec_plugin(api: ApiServer, name: str, script: str) -> Path:
    path = api.folder / f"{name}.sh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    plugin = {
        "apiVersion": CREDENTIALS,
        "command": str(path),
        "interactiveMode": "Never",
    }
    return api.write_kubeconfig(name, {"exec": plugin})


def test_an_exec_plugin_gives_the_token(api: ApiServer, command: Wherry, namespace: str) -> None:
    an_account(api, namespace)
    api.create(service(namespace, "web"))
    credential = {
        "apiVersion": CREDENTIALS,
        "kind": "ExecCredential",
        "status": {"token": api.token(namespace, "wherry")},
    }
    config = exec_plugin(api, "plugin", f"echo '{json.dumps(credential)}'")
    assert f"web.{namespace}.cluster.local" in command(*render(config, "-n", namespace))


def test_an_exec_plugin_that_fails_is_named(api: ApiServer, command: Wherry) -> None:
    config = exec_plugin(api, "broken-plugin", "echo not logged in >&2; exit 3")
    said = command.fails(*render(config), code=1)
    assert f"the credential plugin {api.folder}/broken-plugin.sh failed" in said
    assert "\nhint: run it by hand" in said


def test_a_server_that_is_not_there(api: ApiServer, command: Wherry) -> None:
    config = api.write_kubeconfig("nobody-there", api.certificate_user(), server="https://127.0.0.1:1")
    said = command.fails(*render(config), code=1)
    assert "cannot reach https://127.0.0.1:1: Connection refused" in said
    assert "\nhint: is it running" in said


def test_http_where_https_is_spoken(api: ApiServer, command: Wherry) -> None:
    plain = f"http://127.0.0.1:{api.port}"
    said = command.fails(
        *render(api.write_kubeconfig("http", api.certificate_user(), server=plain)), code=1
    )
    assert plain in said


def test_render_waits_for_a_server_that_starts(api: ApiServer, command: Wherry, namespace: str) -> None:
    api.create(service(namespace, "web"))
    api.stop()
    words = ["proxy", "render", "--wait", "60", "--kubeconfig", str(api.kubeconfig()), "-n", namespace]
    waiting = command.start(*words)
    assert waiting.stderr is not None
    said = waiting.stderr.readline()
    assert "Connection refused (is it running" in said and "; trying again for 60 s" in said
    api.start()
    text, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert f"web.{namespace}.cluster.local" in text
