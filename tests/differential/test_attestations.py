"""Attestations beside BuildKit's own: the same form, and theirs are kept as they are."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from support.buildkit import BuildKit, own_folder, running_buildkit
from support.wherry import Wherry

pytestmark = [pytest.mark.buildkit, pytest.mark.root]

DOCKERFILE = "FROM scratch AS a\nCOPY x /x\nFROM scratch\nARG A\nCOPY --from=a /x /y\n"
WORDS = ("--build-arg", "A=1", "--label", "l=2")

DEFINITION = "predicate.buildDefinition"
REQUEST = f"{DEFINITION}.externalParameters.request"
METADATA = "predicate.runDetails.metadata"
ONLY_BUILDKIT_S = (
    f"{REQUEST}.root",  # of frontends in frontends
    f"{REQUEST}.compatibilityVersion",
    f"{DEFINITION}.internalParameters.dockerfileVersion",
    # Its own plan of the build, which is in no Dockerfile's words, and what refers to that.
    f"{DEFINITION}.internalParameters.buildConfig",
    f"{METADATA}.buildkit_metadata.source.locations",
    f"{METADATA}.buildkit_metadata.source.infos[].llbDefinition",
    f"{METADATA}.buildkit_metadata.source.infos[].digestMapping",
    f"{METADATA}.buildkit_metadata.layers",
)
ONLY_OURS = {
    f"{DEFINITION}.externalParameters.configSource.path",
    "predicate.runDetails.builder.version.wherry",
}


class Archive(NamedTuple):
    """An OCI archive's only attestation: its entry in the index, its manifest, its statement."""

    entry: dict[str, Any]
    manifest: dict[str, Any]
    statement: dict[str, Any]


@pytest.fixture(scope="module")
def buildkit() -> Iterator[BuildKit]:
    with running_buildkit(own_folder("attest")) as one:
        yield one


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "x").write_text("x")
    return folder


def theirs(buildkit: BuildKit, context: Path, archive: Path, mode: str) -> Path:
    opts = (f"attest:provenance=mode={mode}",)
    done = buildkit.run(context, context / "Dockerfile", *WORDS, archive=archive, opts=opts, kind="oci")
    assert done.returncode == 0, done.stderr[-2000:]
    return archive


def read(path: Path) -> Archive:
    with tarfile.open(path) as tar:
        files = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]

    def blob(descriptor: dict[str, Any]) -> dict[str, Any]:
        value = json.loads(files["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")])
        assert isinstance(value, dict)
        return value

    (top,) = json.loads(files["index.json"])["manifests"]
    entry = blob(top)["manifests"][1]
    manifest = blob(entry)
    (layer,) = manifest["layers"]
    assert blob(manifest["config"]) == {}
    return Archive(entry, manifest, blob(layer))


def members(value: object, above: str = "") -> set[str]:
    """The names of all that is in a document, without what an empty list or object would hold."""
    if isinstance(value, dict):
        return {path for key, each in value.items() for path in members(each, f"{above}.{key}".strip("."))}
    if isinstance(value, list):
        return {path for each in value for path in members(each, f"{above}[]")}
    return {above}


@pytest.mark.parametrize("mode", ["min", "max"])
def test_an_attestation_has_the_form_of_buildkit_s(
    buildkit: BuildKit, context: Path, tmp_path: Path, mode: str
) -> None:
    expected = read(theirs(buildkit, context, tmp_path / "theirs.tar", mode))
    words = (*WORDS, f"--provenance=mode={mode}", "-o", f"type=oci,name=x,dest={tmp_path / 'ours.tar'}")
    Wherry(tmp_path / "store")("build", "-q", *words, str(context))
    ours = read(tmp_path / "ours.tar")
    assert members(ours.entry) == members(expected.entry)
    assert members(ours.manifest) == members(expected.manifest)
    for key in ("artifactType", "config"):
        assert ours.manifest[key] == expected.manifest[key]
    assert ours.manifest["layers"][0]["annotations"] == expected.manifest["layers"][0]["annotations"]
    assert ours.manifest["subject"]["digest"] == ours.entry["annotations"]["vnd.docker.reference.digest"]
    assert ours.statement["_type"] == expected.statement["_type"]
    assert ours.statement["subject"][0]["name"] == expected.statement["subject"][0]["name"]
    found, wanted = members(ours.statement), members(expected.statement)
    assert found - wanted <= ONLY_OURS
    assert [path for path in wanted - found if not path.startswith(ONLY_BUILDKIT_S)] == []
    definition, other = (one.statement["predicate"]["buildDefinition"] for one in (ours, expected))
    assert definition["buildType"] == other["buildType"]
    for key in ("frontend", "args", "locals"):
        requests = (one["externalParameters"]["request"].get(key, {}) for one in (definition, other))
        assert len({json.dumps(request, sort_keys=True) for request in requests}) == 1, key


def test_what_buildkit_attests_is_kept_byte_for_byte(
    buildkit: BuildKit, context: Path, tmp_path: Path
) -> None:
    archive = theirs(buildkit, context, tmp_path / "theirs.tar", "max")
    expected = read(archive)
    wherry = Wherry(tmp_path / "store")
    wherry("load", "-i", str(archive))
    shown = json.loads(wherry("image", "inspect", "--format", "{{json .Provenance.SLSA}}", "x"))
    assert shown == expected.statement["predicate"]
    wherry("system", "prune", "-f")
    wherry("copy", "wherry:x", f"oci-archive:{tmp_path / 'again.tar'}:x")
    assert read(tmp_path / "again.tar") == expected
