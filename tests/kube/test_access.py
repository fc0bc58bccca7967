"""kubectl's rules about who we are and where the API server is, without a server."""

from __future__ import annotations

import base64
import json
import os
import ssl
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from wherry.errors import ClusterError
from wherry.kube.access import Finder
from wherry.kube.connection import connect, environment_proxy
from wherry.kube.kubeconfig import BadConfig, select

CREDENTIALS = "client.authentication.k8s.io/v1"


def config(user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": "https://10.0.0.1:6443/", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
    }


def find(folder: Path, user: dict[str, Any], **cluster: Any) -> Any:
    path = folder / "config"
    path.write_text(json.dumps(config(user, **cluster)))
    return Finder(str(path)).find()


def plugin(folder: Path, script: str, **more: Any) -> dict[str, Any]:
    path = folder / "plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    how = {"apiVersion": CREDENTIALS, "command": str(path), "interactiveMode": "Never", **more}
    return {"exec": how}


def says(status: dict[str, Any]) -> str:
    return f"echo '{json.dumps({'kind': 'ExecCredential', 'status': status})}'"


# -- which context ---------------------------------------------------------------------------------


def test_of_several_files_the_first_that_says_something_is_believed() -> None:
    one = config({"token": "first"})
    two = config({"token": "second"}) | {"current-context": "other"}
    two["contexts"].append({"name": "other", "context": {"cluster": "k", "namespace": "n"}})
    chosen = select([("/a/one", one), ("/b/two", two)], None)
    assert (chosen.context, chosen.user["token"], chosen.namespace) == ("c", "first", "default")
    other = select([("/a/one", one), ("/b/two", two)], "other")
    assert (other.namespace, dict(other.user)) == ("n", {})


def test_paths_start_at_the_folder_of_the_file_that_has_them() -> None:
    user = {"client-certificate": "pki/me.crt", "client-key": "/abs/me.key", "tokenFile": "t"}
    chosen = select([("/home/x/.kube/config", config(user, **{"certificate-authority": "ca"}))], None)
    assert chosen.user["client-certificate"] == "/home/x/.kube/pki/me.crt"
    assert chosen.user["client-key"] == "/abs/me.key"
    assert chosen.user["tokenFile"] == "/home/x/.kube/t"
    assert chosen.cluster["certificate-authority"] == "/home/x/.kube/ca"
    for command, meant in (("aws", "aws"), ("bin/aws", "/home/x/.kube/bin/aws"), ("/bin/aws", "/bin/aws")):
        found = select([("/home/x/.kube/config", config({"exec": {"command": command}}))], None)
        assert found.user["exec"]["command"] == meant


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"current-context": ""}, "no current-context"),
        ({"current-context": "nope"}, "no context named 'nope'"),
        ({"clusters": []}, "no cluster named 'k'"),
        ({"users": [{"name": "other"}]}, "no user named 'u'"),
        ({"users": "x"}, "users of /f is not a list"),
        ({"users": [{"user": {}}]}, "has no name"),
        ({"contexts": [{"name": "c", "context": []}]}, "is not a mapping"),
        ({"contexts": [{"name": "c", "context": {"cluster": 1}}]}, "cluster is not text"),
        ({"current-context": ["c"]}, "current-context is not text"),
    ],
)
def test_what_is_wrong_is_named(broken: dict[str, Any], message: str) -> None:
    with pytest.raises(BadConfig, match=message):
        select([("/f", config({}) | broken)], None)


def test_no_secret_is_shown_with_what_is_wrong(tmp_path: Path) -> None:
    for user in ({"token": ["s3cret"]}, {"client-key-data": "s3cret", "client-certificate-data": "s3cret"}):
        try:
            connect(find(tmp_path, user))
        except ClusterError as error:
            assert "s3cret" not in error.message and error.hint
        else:
            pytest.fail("not refused")


@pytest.mark.parametrize("words", [{}, {"flag": "--kube-context"}])
def test_a_context_that_is_not_there_is_answered_with_the_flag_of_the_command(
    tmp_path: Path, words: dict[str, str]
) -> None:
    (tmp_path / "config").write_text(json.dumps(config({})))
    with pytest.raises(ClusterError, match="other") as caught:
        Finder(str(tmp_path / "config"), "other", **words).find()
    assert f"; {words.get('flag', '--context')} NAME chooses one" in (caught.value.hint or "")


# -- who we are ------------------------------------------------------------------------------------


