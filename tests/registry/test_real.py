"""Images to and from real registries, with and without passwords, tokens and TLS."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.plain import plain_user
from support.registry import (
    PASSWORD,
    USER,
    WITH_REFERRERS,
    Registry,
    Tokens,
    authority,
    running_registry,
)
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.registry]
GREET = "FROM bb\nRUN echo hello > /greeting && mkdir -m 700 /d && ln -s ../greeting /d/l\nLABEL a=b\n"


def built(bb: Wherry, folder: Path, name: str, text: str = GREET) -> str:
    return bb.build(folder, text, "-t", name)


def manifest(host: str, name: str, tag: str = "latest", *more: str) -> dict[str, object]:
    """What skopeo sees there."""
    words = ["skopeo", "inspect", "--raw", "--tls-verify=false", *more, f"docker://{host}/{name}:{tag}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_an_image_goes_and_comes_back_the_same(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/come/back:1"
    image = built(bb, tmp_path / "c", name)
    said = bb("push", name)
    assert f"The push refers to repository [{registry.host}/come/back]" in said and ": Pushed" in said
    digest = said.splitlines()[-1].split()[2]
    size = len(json.dumps(manifest(registry.host, "come/back", "1"), separators=(",", ":")))
    assert said.endswith(f"1: digest: {digest} size: {size}")
    pulled = other("pull", name)
    assert pulled.splitlines()[-3:] == [
        f"Digest: {digest}",
        f"Status: Downloaded newer image for {name}",
        name,
    ]
    assert other("inspect", "-f", "{{.Id}} {{index .RepoDigests 0}}", name) == (
        f"{image} {registry.host}/come/back@{digest}"
    )
    assert other("run", "--rm", name, "sh", "-c", "cat /d/l; stat -c %a /d") == "hello\n700"
    assert "Image is up to date" in other("pull", name)
    assert "nothing is wrong" in other("system", "check")
    again = other.run("push", name)
    assert "Pushed" not in again.stdout and digest in again.stdout


def test_only_what_is_missing_is_sent_and_neighbours_lend_it(
    bb: Wherry, registry: Registry, tmp_path: Path
) -> None:
    first, second = f"{registry.host}/lend/a:1", f"{registry.host}/lend/b:1"
    built(bb, tmp_path / "c", first)
    bb("tag", first, second)
    bb("push", first)
    said = bb("push", second)
    # It keeps one copy of a blob for all of its repositories.
    there = "Mounted from lend/a" if registry.kind != WITH_REFERRERS else "Layer already exists"
    assert said.count(there) == 2 and ": Pushed" not in said


@pytest.mark.parametrize("kind", ["gzip", "zstd", "gzip:9", "zstd:19"])
def test_layers_leave_compressed_as_asked(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path, kind: str
) -> None:
    name = f"{registry.host}/packed/{kind.replace(':', '')}"
    built(bb, tmp_path / "c", name)
    bb("push", "-q", "--compression", kind, name)
    layers = manifest(registry.host, f"packed/{kind.replace(':', '')}")["layers"]
    assert isinstance(layers, list)
    assert {layer["mediaType"].rpartition("+")[2] for layer in layers} == {kind.partition(":")[0]}
    assert other("run", "--rm", "-q", name, "cat", "/greeting") == "hello"


def test_what_was_pulled_leaves_with_the_digests_it_came_with(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    """Also an image that skopeo wrote, in Docker's types and compressed its own way."""
    archive, there = tmp_path / "a.tar", f"{registry.host}/kept/one:1"
    built(bb, tmp_path / "c", "kept")
    bb("save", "-o", str(archive), "kept")
    copy = ["skopeo", "copy", "-q", "--dest-tls-verify=false", "--format", "v2s2"]
    subprocess.run([*copy, f"docker-archive:{archive}", f"docker://{there}"], check=True)
    other("pull", "-q", there)
    other("tag", there, f"{registry.host}/kept/two:1")
    other("push", "-q", f"{registry.host}/kept/two:1")
    assert manifest(registry.host, "kept/two", "1") == manifest(registry.host, "kept/one", "1")
    assert manifest(registry.host, "kept/two", "1")["mediaType"] == (
        "application/vnd.docker.distribution.manifest.v2+json"
    )


