"""Outputs of a build for several platforms."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.builder.output.export import Built, export
from wherry.builder.output.options import parse
from wherry.builder.progress import Silent
from wherry.errors import ContextError, UsageError
from wherry.images.lookup import lookup
from wherry.images.view import Image
from wherry.images.write import create_image
from wherry.oci.platform import Platform
from wherry.store import Store

pytestmark = pytest.mark.root


@pytest.fixture
def store(bb: Wherry, tmp_path: Path) -> Store:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /etc/other\n")
    bb("build", "-q", "-t", "other", str(tmp_path / "c"))
    return Store.open(str(bb.root))


@pytest.fixture
def built(store: Store) -> list[Built]:
    """The image ``bb`` for this machine's platform, and another one as if for arm."""
    one, two = lookup(store, "bb"), lookup(store, "other")
    config = two.config._replace(architecture="arm", variant="v7", created="2030-01-01T00:00:00Z")
    record = create_image(store, config, keep=False)
    return [
        Built(Platform("linux", one.config.architecture), one),
        Built(Platform("linux", "arm", "v7"), Image(store, record)),
    ]


def test_an_archive_has_an_index_above_the_manifests(
    store: Store, built: list[Built], tmp_path: Path
) -> None:
    asked = "annotation-index.a=1,annotation-index-descriptor.b=2,annotation[linux/arm/v7].c=3"
    output = parse(f"type=oci,dest={tmp_path}/o,name=multi:1,{asked}")
    found = export(store, built, output, Silent())
    with tarfile.open(tmp_path / "o") as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert (entry["digest"], entry["mediaType"]) == (
        found.digest,
        "application/vnd.oci.image.index.v1+json",
    )
    assert entry["annotations"]["io.containerd.image.name"] == "docker.io/library/multi:1"
    assert entry["annotations"]["b"] == "2"
    assert entry["annotations"]["org.opencontainers.image.created"] == "2030-01-01T00:00:00Z"
    index = json.loads(files["blobs/sha256/" + found.digest[7:]])
    assert index["annotations"] == {"a": "1"}
    assert [m["platform"] for m in index["manifests"]] == [
        {"architecture": built[0].platform.architecture, "os": "linux"},
        {"architecture": "arm", "os": "linux", "variant": "v7"},
    ]
    manifests = [json.loads(files["blobs/sha256/" + m["digest"][7:]]) for m in index["manifests"]]
    assert [manifest.get("annotations") for manifest in manifests] == [None, {"c": "3"}]
    shown = subprocess.run(
        ["skopeo", "inspect", "--override-arch=arm", "--override-variant=v7", f"oci-archive:{tmp_path}/o"],
        capture_output=True,
        check=True,
    )
    assert json.loads(shown.stdout)["Architecture"] == "arm"


def test_files_come_in_a_folder_for_each_platform(store: Store, built: list[Built], tmp_path: Path) -> None:
    export(store, built, parse(str(tmp_path / "out")), Silent())
    names = [f"linux_{built[0].platform.architecture}", "linux_arm_v7"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert (tmp_path / "out/linux_arm_v7/etc/other").read_text().startswith("FROM")
    export(store, built, parse(f"type=tar,dest={tmp_path}/t"), Silent())
    with tarfile.open(fileobj=io.BytesIO((tmp_path / "t").read_bytes())) as tar:
        members = tar.getnames()
    assert "linux_arm_v7/etc/other" in members and f"{names[0]}/bin/busybox" in members
    assert {member.split("/")[0] for member in members} == set(names)


def test_files_of_all_platforms_in_one_folder_where_they_do_not_collide(
    store: Store, built: list[Built], tmp_path: Path
) -> None:
    merged = parse(f"type=local,dest={tmp_path}/out,platform-split=false")
    export(store, built, merged, Silent())
    assert (tmp_path / "out/etc/other").exists() and (tmp_path / "out/etc/passwd").exists()
    twice = [built[1], Built(Platform("linux", "s390x"), built[1].image)]
    with pytest.raises(ContextError, match="cannot overwrite etc/other from linux/arm/v7 with linux/s390x"):
        export(store, twice, merged, Silent())
    alone = parse(f"type=local,dest={tmp_path}/one,platform-split=true")
    export(store, built[1:], alone, Silent())
    assert (tmp_path / "one/linux_arm_v7/etc/other").exists()


def test_a_docker_archive_holds_one_platform(store: Store, built: list[Built], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not currently support exporting manifest lists"):
        export(store, built, parse(f"type=docker,dest={tmp_path}/d"), Silent())
    assert not (tmp_path / "d").exists()