def test_a_token_comes_before_a_password_and_a_file_is_read_each_time(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    credentials = find(tmp_path, {"tokenFile": "token"}).credentials
    assert credentials.authorization() == [("Authorization", "Bearer one")]
    token.write_text("two\n")
    assert credentials.authorization() == [("Authorization", "Bearer two")]
    password = find(tmp_path, {"username": "me", "password": "pw"}).credentials
    shown = "Basic " + base64.b64encode(b"me:pw").decode()
    assert password.authorization() == [("Authorization", shown)]


def test_impersonation_sends_a_header_for_each_group(tmp_path: Path) -> None:
    user = {
        "token": "t",
        "as": "jane",
        "as-uid": "7",
        "as-groups": ["dev", "ops, too"],
        "as-user-extra": {"example.com/scope": ["view", "edit"]},
    }
    assert find(tmp_path, user).credentials.authorization() == [
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "dev"),
        ("Impersonate-Group", "ops, too"),
        ("Impersonate-Extra-example.com%2Fscope", "view"),
        ("Impersonate-Extra-example.com%2Fscope", "edit"),
        ("Authorization", "Bearer t"),
    ]


def test_a_plugin_is_given_what_it_asks_for(tmp_path: Path) -> None:
    script = f'printf "%s" "$KUBERNETES_EXEC_INFO" >{tmp_path}/info; echo "$1 $WHO" >{tmp_path}/args; '
    how = plugin(
        tmp_path,
        script + says({"token": "t", "expirationTimestamp": "2030-01-02T03:04:05Z"}),
        args=["login"],
        env=[{"name": "WHO", "value": "me"}],
        provideClusterInfo=True,
    )
    authority = base64.b64encode(b"CA").decode()
    access = find(tmp_path, how, **{"certificate-authority-data": authority})
    assert access.credentials.authorization() == [("Authorization", "Bearer t")]
    assert access.credentials.expires == 1893553445 - 10
    assert (tmp_path / "args").read_text() == "login me\n"
    info = json.loads((tmp_path / "info").read_text())
    assert info["apiVersion"] == CREDENTIALS and info["kind"] == "ExecCredential"
    assert info["spec"]["interactive"] is False
    assert info["spec"]["cluster"]["server"] == "https://10.0.0.1:6443/"
    assert info["spec"]["cluster"]["certificate-authority-data"] == authority


@pytest.mark.parametrize(
    ("script", "more", "message"),
    [
        ("exit 3", {}, "exit code 3"),
        ("echo not logged in >&2; exit 1", {}, "not logged in"),
        ("printf '\\033[31mred\\n' >&2; exit 1", {}, r"\?\[31mred"),
        ("echo hello", {}, "no ExecCredential"),
        ("echo '[]'", {}, "no ExecCredential"),
        ("echo '{\"status\": null}'", {}, "no ExecCredential"),
        (says({}), {}, "neither token nor certificate"),
        (says({"clientCertificateData": "x"}), {}, "neither token nor certificate"),
        (says({"token": "t", "expirationTimestamp": "soon"}), {}, "no ExecCredential"),
        (says({"token": "t"}), {"interactiveMode": "Always"}, "needs a terminal"),
        (says({"token": "t"}), {"command": "no-such-plugin", "installHint": "get it"}, "get it"),
        (says({"token": "t"}), {"apiVersion": "v1alpha1"}, "exec.apiVersion is none of"),
        (says({"token": "t"}), {"args": "login"}, "args is not a list of texts"),
    ],
)
def test_a_plugin_that_gives_nothing_is_named(
    tmp_path: Path, script: str, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClusterError, match=message) as caught:
        find(tmp_path, plugin(tmp_path, script, **more))
    assert caught.value.hint and "\x1b" not in caught.value.message


def test_a_provider_is_taken_while_its_token_is_good(tmp_path: Path) -> None:
    def token(expires: float) -> str:
        claims = base64.urlsafe_b64encode(json.dumps({"exp": expires}).encode()).decode().rstrip("=")
        return f"e30.{claims}.s"

    def provider(name: str, value: str) -> dict[str, Any]:
        return {"auth-provider": {"name": name, "config": {"id-token": value}}}

    fresh = token(time.time() + 600)
    access = find(tmp_path, provider("oidc", fresh))
    assert access.credentials.authorization() == [("Authorization", f"Bearer {fresh}")]
    for user, message in (
        (provider("oidc", token(time.time() - 1)), "has expired"),
        (provider("oidc", "x"), "has expired"),
        (provider("gcp", fresh), "kubectl 1.26 took away"),
    ):
        with pytest.raises(ClusterError, match=message):
            find(tmp_path, user)


def test_what_is_asked_of_the_environment_is_asked_of_the_one_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHO", "the process")
    monkeypatch.setenv("HOME", "/nonexistent")
    (tmp_path / ".kube").mkdir()
    how = plugin(tmp_path, f'echo "$WHO" >{tmp_path}/who; ' + says({"token": "t"}))
    (tmp_path / ".kube/config").write_text(json.dumps(config(how)))
    for kubeconfig in ({}, {"KUBECONFIG": "/nothing:~/.kube/config"}):
        found = Finder(environ={"HOME": str(tmp_path), "WHO": "the caller", **kubeconfig}).find()
        assert found.credentials.token == "t"
        assert (tmp_path / "who").read_text() == "the caller\n"


# -- the pod ---------------------------------------------------------------------------------------