def test_layers_that_came_plain_leave_plain_and_those_of_an_archive_compressed(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    archive, there = tmp_path / "a.tar", f"{registry.host}/plain/came:1"
    built(bb, tmp_path / "c", "kept")
    bb("save", "-o", str(archive), "kept")
    copy = ["skopeo", "copy", "-q", "--dest-tls-verify=false", "--preserve-digests"]
    subprocess.run([*copy, f"oci-archive:{archive}", f"docker://{there}"], check=True)
    came = manifest(registry.host, "plain/came", "1")
    assert {layer["mediaType"].rpartition(".")[2] for layer in came["layers"]} == {"tar"}  # type: ignore[attr-defined]
    other("pull", "-q", there)
    other("tag", there, f"{registry.host}/plain/again:1")
    other("push", "-q", f"{registry.host}/plain/again:1")
    assert manifest(registry.host, "plain/again", "1") == came
    third = Wherry(tmp_path / "third")
    third("load", "-q", "-i", str(archive))
    third("tag", "kept", f"{registry.host}/plain/loaded:1")
    for _ in range(2):  # also when a registry has it already
        third("push", "-q", f"{registry.host}/plain/loaded:1")
        found = manifest(registry.host, "plain/loaded", "1")["layers"]
        assert {layer["mediaType"].rpartition("+")[2] for layer in found} == {"gzip"}  # type: ignore[attr-defined]


def test_layers_that_came_plain_through_an_index_leave_plain(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    layout, there = tmp_path / "layout", f"{registry.host}/plain/index:1"
    output = f"type=oci,tar=false,dest={layout},compression=uncompressed"
    platforms = ("--platform", "linux/amd64,linux/arm64")
    bb("build", *platforms, "-t", "x:1", "-o", output, str(tmp_path / "c"))
    bb("copy", f"oci:{layout}", f"docker://{there}")
    came = manifest(registry.host, "plain/index", "1")["manifests"]
    other("pull", "-q", "--platform", "linux/amd64", there)
    other("system", "prune", "-f")  # what tells of it stays
    other("tag", there, f"{registry.host}/plain/single:1")
    other("push", "-q", f"{registry.host}/plain/single:1")
    pushed = other("manifest", "inspect", "-v", f"{registry.host}/plain/single:1")
    (amd64,) = (e["digest"] for e in came if e["platform"]["architecture"] == "amd64")  # type: ignore[attr-defined]
    assert amd64 in pushed
    assert "nothing is wrong" in other("system", "check")


def test_names_by_digest(bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.host}/by/digest"
    built(bb, tmp_path / "c", f"{name}:1")
    digest = bb("push", f"{name}:1").split()[-3]
    other("pull", "-q", f"{name}@{digest}")
    assert other("images", "--format", "{{.Repository}} {{.Tag}} {{.Digest}}") == f"{name} <none> {digest}"
    assert other("run", "--rm", "--pull", "never", f"{name}@{digest}", "cat", "/greeting") == "hello"
    (tmp_path / "d").mkdir()
    other.build(tmp_path / "d", f"FROM {name}:whatever@{digest}\nRUN cat greeting\n", "-t", "on")
    other("pull", "-q", f"{name}:1")
    assert other("rmi", f"{name}:1").splitlines() == [
        f"Untagged: {name}:1",
        f"Untagged: {name}@{digest}",
        f"Deleted: {bb('images', '-q', '--no-trunc', f'{name}:1')}",
    ]


def test_a_digest_alone_can_be_removed(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/alone"
    built(bb, tmp_path / "c", f"{name}:1")
    digest = bb("push", f"{name}:1").split()[-3]
    other("pull", "-q", f"{name}:1")
    assert other("rmi", f"{name}@{digest}") == f"Untagged: {name}@{digest}"
    assert other("run", "--rm", "--pull", "never", f"{name}:1", "cat", "/greeting") == "hello"
    other("pull", "-q", f"{name}@{digest}")
    other("tag", f"{name}:1", "second")
    assert other("rmi", f"{name}:1").splitlines() == [f"Untagged: {name}:1", f"Untagged: {name}@{digest}"]


def test_all_tags_go_and_come(bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path) -> None:
    name = f"{registry.host}/all/tags"
    for tag in "abc":
        built(bb, tmp_path / tag, f"{name}:{tag}", GREET.replace("hello", tag))
    bb("push", "-a", name)
    other("pull", "-a", "-q", name)
    assert sorted(other("images", "--format", "{{.Tag}}").split()) == ["a", "b", "c"]
    assert other("run", "--rm", f"{name}:b", "cat", "/greeting") == "b"


def test_a_tag_that_moved_is_pulled_anew_and_the_old_image_stays(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/moves:1"
    built(bb, tmp_path / "a", name)
    bb("push", "-q", name)
    other("pull", "-q", name)
    built(bb, tmp_path / "b", name, GREET.replace("hello", "new"))
    bb("push", "-q", name)
    assert other("run", "--rm", name, "cat", "/greeting") == "hello"
    done = other.run("run", "--rm", "--pull", "always", name, "cat", "/greeting")
    assert done.stdout == "new\n" and "Downloaded newer image" in done.stderr
    assert len(other("images", "-q").split()) == 2


def test_from_pulls_what_the_target_needs_and_nothing_else(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    for name in ("needed", "source", "unneeded"):
        built(bb, tmp_path / name, f"{registry.host}/from/{name}", GREET.replace("hello", name))
        bb("push", "-q", f"{registry.host}/from/{name}")
    host = registry.host
    text = (
        f"FROM {host}/from/unneeded AS never\nRUN true\nFROM {host}/from/needed\n"
        f"COPY --from={host}/from/source /greeting /copied\nRUN cat /greeting /copied\n"
        f"RUN --mount=from=third,target=/m cat /m/greeting > /mounted\n"
    )
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(text)
    third = f"third=docker-image://{host}/from/source"
    done = other.run("build", "-t", "x", "--build-context", third, str(folder))
    assert done.returncode == 0, done.stderr
    assert f"FROM {host}/from/needed:latest@sha256:" in done.stderr
    assert other("run", "--rm", "x", "cat", "/greeting", "/copied", "/mounted") == "needed\nsource\nsource"
    assert not [line for line in other("images").splitlines() if "unneeded" in line]


def test_onbuild_of_an_image_that_is_not_here_is_done(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/onbuild"
    built(bb, tmp_path / "a", name, GREET + "ONBUILD RUN echo triggered > /t\n")
    bb("push", "-q", name)
    other.build(tmp_path / "b", f"FROM {name}\n", "-t", "x")
    assert other("run", "--rm", "x", "cat", "/t") == "triggered"


def test_pull_asks_again_for_what_came_from_there(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    """And not for what was made here, whatever its name."""
    name = f"{registry.host}/again"
    built(bb, tmp_path / "a", name)
    bb("push", "-q", name)
    context = tmp_path / "c"
    other.build(context, f"FROM {name}\nRUN cat /greeting > /seen\n", "-t", "x")
    other.build(tmp_path / "d", f"FROM {name}\n", "-t", "own")
    built(bb, tmp_path / "b", name, GREET.replace("hello", "new"))
    bb("push", "-q", name)
    other("build", "-q", "-t", "x", str(context))
    assert other("run", "--rm", "x", "cat", "/seen") == "hello"
    other("build", "-q", "--pull", "-t", "x", str(context))
    assert other("run", "--rm", "x", "cat", "/seen") == "new"
    other.build(tmp_path / "e", "FROM own\nRUN true\n", "--pull")


def test_build_push(bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path) -> None:
    one, two, metadata = f"{registry.host}/bp/one:1", f"{registry.host}/bp/two", tmp_path / "m.json"
    bb.build(tmp_path / "c", GREET, "--push", "-t", one, "-t", two, "--metadata-file", str(metadata))
    digest = json.loads(metadata.read_text())["containerimage.digest"]
    for name in (one, two):
        assert f"Digest: {digest}" in other("pull", name)
    said = bb.fails("build", "--push", str(tmp_path / "c"), code=125)
    assert "tag is needed when pushing to registry" in said


def test_an_index_of_several_platforms(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    """Only the wanted image is fetched; a platform that there is none for is said with those that are."""
    name = f"{registry.host}/many"
    text = "FROM scratch\nCOPY f /f\nARG TARGETARCH\nLABEL arch=$TARGETARCH\n"
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "f").write_text("f")
    bb.build(folder, text, "--platform", "linux/amd64,linux/arm64", "--push", "-t", name)
    found = manifest(registry.host, "many")
    assert isinstance(found["manifests"], list) and len(found["manifests"]) == 2
    other("pull", "-q", "--platform", "linux/arm64", name)
    assert other("inspect", "-f", "{{.Architecture}} {{.Config.Labels.arch}}", name) == "arm64 arm64"
    other("pull", "-q", name)
    assert other("inspect", "-f", "{{.Architecture}}", name) == "amd64"
    said = other.fails("pull", "--platform", "linux/s390x", name, code=1)
    assert "no matching manifest for linux/s390x" in said and "it has linux/amd64, linux/arm64" in said


def test_a_plain_user_pushes_and_pulls(
    bb: Wherry, registry: Registry, tmp_path: Path, entered_by_all: Path
) -> None:
    name = f"{registry.host}/plain"
    built(bb, tmp_path / "c", name)
    bb("push", "-q", name)
    plain = plain_user(entered_by_all)
    plain("pull", "-q", name)
    assert plain("run", "--rm", name, "cat", "/greeting") == "hello"
    plain("tag", name, f"{registry.host}/plain2")
    plain("push", "-q", f"{registry.host}/plain2")
    plain.build(entered_by_all / "home/c", f"FROM {registry.host}/plain2\nRUN cat /greeting\n", "-t", "on")
    assert manifest(registry.host, "plain2") == manifest(registry.host, "plain")


# -- passwords, tokens, TLS -----------------------------------------------------------------------


def test_a_password_is_asked_for_kept_and_forgotten(
    bb: Wherry, other: Wherry, guarded: Registry, tmp_path: Path, home: Path
) -> None:
    name = f"{guarded.host}/secret:1"
    built(bb, tmp_path / "c", name)
    said = bb.fails("push", name, code=1)
    assert "not authorized" in said and f"wherry login {guarded.host}" in said
    login = ["login", "-u", USER, "--password-stdin", guarded.host]
    said = bb.fails(*login, input="wrong\n", code=1)
    assert "not authorized" in said and "wrong" not in said
    done = bb.run(*login, input=PASSWORD + "\n")
    assert done.stdout == "Login Succeeded\n" and "stored unencrypted" in done.stderr
    config = home / ".docker/config.json"
    assert config.stat().st_mode & 0o777 == 0o600
    bb("push", "-q", name)
    other("pull", "-q", name)
    assert other("run", "--rm", name, "cat", "/greeting") == "hello"
    assert other("logout", guarded.host) == f"Removing login credentials for {guarded.host}"
    assert "not authorized" in other.fails("pull", name, code=1)
    assert other("logout", guarded.host) == f"Not logged in to {guarded.host}"


def test_a_certificate_that_nobody_vouches_for(guarded: Registry, other: Wherry, home: Path) -> None:
    """Loopback is asked all the same, as docker does; elsewhere certs.d says whom to trust."""
    from wherry.errors import RegistryError
    from wherry.registry.endpoints import Endpoint
    from wherry.registry.session import Session
    from wherry.registry.settings import from_environment
    from wherry.registry.transport import Transport

    def status(**changes: object) -> int:
        settings = from_environment({}, str(home))
        endpoint = Endpoint(guarded.host, "a")._replace(**changes)  # type: ignore[arg-type]
        return Session(Transport(settings, endpoint), lambda: None).request("GET", "/v2/", "").status

    with pytest.raises(RegistryError, match="its certificate is not to be trusted") as raised:
        status()
    assert f"certs.d/{guarded.host}/ca.crt" in str(raised.value.hint)
    assert status(insecure=True) == 401
    folder = home / ".config/containers/certs.d" / guarded.host
    folder.mkdir(parents=True)
    (folder / "ca.crt").write_bytes((guarded.folder / "ca.crt").read_bytes())
    assert status() == 401
    (folder / "bad.crt").write_text("no certificate")
    with pytest.raises(RegistryError, match=r"bad\.crt cannot be used"):
        status()


def test_a_client_shows_its_certificate(bb: Wherry, other: Wherry, tmp_path: Path, home: Path) -> None:
    ca, pair = authority(tmp_path / "ca")
    client = ca.client("client", "/CN=someone")
    built(bb, tmp_path / "c", "app")
    with running_registry(tmp_path / "r", tls=pair, clients=ca.certificate) as asking:
        name = f"{asking.host}/mine"
        bb("tag", "app", name)
        assert asking.host in bb.fails("push", name, code=1)
        folder = home / ".config/containers/certs.d" / asking.host
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(ca.certificate.read_bytes())
        (folder / "client.cert").write_bytes(client.certificate.read_bytes())
        (folder / "client.key").write_bytes(client.key.read_bytes())
        bb("push", "-q", name)
        other("pull", "-q", name)
        assert other("run", "--rm", name, "cat", "/greeting") == "hello"


@pytest.fixture(scope="module")
def tokened(
    registry_kind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Registry, Tokens]]:
    folder = tmp_path_factory.mktemp("tokens")
    tokens = Tokens(folder / "t")
    with running_registry(folder / "r", registry_kind, auth=tokens.auth) as running:
        yield running, tokens
    tokens.close()


def log_in(wherry: Wherry, registry: Registry) -> None:
    wherry("login", "-u", USER, "--password-stdin", registry.host, input=PASSWORD)


def test_tokens_of_a_server_of_their_own(
    bb: Wherry, other: Wherry, tokened: tuple[Registry, Tokens], tmp_path: Path, home: Path
) -> None:
    registry, tokens = tokened
    name, lent = f"{registry.host}/tok/a:1", f"{registry.host}/tok/b:1"
    built(bb, tmp_path / "c", name)
    log_in(bb, registry)
    tokens.asked.clear()
    bb("push", "-q", name)
    assert ("repository:tok/a:pull,push",) in tokens.asked
    assert len(tokens.asked) < 5  # for each scope once, however many threads ask
    bb("tag", name, lent)
    assert "Mounted from tok/a" in bb("push", lent)
    assert ("repository:tok/b:pull,push", "repository:tok/a:pull") in tokens.asked
    tokens.asked.clear()
    other("pull", "-q", name)
    assert set(tokens.asked) == {("repository:tok/a:pull",)}
    config = home / ".docker/config.json"
    value = json.loads(config.read_text())
    value["auths"][registry.host] = {"identitytoken": PASSWORD}
    config.write_text(json.dumps(value))
    other("rmi", "-f", name)
    other("pull", "-q", name)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((503, b"down"), "failed with 503"),
        ((200, b"<html>"), "gave no token"),
        ((200, b'{"token": "a\\nX-Evil: 1"}'), "gave no token"),
        ((200, b'{"token": 5}'), "gave no token"),
        ((200, b"[" * 200_000), "gave no token"),
        ((200, b" " * 1_000_000), "answered with more than"),
    ],
)
def test_a_token_server_that_is_ill(
    other: Wherry, tokened: tuple[Registry, Tokens], answer: tuple[int, bytes], says: str
) -> None:
    registry, tokens = tokened
    tokens.answer = answer
    try:
        said = other.fails("pull", f"{registry.host}/tok/x", code=1)
    finally:
        tokens.answer = None
    assert (says in said and registry.host in said) or tokens.realm in said


def test_a_wrong_password_for_tokens(other: Wherry, tokened: tuple[Registry, Tokens]) -> None:
    registry, _ = tokened
    said = other.fails("login", "-u", USER, "--password-stdin", registry.host, input="bad", code=1)
    assert "wrong password" in said and "bad" not in said.replace("bad request", "")


def test_nothing_of_a_password_is_in_a_command_line_or_the_store(
    other: Wherry, guarded: Registry, tmp_path: Path
) -> None:
    log_in(other, guarded)
    other.run("--debug", "pull", f"{guarded.host}/secret:none")
    done = subprocess.run(["grep", "-rl", PASSWORD, str(other.root)], capture_output=True, text=True)
    assert done.stdout == ""


def test_skopeo_copies_what_was_pushed_without_changing_a_digest(
    bb: Wherry, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/peer/skopeo:1"
    built(bb, tmp_path / "c", name)
    bb("push", "-q", name)
    copy = ["skopeo", "copy", "-q", "--src-tls-verify=false", "--preserve-digests"]
    subprocess.run([*copy, f"docker://{name}", f"oci:{tmp_path}/layout:1"], check=True)
    assert os.path.exists(tmp_path / "layout/index.json")
