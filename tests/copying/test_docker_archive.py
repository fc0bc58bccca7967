"""``wherry copy`` from and to the archives of ``docker save``."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from fakes.registry import FakeRegistry
from registry.test_faults import layer as fake_layer
from registry.test_faults import put_image
from support.registry import Registry
from support.wherry import Wherry

pytestmark = [pytest.mark.registry]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def layer(name: str = "file", text: bytes = b"text") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return out.getvalue()


def config(*layers: bytes) -> bytes:
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest(data)}" for data in layers]}
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()


def archive(path: Path, files: dict[str, bytes], entries: list[dict[str, Any]]) -> Path:
    """A docker-archive of the old shape, as docker before 25 wrote it."""
    with tarfile.open(path, "w") as tar:
        for name, data in {**files, "manifest.json": json.dumps(entries).encode()}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def two_images(path: Path) -> Path:
    """One called a:1 and b:2, one without a name."""
    one, two = layer(), layer("other")
    files = {
        "one/layer.tar": one, "two/layer.tar": two, f"{digest(config(one))}.json": config(one),
        f"{digest(config(one, two))}.json": config(one, two),
    }  # fmt: skip
    entries = [
        {"Config": f"{digest(config(one))}.json", "RepoTags": ["a:1", "b:2"], "Layers": ["one/layer.tar"]},
        {"Config": f"{digest(config(one, two))}.json", "RepoTags": None,
         "Layers": ["one/layer.tar", "two/layer.tar"]},
    ]  # fmt: skip
    return archive(path, files, entries)


def layout_layers(folder: Path) -> list[tuple[str, bytes]]:
    """Media type and plain bytes of the only image's layers."""
    (entry,) = json.loads((folder / "index.json").read_text())["manifests"]
    blobs = folder / "blobs/sha256"
    manifest = json.loads((blobs / entry["digest"][7:]).read_text())
    return [
        (d["mediaType"], gzip.decompress((blobs / d["digest"][7:]).read_bytes()))
        for d in manifest["layers"]
    ]


@pytest.mark.parametrize(("name", "number"), [(":a:1", 1), (":docker.io/library/b:2", 1), (":@1", 2)])
def test_one_image_of_an_archive_by_its_name_or_number(
    wherry: Wherry, tmp_path: Path, name: str, number: int
) -> None:
    file = two_images(tmp_path / "a.tar")
    wherry("copy", "-q", f"docker-archive:{file}{name}", f"oci:{tmp_path}/out")
    expected = [layer(), layer("other")][:number]
    assert layout_layers(tmp_path / "out") == [
        ("application/vnd.oci.image.layer.v1.tar+gzip", data) for data in expected
    ]


def test_what_an_archive_does_not_have(wherry: Wherry, tmp_path: Path) -> None:
    file = two_images(tmp_path / "a.tar")
    for name, says in (("", "it has a:1, b:2"), (":c:1", "it has a:1, b:2"), (":@2", "no image @2")):
        assert says in wherry.fails("copy", f"docker-archive:{file}{name}", f"oci:{tmp_path}/out", code=1)
    assert not (tmp_path / "out/index.json").exists()


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_layers_are_verified(wherry: Wherry, tmp_path: Path, compression: str) -> None:
    bad = layer(text=b"other bytes") if compression == "none" else gzip.compress(layer(text=b"other bytes"))
    files = {"c.json": config(layer()), "l.tar": bad}
    file = archive(tmp_path / "a.tar", files, [{"Config": "c.json", "Layers": ["l.tar"]}])
    said = wherry.fails("copy", f"docker-archive:{file}", f"oci:{tmp_path}/out", code=1)
    assert "was promised" in said and not (tmp_path / "out/index.json").exists()


def test_what_an_archive_lies_about(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    good = {"c.json": config(layer()), "l.tar": layer()}
    for files, entry, says in (
        (good, {"Config": "c.json", "Layers": []}, "promises 1 layer"),
        (good, {"Config": "../../secret", "Layers": ["l.tar"]}, "no ../../secret"),
        (good, {"Config": f"{tmp_path}/secret", "Layers": ["l.tar"]}, "the archive has no"),
        (good, {"Config": "c.json", "Layers": [f"{tmp_path}/secret"]}, "the archive has no"),
        (good, {"Config": "c.json", "Layers": "l.tar"}, "are lists"),
        ({**good, "c.json": b"[]"}, {"Config": "c.json", "Layers": ["l.tar"]}, "c"),
    ):
        file = archive(tmp_path / "a.tar", files, [entry])
        said = wherry.fails("copy", f"docker-archive:{file}", f"oci:{tmp_path}/out", code=1)
        assert says in said and "secret" not in said.replace(f"{tmp_path}/secret", "").replace(
            "../secret", ""
        )
    assert not (tmp_path / "out/index.json").exists()


def test_an_image_goes_to_an_archive_that_others_load(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    name = f"{registry.host}/copying/archive"
    bb("tag", "bb", name)
    bb("push", "-q", name)
    file = tmp_path / "a.tar"
    bb("copy", "-q", f"docker://{name}", f"docker-archive:{file}:some/name:1")
    with tarfile.open(file) as tar:
        (entry,) = json.load(tar.extractfile("manifest.json") or io.BytesIO())
        data = tar.extractfile(entry["Layers"][0])
        assert data is not None and "sha256:" + digest(data.read()) in bb("inspect", "bb")
    assert entry["RepoTags"] == ["some/name:1"]
    assert other("load", "-i", str(file)) == "Loaded image: some/name:1"
    assert other("images", "-q", "--no-trunc", "some/name:1") == bb("images", "-q", "--no-trunc", "bb")
    subprocess.run(["skopeo", "copy", "-q", f"docker-archive:{file}", f"dir:{tmp_path}/theirs"], check=True)
    theirs = json.loads((tmp_path / "theirs/manifest.json").read_text())
    assert theirs["config"]["digest"] == bb("images", "-q", "--no-trunc", "bb")


def test_an_archive_of_skopeo_s_goes_to_a_registry(
    bb: Wherry, other: Wherry, registry: Registry, tmp_path: Path
) -> None:
    bb("save", "-o", str(tmp_path / "bb.tar"), "bb")
    theirs = f"docker-archive:{tmp_path}/theirs.tar:x/y:1"
    subprocess.run(["skopeo", "copy", "-q", f"docker-archive:{tmp_path}/bb.tar", theirs], check=True)
    name = f"{registry.host}/copying/theirs"
    other("copy", "-q", theirs, f"docker://{name}")
    other("pull", "-q", name)
    assert other("images", "-q", "--no-trunc", name) == bb("images", "-q", "--no-trunc", "bb")
    assert other("run", "--rm", name, "echo", "well") == "well"


def test_a_manifest_with_other_layers_than_its_configuration_promises(
    wherry: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    put_image(fake, "a", [fake_layer(1, 100), fake_layer(2, 100)])
    media_type, data = fake.manifests["a", "latest"]
    manifest = json.loads(data)
    fake.put("a", "latest", media_type, json.dumps({**manifest, "layers": manifest["layers"][:1]}).encode())
    said = wherry.fails("copy", f"docker://{fake.host}/a", f"docker-archive:{tmp_path}/a.tar", code=1)
    assert "promises 2 layers, the manifest has 1" in said and not (tmp_path / "a.tar").exists()