def test_a_pod_finds_its_account_also_on_an_ipv6_cluster(tmp_path: Path) -> None:
    for name, value in (("token", "t"), ("ca.crt", "CA"), ("namespace", "shop\n")):
        (tmp_path / name).write_text(value)
    for host, server in (("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")):
        environ = {"KUBERNETES_SERVICE_HOST": host, "HOME": str(tmp_path)}
        access = Finder(environ=environ, account=str(tmp_path)).find()
        assert (access.server, access.namespace, access.authorities) == (server, "shop", b"CA")
    (tmp_path / "token").unlink()
    with pytest.raises(ClusterError, match="this pod's ServiceAccount cannot be used"):
        Finder(environ=environ, account=str(tmp_path)).find()


def test_a_pod_finds_its_account_without_loading_yaml(tmp_path: Path) -> None:
    """A megabyte in each generator, for a kubeconfig that it does not have."""
    for name in ("token", "ca.crt", "namespace"):
        (tmp_path / name).write_text("x")
    script = (
        "import sys; from wherry.kube.access import Finder;"
        "Finder(environ={'KUBERNETES_SERVICE_HOST': 'h', 'HOME': '/'}, account=sys.argv[1]).find();"
        "print('yaml' in sys.modules)"
    )
    words = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "False\n"


# -- connections -----------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-subj", "/CN=me", "-keyout", "me.key", "-out", "me.crt", "-days", "2"]
    subprocess.run(words, cwd=tmp_path, capture_output=True, check=True)
    return tmp_path


def test_a_certificate_of_data_and_one_of_files_are_the_same(pair: Path) -> None:
    data = {
        f"{name}-data": base64.b64encode((pair / file).read_bytes()).decode()
        for name, file in (("client-certificate", "me.crt"), ("client-key", "me.key"))
    }
    files = {"client-certificate": "me.crt", "client-key": "me.key"}
    for user in (data, files):
        access = find(pair, user, **{"certificate-authority": "me.crt"})
        assert access.credentials.certificate == (pair / "me.crt").read_bytes()
        pool = connect(access, {})
        assert pool.connection_pool_kw["ssl_context"].get_ca_certs()[0]["subject"]
    left = [f for f in os.listdir("/proc/self/fd") if "memfd" in _target(f)]
    assert left == []


def _target(number: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return ""


def test_a_key_with_a_password_is_an_error_and_no_question(pair: Path) -> None:
    words = ["openssl", "ec", "-in", "me.key", "-out", "locked.key", "-aes128", "-passout", "pass:word"]
    subprocess.run(words, cwd=pair, capture_output=True, check=True)
    assert stat.S_ISREG(os.stat(pair / "locked.key").st_mode)
    access = find(pair, {"client-certificate": "me.crt", "client-key": "locked.key"})
    with pytest.raises(ClusterError, match="certificates cannot be read"):
        connect(access, {})


def test_half_a_pair_is_refused(pair: Path) -> None:
    with pytest.raises(ClusterError, match="come together"):
        find(pair, {"client-certificate": "me.crt"})


def test_what_is_not_to_be_verified_is_not(tmp_path: Path) -> None:
    context = connect(find(tmp_path, {}, **{"insecure-skip-tls-verify": True}), {}).connection_pool_kw[
        "ssl_context"
    ]
    assert context.verify_mode == ssl.CERT_NONE and not context.check_hostname
    strict = connect(find(tmp_path, {}), {}).connection_pool_kw["ssl_context"]
    assert strict.verify_mode == ssl.CERT_REQUIRED and strict.check_hostname


@pytest.mark.parametrize(
    ("server", "excluded", "used"),
    [
        ("https://api.example.com", "", True),
        ("https://api.example.com", "*", False),
        ("https://api.example.com", "example.com", False),
        ("https://api.example.com", ".example.com", False),
        ("https://example.com", ".example.com", True),
        ("https://example.com", "*.example.com", True),
        ("https://badexample.com", "example.com", True),
        ("https://api.example.com:6443", "api.example.com:6443", False),
        ("https://api.example.com:6443", "api.example.com:443", True),
        ("https://10.1.2.3:6443", "10.0.0.0/8, other", False),
        ("https://10.1.2.3", "10.1.2.3", False),
        ("https://11.1.2.3", "10.0.0.0/8", True),
        ("https://[fd00::1]", "fd00::/8", False),
        ("https://[fd00::1]:443", "[fd00::1]:443", False),
        ("https://localhost:6443", "", False),
        ("https://127.0.0.1:6443", "", False),
        ("http://api.example.com", "", False),
    ],
)
def test_the_environments_proxy_is_used_as_kubectl_uses_it(server: str, excluded: str, used: bool) -> None:
    environ = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": excluded}
    assert environment_proxy(server, environ) == ("http://proxy:3128" if used else "")


def test_a_proxy_of_the_cluster_comes_before_the_environments(tmp_path: Path) -> None:
    access = find(tmp_path, {}, **{"proxy-url": "http://cluster-proxy:1"})
    assert connect(access, {"HTTPS_PROXY": "http://other:2"}).proxy.host == "cluster-proxy"
