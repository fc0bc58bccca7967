"""Registries that ask who comes: with tokens of a server of their own, or for a client's certificate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import Authority
from support.contents import digest
from support.peers import Crane, Podman, Skopeo
from support.registry import PASSWORD, USER, Registry, Tokens, authority, running_registry
from support.wherry import Wherry

pytestmark = [pytest.mark.peers, pytest.mark.root, pytest.mark.runtime, pytest.mark.registry]
GREET = "FROM bb\nRUN echo hello > /greeting\n"
PLAIN = "--tls-verify=false"


@pytest.fixture(scope="module")
def tokened(
    registry_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Registry, Tokens]]:
    folder = tmp_path_factory.mktemp("tokens")
    tokens = Tokens(folder / "t")
    # crane follows no realm at a loopback address; a name of one it does.
    tokens.realm = tokens.realm.replace("127.0.0.1", "localhost")
    with running_registry(folder / "r", registry_kind, auth=tokens.auth) as running:
        yield running, tokens
    tokens.close()


def test_one_login_for_tokens_is_every_peer_s(
    bb: Wherry,
    other: Wherry,
    tokened: tuple[Registry, Tokens],
    skopeo: Skopeo,
    podman: Podman,
    crane: Crane,
    tmp_path: Path,
) -> None:
    registry, tokens = tokened
    name, sent = f"{registry.host}/tokens/ours:1", f"{registry.host}/tokens/theirs"
    bb.build(tmp_path / "c", GREET, "-t", name)
    bb("login", "-u", USER, "--password-stdin", registry.host, input=PASSWORD)
    pushed = bb("push", name).split()[-3]
    raw = skopeo.run("inspect", "--raw", PLAIN, f"docker://{name}").stdout
    assert digest(raw.encode()) == pushed
    assert crane("digest", "--insecure", name) == pushed
    image = podman("pull", "-q", PLAIN, name)
    assert podman.sh(image, "cat /greeting") == "hello"
    both_ways = (PLAIN.replace("--", "--src-"), PLAIN.replace("--", "--dest-"))
    skopeo("copy", "-q", "--preserve-digests", *both_ways, f"docker://{name}", f"docker://{sent}:skopeo")
    crane("copy", "--insecure", name, f"{sent}:crane")
    podman("push", "-q", PLAIN, image, f"docker://{sent}:podman")
    tokens.asked.clear()
    for tag in ("skopeo", "crane", "podman"):
        other("pull", "-q", f"{sent}:{tag}")
        assert other("run", "--rm", "--pull", "never", f"{sent}:{tag}", "cat", "/greeting") == "hello"
    assert set(tokens.asked) == {("repository:tokens/theirs:pull",)}
    assert other("inspect", "-f", "{{.Id}}", f"{sent}:skopeo") == bb("inspect", "-f", "{{.Id}}", name)
    bb("logout", registry.host)
    assert crane.run("digest", "--insecure", name).returncode != 0
    assert skopeo.run("inspect", PLAIN, f"docker://{name}").returncode != 0
    assert registry.host in other.fails("pull", name, code=1)


@pytest.mark.parametrize("who", ["skopeo", "podman"])
def test_a_client_s_certificate_is_where_the_peers_have_theirs(
    bb: Wherry,
    other: Wherry,
    skopeo: Skopeo,
    podman: Podman,
    registry_kind: str,
    home: Path,
    tmp_path: Path,
    who: str,
) -> None:
    """crane shows no certificate."""
    ca, pair = authority(tmp_path / "ca")
    with running_registry(tmp_path / "r", registry_kind, tls=pair, clients=ca.certificate) as asking:
        folder = home / ".config/containers/certs.d" / asking.host
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(ca.certificate.read_bytes())
        name, sent = f"{asking.host}/certificates/ours:1", f"{asking.host}/certificates/theirs:1"
        bb.build(tmp_path / "c", GREET, "-t", name)
        peer = skopeo if who == "skopeo" else podman
        refused = peer.run(*(("inspect",) if who == "skopeo" else ("pull", "-q")), f"docker://{name}")
        assert refused.returncode != 0 and "certificate" in refused.stderr
        assert asking.host in bb.fails("push", name, code=1)
        show(ca, folder)
        pushed = bb("push", name).split()[-3]
        if who == "skopeo":
            assert digest(skopeo.run("inspect", "--raw", f"docker://{name}").stdout.encode()) == pushed
            skopeo("copy", "-q", "--preserve-digests", f"docker://{name}", f"docker://{sent}")
        else:
            image = podman("pull", "-q", f"docker://{name}")
            assert podman.sh(image, "cat /greeting") == "hello"
            podman("push", "-q", image, f"docker://{sent}")
        other("pull", "-q", sent)
        assert other("run", "--rm", "--pull", "never", sent, "cat", "/greeting") == "hello"


def show(ca: Authority, folder: Path) -> None:
    """Have everyone who reads the folder show a certificate."""
    client = ca.client("client", "/CN=someone")
    (folder / "client.cert").write_bytes(client.certificate.read_bytes())
    (folder / "client.key").write_bytes(client.key.read_bytes())
