"""--sbom and --provenance: what is said of an image, and that it goes wherever the image goes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.registry import Registry
from support.web import running_web
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.runtime]

SPDX, SLSA = "https://spdx.dev/Document", "https://slsa.dev/provenance/v1"
DOCKERFILE = """\
FROM bb AS tool
RUN --mount=type=secret,id=key --network=none true
FROM bb
ARG TOKEN
COPY status /var/lib/dpkg/status
COPY node_modules /srv/node_modules
COPY --from=tool /bin/true /true
"""
STATUS = "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9\nArchitecture: amd64\n"


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "c"
    (folder / "node_modules/express").mkdir(parents=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "status").write_text(STATUS)
    (folder / "node_modules/express/package.json").write_text(
        '{"name": "express", "version": "4.19.2", "license": "MIT"}'
    )
    return folder


def attested(wherry: Wherry, name: str) -> dict[str, Any]:
    """{predicate type: predicate}"""
    found = wherry("image", "inspect", "--format", "{{json .SBOM}}\n{{json .Provenance}}", name).split("\n")
    sbom, provenance = map(json.loads, found)
    return {SPDX: sbom and sbom["SPDX"], SLSA: provenance and provenance["SLSA"]}


def build(wherry: Wherry, context: Path, *words: str) -> str:
    return wherry("build", "-q", "--sbom=true", "--provenance=mode=max", *words, str(context))


def purls(document: dict[str, Any]) -> list[str]:
    refs = [ref for package in document["packages"] for ref in package.get("externalRefs", ())]
    return [ref["referenceLocator"] for ref in refs]


def test_nothing_is_attested_unless_it_is_asked_for(bb: Wherry, context: Path) -> None:
    image = bb("build", "-q", "-t", "plain", str(context))
    assert image == json.loads(bb("inspect", "plain"))[0]["Id"]
    assert "Attestations" not in json.loads(bb("inspect", "plain"))[0]
    assert build(bb, context, "--sbom=false", "--provenance=false", "-t", "off") == image


def test_an_sbom_names_what_is_in_the_image(bb: Wherry, context: Path) -> None:
    build(bb, context, "-t", "app:1")
    document = attested(bb, "app:1")[SPDX]
    assert purls(document) == ["pkg:deb/debian/libc6@2.36-9?arch=amd64", "pkg:npm/express@4.19.2"]
    assert document["spdxVersion"] == "SPDX-2.3" and document["name"] == "app:1"
    ids = [package["SPDXID"] for package in document["packages"]]
    assert len(set(ids)) == len(ids)
    related = {each["relatedSpdxElement"] for each in document["relationships"]}
    assert related == set(ids), "everything is related to the image"
    image = json.loads(bb("inspect", "app:1"))[0]["Id"]
    assert document["packages"][0]["checksums"][0]["checksumValue"] == image.removeprefix("sha256:")


def test_provenance_tells_how_and_never_a_secret(bb: Wherry, context: Path, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("geheim-1234")
    words = ("--secret", f"id=key,src={tmp_path / 'key'}", "--build-arg", "TOKEN=abc", "--label", "a=b")
    build(bb, context, "-t", "app:1", *words)
    found = attested(bb, "app:1")[SLSA]
    definition, details = found["buildDefinition"], found["runDetails"]
    request = definition["externalParameters"]["request"]
    assert request["args"] == {"build-arg:TOKEN": "abc", "label:a": "b"}
    assert request["secrets"] == [{"id": "key"}] and request["frontend"] == "dockerfile.v0"
    (base,) = definition["resolvedDependencies"]
    manifest = json.loads(bb("inspect", "bb"))[0]["RepoDigests"][0].partition("@sha256:")[2]
    assert base["uri"].startswith("pkg:docker/bb@latest?platform=linux%2F") and base["digest"] == {
        "sha256": manifest
    }
    source = details["metadata"]["buildkit_metadata"]["source"]["infos"][0]
    assert base64.b64decode(source["data"]).decode() == DOCKERFILE
    assert details["metadata"]["startedOn"] < details["metadata"]["finishedOn"]
    for path in (bb.root / "blobs/sha256").iterdir():
        assert b"geheim-1234" not in path.read_bytes()


def test_mode_min_tells_no_argument(bb: Wherry, context: Path) -> None:
    words = ("--provenance=true", "--build-arg", "TOKEN=xyzzy", "--target", "tool", "-t", "app:1")
    bb("build", "-q", *words, str(context))
    found = attested(bb, "app:1")
    assert found[SPDX] is None and "xyzzy" not in json.dumps(found[SLSA])
    request = found[SLSA]["buildDefinition"]["externalParameters"]["request"]
    assert request["args"] == {"target": "tool"} and "secrets" not in request


@pytest.mark.parametrize(("words", "hermetic"), [("", False), ("--network=none", True)])
def test_a_build_is_hermetic_without_a_network_and_from_what_others_have(
    bb: Wherry, tmp_path: Path, words: str, hermetic: bool
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM bb\nRUN {words} true\n")
    data = (tmp_path / "Dockerfile").read_bytes()

    def metadata(context: str) -> dict[str, Any]:
        bb("build", "-q", "--provenance=true", "-t", "app:1", context)
        return dict(attested(bb, "app:1")[SLSA]["runDetails"]["metadata"])

    with running_web() as web:
        web.pages["/Dockerfile"] = lambda request: request.answer(200, data)
        assert metadata(f"{web.url}/Dockerfile").get("buildkit_hermetic", False) is hermetic
    assert "buildkit_hermetic" not in metadata(str(tmp_path)), "a folder of this machine"


def test_a_reproducible_image_has_reproducible_attestations(bb: Wherry, context: Path) -> None:
    words = ("--build-arg", "SOURCE_DATE_EPOCH=1700000000", "--no-cache")
    assert build(bb, context, *words, "-t", "a") == build(bb, context, *words, "-t", "a")
    found = attested(bb, "a")
    assert found[SPDX]["creationInfo"]["created"] == "2023-11-14T22:13:20Z"
    assert "startedOn" not in found[SLSA]["runDetails"]["metadata"]


def test_it_is_an_image_like_others(bb: Wherry, context: Path) -> None:
    build(bb, context, "-t", "app:1")
    assert bb("run", "--rm", "app:1", "cat", "/srv/node_modules/express/package.json")
    assert "app" in bb("images") and "unknown" not in bb("images")
    bb("tag", "app:1", "app:2")
    (context / "Dockerfile2").write_text("FROM app:1\nRUN true\n")
    bb("build", "-q", "-f", str(context / "Dockerfile2"), str(context))
    bb("rmi", "app:1")
    bb("system", "prune", "-f")
    assert attested(bb, "app:2")[SPDX], "what is attested stays as long as a name"
    assert "nothing is wrong" in bb("system", "check")
    bb("rmi", "app:2")
    bb("system", "prune", "-af")
    left = [p for p in (bb.root / "blobs/sha256").iterdir() if b"in-toto" in p.read_bytes()]
    assert left == [], "and no longer"


def test_a_lost_database_comes_back_without_taking_an_attestation_for_an_image(
    bb: Wherry, context: Path
) -> None:
    build(bb, context, "-t", "app:1")
    images = bb("images", "-aq", "--no-trunc")
    for path in bb.root.glob("wherry.db*"):
        path.unlink()
    bb.run("system", "check", "--repair")
    assert set(bb("images", "-aq", "--no-trunc").split()) == set(images.split())
    assert attested(bb, "app:1")[SPDX]


def test_an_archive_carries_them(bb: Wherry, wherry: Wherry, context: Path, tmp_path: Path) -> None:
    build(bb, context, "-t", "app:1", "-o", f"type=oci,dest={tmp_path / 'a.tar'}")
    with tarfile.open(tmp_path / "a.tar") as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
    index = json.loads(files["index.json"])["manifests"]
    assert len(index) == 1
    image, about = json.loads(files[blob(index[0]["digest"])])["manifests"]
    assert about["platform"] == {"architecture": "unknown", "os": "unknown"}
    assert about["annotations"] == {
        "vnd.docker.reference.digest": image["digest"],
        "vnd.docker.reference.type": "attestation-manifest",
    }
    for layer in json.loads(files[blob(about["digest"])])["layers"]:
        statement = json.loads(files[blob(layer["digest"])])
        assert layer["mediaType"] == "application/vnd.in-toto+json"
        assert layer["annotations"] == {"in-toto.io/predicate-type": statement["predicateType"]}
        (subject,) = statement["subject"]
        assert "sha256:" + subject["digest"]["sha256"] == image["digest"]
        assert subject["name"].startswith("pkg:docker/app@1?platform=linux%2F")
    wherry("load", "-i", str(tmp_path / "a.tar"))
    assert attested(wherry, "app:1")[SPDX] and wherry("images", "-q").count("\n") == 0


def blob(digest: str) -> str:
    return "blobs/sha256/" + digest.removeprefix("sha256:")


@pytest.mark.parametrize("lost", ["statement", "manifest"])
def test_an_archive_that_lost_some_of_it_is_loaded_without(
    bb: Wherry, wherry: Wherry, context: Path, tmp_path: Path, lost: str
) -> None:
    folder = tmp_path / "layout"
    build(bb, context, "-t", "app:1", "-o", f"type=oci,tar=false,dest={folder}")
    for path in (folder / "blobs/sha256").iterdir():
        data = path.read_bytes()
        if (lost == "statement" and b"in-toto.io/Statement" in data) or (
            lost == "manifest" and b"vnd.in-toto+json" in data
        ):
            path.unlink()
    subprocess.run(["tar", "cf", tmp_path / "a.tar", "-C", folder, "."], check=True)
    wherry("load", "-i", str(tmp_path / "a.tar"))
    assert "Attestations" not in json.loads(wherry("inspect", "app:1"))[0]
    wherry("system", "prune", "-f")
    assert "nothing is wrong" in wherry("system", "check")


def test_files_have_them_beside_them(bb: Wherry, context: Path, tmp_path: Path) -> None:
    build(bb, context, "-o", str(tmp_path / "out"))
    build(bb, context, "-o", f"type=tar,dest={tmp_path / 'out.tar'}")
    with tarfile.open(tmp_path / "out.tar") as tar:
        for name, kind in (("sbom.spdx.json", SPDX), ("provenance.json", SLSA)):
            for data in ((tmp_path / "out" / name).read_bytes(), tar.extractfile(name).read()):  # type: ignore[union-attr]
                assert json.loads(data)["predicateType"] == kind


def test_an_image_s_own_file_of_that_name_is_not_replaced(
    bb: Wherry, context: Path, tmp_path: Path
) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY status /sbom.spdx.json\n")
    said = bb.fails("build", "--sbom=true", "-o", str(tmp_path / "out"), str(context), code=1)
    assert "/sbom.spdx.json" in said


def test_a_docker_archive_cannot_hold_them(bb: Wherry, context: Path, tmp_path: Path) -> None:
    words = ("--sbom=true", "-o", f"type=docker,dest={tmp_path / 'a.tar'}", str(context))
    said = bb.fails("build", "--progress=plain", *words, code=125)
    assert "type=oci" in said and "COPY" not in said  # it is said before anything is built
    assert not (tmp_path / "a.tar").exists()


def test_media_types_of_docker_s_have_none_for_them(bb: Wherry, context: Path, tmp_path: Path) -> None:
    words = ("-o", f"type=oci,oci-mediatypes=false,dest={tmp_path / 'a.tar'}", str(context))
    said = bb.fails("build", "--sbom=true", *words, code=125)
    assert 'cannot export attestations with "oci-mediatypes=false"' in said and "COPY" not in said
    assert not (tmp_path / "a.tar").exists()
    bb("build", "-q", "--sbom=false", *words)


# -- registries ------------------------------------------------------------------------------------------


def test_a_registry_gets_them_and_others_read_them(
    bb: Wherry, registry: Registry, context: Path, tmp_path: Path
) -> None:
    name = f"{registry.host}/attest/app:1"
    build(bb, context, "-t", name, "--push")
    assert attested(bb, f"docker://{name}") == attested(bb, name)
    raw = skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    image, about = json.loads(raw)["manifests"]
    assert about["annotations"]["vnd.docker.reference.digest"] == image["digest"]
    layout = f"oci:{tmp_path / 'oci'}:x"
    skopeo("copy", "-q", "--all", "--src-tls-verify=false", f"docker://{name}", layout)
    assert attested(bb, layout)[SPDX] == attested(bb, name)[SPDX]
    other = f"{registry.host}/attest/copied:1"
    bb("copy", f"docker://{name}", f"docker://{other}")
    assert attested(bb, f"docker://{other}") == attested(bb, name)


def test_a_registry_that_lists_no_referrers_gets_a_list(
    bb: Wherry, registry: Registry, context: Path
) -> None:
    name = f"{registry.host}/attest/listed"
    for number in (1, 2):
        (context / "number").write_text(str(number))
        (context / "Dockerfile").write_text("FROM bb\nCOPY number /\n")
        build(bb, context, "-t", f"{name}:{number}", "--push")
        image, about = json.loads(bb("manifest", "inspect", f"{name}:{number}"))["manifests"]
        tag = image["digest"].replace(":", "-")
        (listed,) = json.loads(bb("manifest", "inspect", f"{name}:{tag}"))["manifests"]
        assert listed["digest"] == about["digest"]
        assert listed["artifactType"] == "application/vnd.docker.attestation.manifest.v1+json"
        bb("push", "-q", f"{name}:{number}")
        assert len(json.loads(bb("manifest", "inspect", f"{name}:{tag}"))["manifests"]) == 1


def skopeo(*words: str) -> str:
    if shutil.which("skopeo") is None:
        pytest.skip("there is no skopeo here")
    return subprocess.run(["skopeo", *words], capture_output=True, text=True, check=True).stdout


def test_an_image_that_is_packed_anew_is_the_subject_again(
    bb: Wherry, registry: Registry, context: Path
) -> None:
    """zstd instead of gzip: another manifest of the same image, of which the same is said."""
    name = f"{registry.host}/attest/zstd:1"
    build(bb, context, "-t", name)
    bb("push", "-q", "--compression", "zstd", name)
    index = json.loads(bb("manifest", "inspect", name))
    image, about = index["manifests"]
    assert about["annotations"]["vnd.docker.reference.digest"] == image["digest"]
    assert attested(bb, f"docker://{name}") == attested(bb, name)


def test_a_pull_brings_the_image_and_no_row_of_an_unknown_platform(
    bb: Wherry, other: Wherry, registry: Registry, context: Path
) -> None:
    name = f"{registry.host}/attest/pulled:1"
    build(bb, context, "-t", name, "--push")
    other("pull", "-q", name)
    assert other("images", "-q").count("\n") == 0
    platforms = json.loads(bb("image", "inspect", f"docker://{name}"))[0]["Platforms"]
    assert len(platforms) == 1 and platforms[0].startswith("linux/")


def test_a_second_push_sends_nothing(bb: Wherry, registry: Registry, context: Path) -> None:
    name = f"{registry.host}/attest/twice:1"
    build(bb, context, "-t", name, "--push")
    before = registry.log().count("PUT /v2/attest/twice/blobs")
    bb("push", "-q", name)
    assert registry.log().count("PUT /v2/attest/twice/blobs") == before


def test_several_platforms_have_one_each(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    layout = tmp_path / "oci"
    words = ("--platform", "linux/amd64,linux/arm64", "-t", "app:1")
    build(bb, tmp_path, *words, "-o", f"type=oci,tar=false,dest={layout}")
    (top,) = json.loads((layout / "index.json").read_text())["manifests"]
    entries = json.loads((layout / blob(top["digest"])).read_text())["manifests"]
    assert [e["platform"]["architecture"] for e in entries] == ["amd64", "arm64", "unknown", "unknown"]
    about = [e["annotations"]["vnd.docker.reference.digest"] for e in entries[2:]]
    assert about == [e["digest"] for e in entries[:2]]
    assert os.path.isdir(layout)
