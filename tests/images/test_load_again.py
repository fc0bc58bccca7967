"""Loading an archive writes each layer's bytes once, and none that the store has already."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from support.plain import plain_user
from support.wherry import Wherry
from support.work import work_of
from wherry.store.blobmark import is_marked

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
    """How often what arrives is opened, trees aside, and how often the layer is as a blob."""
    root = tmp_path / "store"
    work = work_of(tmp_path, "--root", str(root), "load", "-q", "-i", str(archive))
    opened = [path.split("/") for kind, path in work.events if kind == "open"]
    written = sum(path[-2:-1] == ["beside"] for path in opened)
    return written, work.count("open", root / "blobs", layer_in(archive))


def test_a_layer_is_written_once_and_again_not_at_all(tmp_path: Path, archive: Path) -> None:
    # Written while it is unpacked; a look at its first bytes tells its kind, and the blob is that file.
    assert load(tmp_path, archive) == (2, 0)
    # Known by its digest.
    assert load(tmp_path, archive) == (0, 0)
    wherry = Wherry(tmp_path / "store")
    wherry("system", "check")
    assert wherry("images", "-q") == Wherry(tmp_path / "saver")("images", "-q")


def test_a_damaged_blob_is_mended_by_loading_again(tmp_path: Path, archive: Path) -> None:
    load(tmp_path, archive)
    blob = tmp_path / "store/blobs/sha256" / layer_in(archive)
    blob.write_bytes(bytes(blob.stat().st_size - 1) + b"x")
    assert load(tmp_path, archive)[0] > 0
    Wherry(tmp_path / "store")("system", "check")


def test_a_blob_that_was_found_damaged_is_read_again_though_its_file_looks_as_it_did(
    tmp_path: Path, archive: Path
) -> None:
    """As on a disk that loses bits: no time tells."""
    load(tmp_path, archive)
    wherry = Wherry(tmp_path / "store")
    blob = tmp_path / "store/blobs/sha256" / layer_in(archive)
    status = blob.stat()
    blob.write_bytes(bytes(status.st_size - 1) + b"x")
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))
    save = ("save", "-o", str(tmp_path / "b.tar"), "big")
    assert "is damaged: its tree is used instead" in wherry.run(*save).stderr
    assert load(tmp_path, archive)[0] > 0
    wherry("system", "check")
    assert wherry.run(*save).stderr == ""


def test_a_pipe_and_a_compressed_archive_are_taken_as_well(tmp_path: Path, archive: Path) -> None:
    wherry = Wherry(tmp_path / "store")
    for data in (archive.read_bytes(), gzip.compress(archive.read_bytes(), 1)):
        subprocess.run([*wherry.prefix, "load", "-q"], input=data, check=True, timeout=120)
        wherry("system", "check")
        assert wherry("images", "-q") == Wherry(tmp_path / "saver")("images", "-q")
        wherry("rmi", "big")


def test_a_plain_user_s_store_knows_them(entered_by_all: Path, tmp_path: Path, archive: Path) -> None:
    wherry = plain_user(entered_by_all)
    shutil.copy(archive, entered_by_all / "a.tar")
    (entered_by_all / "a.tar").chmod(0o644)
    wherry("load", "-q", "-i", str(entered_by_all / "a.tar"))
    blob = wherry.root / "blobs/sha256" / layer_in(archive)
    assert is_marked(str(blob), str(wherry.root))
    wherry("load", "-q", "-i", str(entered_by_all / "a.tar"))
    wherry("system", "check")


def test_a_damaged_layer_is_refused_and_nothing_of_it_stays(tmp_path: Path, archive: Path) -> None:
    data = archive.read_bytes()
    with tarfile.open(archive) as tar:
        (place,) = [member.offset_data + member.size // 2 for member in tar if member.size > 1 << 20]
    archive.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
    wherry = Wherry(tmp_path / "store")
    assert "damaged" in wherry.fails("load", "-i", str(archive))
    assert [*(tmp_path / "store/layers").iterdir(), *(tmp_path / "store/tmp").iterdir()] == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_images_may_share_a_layer_by_a_link(tmp_path: Path, archive: Path, kind: bytes) -> None:
    """As in archives of old tools."""
    digits, linked = layer_in(archive), tmp_path / "linked.tar"
    with tarfile.open(archive) as source, tarfile.open(linked, "w") as target:
        for member in source:
            file = source.extractfile(member) if member.isreg() else None
            if member.name == "manifest.json" and file is not None:
                text = file.read().replace(f"blobs/sha256/{digits}".encode(), b"layer.tar")
                member.size = len(text)
                file = io.BytesIO(text)
            target.addfile(member, file)
        link = tarfile.TarInfo("layer.tar")
        link.type, link.linkname = kind, f"blobs/sha256/{digits}"
        target.addfile(link)
    for _ in range(2):  # new, and known
        work_of(tmp_path, "--root", str(tmp_path / "store"), "load", "-q", "-i", str(linked))
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
