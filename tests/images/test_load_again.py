"""Loading an archive writes each layer's bytes once, and none that the store has already."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from support.wherry import Wherry
from support.work import work_of

pytestmark = [pytest.mark.root]

SIZE = 3 << 20


@pytest.fixture(params=["random", "zeros"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Saved by a store that is not the one of the test."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "f").write_bytes(os.urandom(SIZE) if request.param == "random" else bytes(SIZE))
    (context / "Dockerfile").write_text("FROM scratch\nCOPY f /f\n")
    saver = Wherry(tmp_path / "saver")
    saver.build(context, None, "-t", "big")
    saver("save", "-o", str(tmp_path / "a.tar"), "big")
    return tmp_path / "a.tar"


def layer_in(archive: Path) -> str:
    """The digits of the digest of its only large member."""
    with tarfile.open(archive) as tar:
        (name,) = [member.name for member in tar if member.size > 1 << 20]
    return name.rpartition("/")[2]


def load(tmp_path: Path, archive: Path) -> tuple[int, int]:
    """How often the layer was opened where the archive is unpacked, and as a blob."""
    root = tmp_path / "store"
    work = work_of(tmp_path, "--root", str(root), "load", "-q", "-i", str(archive))
    digits = layer_in(archive)
    return work.count("open", root / "tmp", digits), work.count("open", root / "blobs", digits)


def test_a_layer_is_written_once_and_again_not_at_all(tmp_path: Path, archive: Path) -> None:
    # Written, read into its tree, and once more for its digest; the blob is that file.
    assert load(tmp_path, archive) == (3, 0)
    # Known by its digest, once the blob was found whole.
    assert load(tmp_path, archive) == (0, 1)
    wherry = Wherry(tmp_path / "store")
    wherry("system", "check")
    assert wherry("images", "-q") == Wherry(tmp_path / "saver")("images", "-q")


def test_a_damaged_blob_is_mended_by_loading_again(tmp_path: Path, archive: Path) -> None:
    load(tmp_path, archive)
    blob = tmp_path / "store/blobs/sha256" / layer_in(archive)
    blob.write_bytes(bytes(blob.stat().st_size - 1) + b"x")
    assert load(tmp_path, archive)[0] > 0
    Wherry(tmp_path / "store")("system", "check")


def test_a_layer_whose_tree_is_gone_comes_back_from_the_blob_that_is_there(
    tmp_path: Path, archive: Path
) -> None:
    load(tmp_path, archive)
    (tree,) = (tmp_path / "store/layers").iterdir()
    (tree / "f").unlink()
    tree.rmdir()
    load(tmp_path, archive)
    wherry = Wherry(tmp_path / "store")
    wherry("system", "check")
    assert [path.stat().st_size for path in (tmp_path / "store/layers").glob("*/f")] == [SIZE]


def test_a_link_to_a_layer_that_the_store_has_leads_to_it(tmp_path: Path, archive: Path) -> None:
    """As in archives of old tools, whose images share their layers by links."""
    load(tmp_path, archive)
    digits, linked = layer_in(archive), tmp_path / "linked.tar"
    with tarfile.open(archive) as source, tarfile.open(linked, "w") as target:
        for member in source:
            file = source.extractfile(member) if member.isreg() else None
            if member.name == "manifest.json" and file is not None:
                text = file.read().replace(f"blobs/sha256/{digits}".encode(), b"layer.tar")
                member.size = len(text)
                target.addfile(member, io.BytesIO(text))
            else:
                target.addfile(member, file)
        link = tarfile.TarInfo("layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, f"blobs/sha256/{digits}"
        target.addfile(link)
    work_of(tmp_path, "--root", str(tmp_path / "store"), "load", "-q", "-i", str(linked))
    Wherry(tmp_path / "store")("system", "check")
