"""The reader of saved archives finds what is wrong, and puts layers on each other by the image-spec."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from tests.soak.archive import Tree, Wrong, apply_layer, read_archive

from support.wherry import Wherry


def layer(*members: tuple[str, bytes | None]) -> tarfile.TarFile:
    """A layer of files, and of folders where there is no content."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.type = tarfile.REGTYPE if content is not None else tarfile.DIRTYPE
            member.size = len(content or b"")
            tar.addfile(member, io.BytesIO(content or b""))
    raw.seek(0)
    return tarfile.open(fileobj=raw)


def test_a_whiteout_takes_away_what_the_layers_below_have_and_nothing_of_its_own() -> None:
    tree: Tree = {}
    apply_layer(tree, layer(("d", None), ("d/old", b"1"), ("gone", b"2"), ("e", None), ("e/x", b"3")))
    apply_layer(tree, layer(("d/.wh..wh..opq", b""), ("d/new", b"4"), (".wh.gone", b""), (".wh.e", b"")))
    assert set(tree) == {"d", "d/new"}


def test_a_file_in_place_of_a_folder_takes_what_was_in_it_away() -> None:
    tree: Tree = {}
    apply_layer(tree, layer(("d", None), ("d/x", b"1")))
    apply_layer(tree, layer(("d", b"file")))
    assert set(tree) == {"d"}


def test_one_changed_byte_of_any_blob_makes_an_archive_wrong(bb: Wherry, tmp_path: Path) -> None:
    path = tmp_path / "x.tar"
    bb("save", "-o", str(path), "bb")
    whole = path.read_bytes()
    assert list(read_archive(path)) == ["bb:latest"]
    with tarfile.open(path) as tar:
        blobs = [m for m in tar if m.isfile() and m.name.startswith("blobs/")]
    assert len(blobs) == 3
    for blob in blobs:
        data = bytearray(whole)
        data[blob.offset_data + blob.size // 2] ^= 1
        path.write_bytes(data)
        with pytest.raises(Wrong):
            read_archive(path)
