"""save and load: which images, and archives that other tools write in their own ways."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.oci.digest import digest_of
from wherry.oci.manifest import INDEX

pytestmark = pytest.mark.root


def names(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        entries = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
    return [name for entry in entries for name in entry["RepoTags"]]


def test_a_name_without_a_tag_means_all_its_tags(bb: Wherry, tmp_path: Path) -> None:
    other = bb.build(tmp_path / "c", "FROM bb\nENV A=1\n")
    for image, name in (("bb", "repo:1"), (other, "repo:2"), ("bb", "repo2:3"), ("bb", "host:5000/repo:4")):
        bb("tag", image, name)
    out = tmp_path / "out.tar"
    bb("save", "-o", str(out), "repo")
    assert sorted(names(out)) == ["repo:1", "repo:2"]
    bb("save", "-o", str(out), "host:5000/repo", "repo:2")
    assert sorted(names(out)) == ["host:5000/repo:4", "repo:2"]
    assert "No such image: nosuch:latest" in bb.fails("save", "-o", str(out), "nosuch")


def index(folder: Path, *descriptors: dict[str, object]) -> dict[str, object]:
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": descriptors}).encode()
    digest = digest_of(data)
    (folder / "blobs/sha256" / digest[7:]).write_bytes(data)
    return {"mediaType": INDEX, "digest": digest, "size": len(data)}


@pytest.mark.parametrize(
    "shape", ["one in one", "one in one in one", "two in one", "an image and an index"]
)
def test_the_images_of_an_index_inside_an_index_are_loaded(bb: Wherry, tmp_path: Path, shape: str) -> None:
    layout, found = tmp_path / "layout", []
    for number in (1, 2):
        (tmp_path / "c").mkdir(exist_ok=True)
        (tmp_path / "c/Dockerfile").write_text(f"FROM bb\nENV A={number}\n")
        bb("build", "-q", "-o", f"type=oci,dest={tmp_path / 'one.tar'}", str(tmp_path / "c"))
        with tarfile.open(tmp_path / "one.tar") as tar:
            tar.extractall(layout, filter="data")
        entry = json.loads((layout / "index.json").read_text())["manifests"][0]
        entry["platform"] = {"os": "linux", "architecture": ("amd64", "arm64")[number - 1]}
        found.append({key: value for key, value in entry.items() if key != "annotations"})
    one, two = found
    outer = {
        "one in one": lambda: index(layout, index(layout, one)),
        "one in one in one": lambda: index(layout, index(layout, index(layout, one))),
        "two in one": lambda: index(layout, index(layout, one), index(layout, two)),
        "an image and an index": lambda: index(layout, one, index(layout, two)),
    }[shape]()
    outer["annotations"] = {"org.opencontainers.image.ref.name": "nested:1"}
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [outer]}))
    (layout / "manifest.json").unlink(missing_ok=True)
    archive = shutil.make_archive(str(tmp_path / "nested"), "tar", layout)
    assert bb("load", "-i", archive) == "Loaded image: nested:1"
    assert bb("run", "--rm", "nested:1", "sh", "-c", "echo $A") == "1"
    bb("prune", "-f")
    assert bb("run", "--rm", "nested:1", "sh", "-c", "echo $A") == "1"
    assert bb("system", "check")


def for_another(bb: Wherry, folder: Path, os: str, architecture: str) -> Path:
    """An archive of bb that says it is for another platform."""
    bb("save", "-o", str(folder / "bb.tar"), "bb")
    changed = folder / "other.tar"
    with tarfile.open(folder / "bb.tar") as tar, tarfile.open(changed, "w") as out:
        (entry,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        config = json.load(tar.extractfile(entry["Config"]))  # type: ignore[arg-type]
        entry |= {"Config": "config.json", "RepoTags": ["other:1"]}
        texts = {
            "config.json": json.dumps({**config, "os": os, "architecture": architecture}),
            "manifest.json": json.dumps([entry]),
        }
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            out.addfile(member, io.BytesIO(text.encode()))
        for path in entry["Layers"]:
            out.addfile(tar.getmember(path), tar.extractfile(path))
    return changed


def test_an_image_of_another_system_is_loaded_with_a_warning_and_not_run(
    bb: Wherry, tmp_path: Path
) -> None:
    archive = for_another(bb, tmp_path, "windows", "amd64")
    done = bb.run("load", "-i", str(archive))
    assert done.stdout == "Loaded image: other:1\n"
    assert "other:1 is for windows/amd64" in done.stderr
    for command, code in ((("run", "--rm"), 125), (("create",), 1)):
        said = bb.fails(*command, "other:1", "true", code=code)
        assert "other:1 is for windows/amd64" in said and "linux/" in said
    said = bb.fails("build", "-q", "-f-", str(tmp_path), input="FROM other:1\nRUN true\n")
    assert "windows" in said and "emulator" not in said and "qemu" not in said
    assert bb("ps", "-aq") == ""


def test_an_image_of_another_processor_is_run_with_docker_s_warning(bb: Wherry, tmp_path: Path) -> None:
    done = bb.run("load", "-i", str(for_another(bb, tmp_path, "linux", "riscv64")))
    assert "other:1 is for linux/riscv64" in done.stderr
    done = bb.run("run", "--rm", "other:1", "echo", "its programs are this machine's")
    assert done.stdout == "its programs are this machine's\n"
    assert "The requested image's platform (linux/riscv64) does not match" in done.stderr
