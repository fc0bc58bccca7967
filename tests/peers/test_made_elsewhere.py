"""Images that other programs made, in their own ways, and what they share with wherry."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from support.contents import digest, raw_manifest
from support.peers import Buildah, Crane, Podman, Regctl, Skopeo
from support.registry import PASSWORD, USER, Registry
from support.wherry import Wherry

pytestmark = [pytest.mark.peers, pytest.mark.root, pytest.mark.runtime, pytest.mark.registry]
GREET = "FROM bb\nRUN echo hello > /greeting\nLABEL a=b\n"


@pytest.fixture
def greeting(bb: Wherry, registry: Registry, tmp_path: Path) -> str:
    """An image at the registry."""
    name = f"{registry.host}/made/{tmp_path.name.lower()}:greeting"
    bb.build(tmp_path / "greet", GREET, "-t", name)
    bb("push", "-q", name)
    return name


def beside(name: str, tag: str) -> str:
    return f"{name.rpartition(':')[0]}:{tag}"


def is_kept(other: Wherry, name: str) -> None:
    """It is pulled, pushed again as it was, and sound."""
    other("pull", "-q", name)
    other("tag", name, beside(name, "kept"))
    other("push", "-q", beside(name, "kept"))
    assert raw_manifest(beside(name, "kept")) == raw_manifest(name)
    assert "nothing is wrong" in other("system", "check")


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_buildah_commits_what_wherry_runs_and_builds_on(
    greeting: str, other: Wherry, buildah: Buildah, tmp_path: Path, form: str
) -> None:
    (tmp_path / "new").write_text("from buildah")
    container = buildah("from", "-q", "--tls-verify=false", f"docker://{greeting}")
    buildah("copy", "-q", "--chown", "5:6", container, str(tmp_path / "new"), "/opt/new")
    buildah("config", "--label", "made=there", "--env", "E=1", container)
    name = beside(greeting, "committed")
    buildah.push(buildah("commit", "-q", "--format", form, container), name)
    is_kept(other, name)
    script = "cat /greeting /opt/new; stat -c %u:%g /opt/new; echo $E"
    assert other("run", "--rm", name, "sh", "-c", script) == "hello\nfrom buildah5:6\n1"
    labels = other("inspect", "-f", "{{.Config.Labels.a}} {{.Config.Labels.made}}", name)
    assert labels == "b there"
    other.build(tmp_path / "on", f"FROM {name}\nRUN rm /opt/new && ls /opt > /list\n", "-t", "on")
    assert other("run", "--rm", "on", "cat", "/list") == ""


@pytest.mark.parametrize("compression", ["gzip", "zstd", "zstd:chunked"])
def test_podman_builds_runs_and_pushes_what_wherry_keeps(
    greeting: str, other: Wherry, podman: Podman, tmp_path: Path, compression: str
) -> None:
    """zstd:chunked has frames that are to be skipped, and annotations of its own."""
    assert podman.sh(podman("pull", "-q", "--tls-verify=false", greeting), "cat /greeting") == "hello"
    podman("tag", greeting, "localhost/base")
    (tmp_path / "f").write_text("f")
    (tmp_path / "Dockerfile").write_text("FROM localhost/base\nCOPY f /deep/f\nENV P=1\n")
    image = podman("build", "-q", "--isolation", "chroot", str(tmp_path)).splitlines()[-1]
    name = beside(greeting, "built")
    podman.push(image, name, "--compression-format", compression, "--format", "oci")
    layers = json.loads(raw_manifest(name))["layers"]
    assert layers[-1]["mediaType"].endswith("+" + compression.partition(":")[0])
    assert bool(layers[-1].get("annotations")) == (compression == "zstd:chunked")
    is_kept(other, name)
    assert other("run", "--rm", name, "sh", "-c", "cat /greeting /deep/f; echo $P") == "hello\nf1"


def test_crane_appends_flattens_and_finds_nothing_wrong(
    greeting: str, other: Wherry, crane: Crane, tmp_path: Path
) -> None:
    crane("validate", "--insecure", "--remote", greeting)
    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "w") as tar:
        for path, data in ((".wh.greeting", b""), ("more", b"more")):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    name, flat = beside(greeting, "appended"), beside(greeting, "flat")
    crane("append", "--insecure", "-b", greeting, "-f", str(layer), "-t", name)
    crane("flatten", "--insecure", name, "-t", flat)
    for image in (name, flat):
        is_kept(other, image)
        assert other("run", "--rm", image, "sh", "-c", "cat /more; test ! -e /greeting") == "more"
        crane("validate", "--insecure", "--remote", beside(image, "kept"))


def test_an_index_that_crane_made(greeting: str, other: Wherry, crane: Crane, tmp_path: Path) -> None:
    """Pulled of it is this machine's; copied with all, byte for byte."""
    arm, name, copied = (beside(greeting, tag) for tag in ("arm", "index", "copied"))
    crane("mutate", "--insecure", "--set-platform", "linux/arm64", greeting, "-t", arm)
    crane("index", "append", "--insecure", "-m", greeting, "-m", arm, "-t", name)
    other("pull", "-q", name)
    assert other("run", "--rm", name, "cat", "/greeting") == "hello"
    layout = f"oci:{tmp_path}/layout:1"
    other("copy", "-q", f"docker://{name}", layout)
    other("copy", "-q", layout, f"docker://{copied}")
    assert raw_manifest(copied) == raw_manifest(name)
    crane("validate", "--insecure", "--remote", copied)
    other("pull", "-q", "--platform", "linux/arm64", copied)
    assert other("inspect", "-f", "{{.Architecture}}", copied) == "arm64"


@pytest.mark.long
def test_what_regctl_attached_goes_along(
    greeting: str, other: Wherry, regctl: Regctl, tmp_path: Path
) -> None:
    plain = regctl.plain(greeting)
    regctl(
        "artifact",
        "put",
        *plain,
        "--artifact-type",
        "application/x-test",
        "--subject",
        greeting,
        stdin="signed",
    )
    copied = greeting.replace("/made/", "/copied/")
    other("copy", "-q", "--all", f"docker://{greeting}", f"docker://{copied}")
    assert raw_manifest(copied) == raw_manifest(greeting)
    (entry,) = json.loads(regctl("artifact", "list", *plain, copied, "--format", "raw-body"))["manifests"]
    assert entry["artifactType"] == "application/x-test"
    assert regctl("artifact", "get", *plain, f"{copied.rpartition(':')[0]}@{entry['digest']}") == "signed"


@pytest.mark.long
def test_regctl_lists_what_a_build_attested(
    bb: Wherry, registry: Registry, regctl: Regctl, tmp_path: Path
) -> None:
    name = f"{registry.host}/made/attested:1"
    bb.build(tmp_path / "c", GREET, "--sbom=true", "--push", "-t", name)
    image, about = json.loads(bb("manifest", "inspect", name))["manifests"]
    subject = f"{name.rpartition(':')[0]}@{image['digest']}"
    listed = json.loads(
        regctl("artifact", "list", *regctl.plain(name), "--format", "{{json .Descriptors}}", subject)
    )
    assert [(each["digest"], each["artifactType"]) for each in listed] == [
        (about["digest"], "application/vnd.docker.attestation.manifest.v1+json")
    ]


@pytest.mark.long
def test_layers_that_regctl_compressed_again(greeting: str, other: Wherry, regctl: Regctl) -> None:
    for kind in ("zstd", "none"):
        name = beside(greeting, kind)
        words = ["--layer-compress", kind, "--create", name.rpartition(":")[2]]
        regctl("image", "mod", *regctl.plain(greeting), greeting, *words)
        is_kept(other, name)
        assert other("run", "--rm", name, "cat", "/greeting") == "hello"


def test_a_login_of_one_is_a_login_of_the_other(
    bb: Wherry,
    other: Wherry,
    guarded: Registry,
    skopeo: Skopeo,
    podman: Podman,
    crane: Crane,
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    certificates = home / ".config/containers/certs.d" / guarded.host
    certificates.mkdir(parents=True)
    (certificates / "ca.crt").write_bytes((guarded.folder / "ca.crt").read_bytes())
    crane.env["SSL_CERT_FILE"] = str(guarded.folder / "ca.crt")
    name = f"{guarded.host}/login:1"
    bb.build(tmp_path / "c", GREET, "-t", name)
    login = ("-u", USER, "--password-stdin", guarded.host)
    bb("login", *login, input=PASSWORD)
    pushed = bb("push", name).split()[-3]
    assert digest(skopeo.run("inspect", "--raw", f"docker://{name}").stdout.encode()) == pushed
    assert crane("digest", name) == pushed
    assert podman.sh(podman("pull", "-q", name), "cat /greeting") == "hello"
    bb("logout", guarded.host)
    assert skopeo.run("inspect", "--raw", f"docker://{name}").returncode != 0
    assert crane.run("digest", name).returncode != 0
    assert "not authorized" in other.fails("pull", name, code=1)
    auth = home / "auth.json"
    skopeo("login", "--authfile", str(auth), *login, stdin=PASSWORD)
    other("pull", "-q", name, env={"REGISTRY_AUTH_FILE": str(auth), "HOME": str(home)})
    assert other("run", "--rm", "--pull", "never", name, "cat", "/greeting") == "hello"
    crane("auth", "login", *login, stdin=PASSWORD)
    assert "up to date" in other("pull", name)
