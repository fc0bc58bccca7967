"""The files of a layer, wherever they come from."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from wherry.errors import CorruptError, UnsupportedError
from wherry.explore.archive import Packed, layer_of
from wherry.explore.contents import Part
from wherry.explore.indexed import CHUNKED, FOOTER, STARGZ, from_index
from wherry.explore.model import LayerFiles
from wherry.explore.read import Window, from_part, from_tar, from_tree
from wherry.layers.pack import pack
from wherry.layers.whiteout import make_opaque, make_whiteout
from wherry.oci.manifest import Descriptor

Keep = Callable[[Path], Part]


def member(name: str, data: bytes = b"", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


@pytest.fixture
def kept() -> Iterator[Keep]:
    """A file as a part, kept open."""
    with contextlib.ExitStack() as stack:

        def keep(path: Path) -> Part:
            number = stack.enter_context(path.open("rb")).fileno()
            return Part(str(path), 0, path.stat().st_size, number)

        yield keep


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def plain(layer: LayerFiles) -> list[tuple[object, ...]]:
    """What does not depend on where the bytes are."""
    return [(*file[:8], file.content.digest() if file.content else "") for file in layer.files]


@pytest.mark.root
def test_a_tree_its_tar_and_a_part_of_a_file_give_the_same_files(tmp_path: Path, kept: Keep) -> None:
    tree = tmp_path / "tree"
    (tree / "a/gone").mkdir(parents=True)
    (tree / "a/file").write_bytes(os.urandom(5000))
    (tree / "a/empty").touch()
    (tree / "a/script").write_text("#!/bin/sh\n")
    (tree / "a/script").chmod(0o4755)
    os.link(tree / "a/file", tree / "a/link")
    os.symlink("file", tree / "a/symlink")
    os.mkfifo(tree / "fifo")
    make_opaque(str(tree / "a/gone"))
    make_whiteout(str(tree / "hidden"))
    data = io.BytesIO()
    packed = pack(str(tree), data.write)
    (tmp_path / "archive").write_bytes(b"before" + data.getvalue() + b"after")
    found = from_tree(str(tree))
    assert found.whiteouts == ("hidden",) and found.opaque == ("a/gone",)
    assert found.size == packed.size == 5000 + 10 + 4
    links = [file for file in found.files if file.path in ("a/file", "a/link")]
    assert len({file.body for file in links}) == 1 and {file.size for file in links} == {5000}
    part = kept(tmp_path / "archive")._replace(offset=6, size=len(data.getvalue()))
    for other in (from_tar(io.BytesIO(data.getvalue()), "x"), from_part(part, "x")):
        assert plain(other) == plain(found)
        assert (other.whiteouts, other.opaque, other.size) == (found.whiteouts, found.opaque, found.size)


def test_of_a_plain_tar_only_the_headers_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: Keep
) -> None:
    (tmp_path / "x").write_bytes(tar_of(member("big", bytes(20 << 20))))
    part = kept(tmp_path / "x")
    read, before = 0, Window.read

    def counted(self: Window, size: int = -1, /) -> bytes:
        nonlocal read
        data = before(self, size)
        read += len(data)
        return data

    monkeypatch.setattr(Window, "read", counted)
    assert from_part(part, "x").size == 20 << 20
    assert 0 < read < 100_000


def test_a_file_is_compared_by_its_ends_before_all_of_it_is_read(tmp_path: Path, kept: Keep) -> None:
    (tmp_path / "x").write_bytes(b"a" * 3000 + b"b" * 3000)
    for part in (
        Part(str(tmp_path / "x"), 1000, 4000),
        kept(tmp_path / "x")._replace(offset=1000, size=4000),
    ):
        assert (part.beginning(), part.end()) == (b"a" * 512, b"b" * 512)
        assert part.digest() == hashlib.sha256(b"a" * 2000 + b"b" * 2000).hexdigest()
        assert part.read(3) == b"aaa"


def test_what_passed_by_is_not_kept(tmp_path: Path) -> None:
    data = tar_of(member("a/node_modules/.package-lock.json", b"{}"), member("b", b"bytes"))
    lock, other = from_tar(io.BytesIO(data), "x").files
    assert lock.content is not None and lock.content.read(10) == b"{}"
    assert other.content is not None and other.content.digest() == hashlib.sha256(b"bytes").hexdigest()
    with pytest.raises(UnsupportedError):
        other.content.read(10)


@pytest.mark.parametrize(
    "damaged",
    [
        tar_of(member("../../etc/passwd", b"x")),
        tar_of(member("a", b"x" * 2000))[:1500],
        tar_of(member("a" * 5000, b"x")),
        b"\xff" * 1024,
        tar_of(member("a"), member("b", type=tarfile.LNKTYPE, linkname="../a")),
    ],
    ids=["leads out", "cut", "long", "no tar", "link leads out"],
)
def test_a_hostile_layer_is_refused_in_words(damaged: bytes, tmp_path: Path, kept: Keep) -> None:
    (tmp_path / "x").write_bytes(damaged)
    for read in (
        lambda: from_tar(io.BytesIO(damaged), "layer x"),
        lambda: from_part(kept(tmp_path / "x"), "layer x"),
    ):
        with pytest.raises(CorruptError, match="layer x"):
            read()


def test_a_compressed_layer_has_to_have_its_diff_id(tmp_path: Path, kept: Keep) -> None:
    data = tar_of(member("a", b"x"))
    (tmp_path / "x").write_bytes(gzip.compress(data))
    part = kept(tmp_path / "x")
    right = "sha256:" + hashlib.sha256(data).hexdigest()
    assert [file.path for file in layer_of(part, "x", right).files] == ["a"]
    with pytest.raises(CorruptError, match="was promised"):
        layer_of(part, "x", "sha256:" + "0" * 64)


def test_links_in_old_archives_are_followed_and_loops_end(tmp_path: Path, kept: Keep) -> None:
    data = tar_of(
        member("1/layer.tar", b"abc"),
        member("2/layer.tar", type=tarfile.SYMTYPE, linkname="../1/layer.tar"),
        member("3", type=tarfile.SYMTYPE, linkname="4"),
        member("4", type=tarfile.SYMTYPE, linkname="3"),
    )
    (tmp_path / "x").write_bytes(data)
    archive = Packed(str(tmp_path / "x"), kept(tmp_path / "x").number)
    assert (
        archive.read("./2/layer.tar") == b"abc" and not archive.has("3") and not archive.has("/etc/passwd")
    )
    with pytest.raises(CorruptError, match="has no 3"):
        archive.part("3")


ENTRIES = [
    {"name": "a/", "type": "dir", "mode": 0o755, "modtime": "2026-01-01T00:00:00Z"},
    {"name": "a/x", "type": "reg", "size": 3, "mode": 0o644, "uid": 5, "digest": "sha256:" + "1" * 64},
    {"name": "a/x", "type": "chunk", "offset": 1},
    {"name": "b", "type": "symlink", "linkName": "a/x"},
    {"name": "c", "type": "hardlink", "linkName": "a/x"},
    {"name": "a/.wh.gone", "type": "reg"},
]
INDEX = json.dumps({"version": 1, "entries": ENTRIES}).encode()


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def stargz(index: bytes = INDEX, promised: str = "") -> tuple[Descriptor, bytes]:
    body = b"\0" * 10_000
    toc = gzip.compress(tar_of(member("stargz.index.json", index)))
    extra = b"SG\x16\0" + b"%016xSTARGZ" % len(body)
    empty = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x1a\0" + extra + b"\x01\0\0\xff\xff" + b"\0" * 8
    assert len(empty) == FOOTER
    blob = body + toc + empty
    notes = {STARGZ: promised or digest(index)}
    return Descriptor("x", "sha256:" + "0" * 64, len(blob), notes), blob


def chunked(index: bytes = INDEX, promised: str = "") -> tuple[Descriptor, bytes]:
    data = zstandard.compress(index)
    blob = b"\0" * 10_000 + data + b"\0" * 64
    notes = {
        CHUNKED[0] + "manifest-position": f"10000:{len(data)}:{len(index)}:1",
        CHUNKED[0] + "manifest-checksum": promised or digest(data),
    }
    return Descriptor("x", "sha256:" + "0" * 64, len(blob), notes), blob


@pytest.mark.parametrize("make", [stargz, chunked])
def test_a_layer_with_an_index_is_known_by_that_alone(make) -> None:  # type: ignore[no-untyped-def]
    descriptor, blob = make()
    asked = []

    def fetch(start: int, end: int) -> bytes:
        asked.append((start, end))
        return bytes(blob[start:end])

    found = from_index(descriptor, fetch)
    assert found is not None and found.whiteouts == ("a/gone",)
    assert [(file.path, file.type, file.size, file.target) for file in found.files] == [
        ("a", "folder", 0, ""),
        ("a/x", "file", 3, ""),
        ("b", "symlink", 3, "a/x"),
        ("c", "file", 3, ""),
    ]
    assert found.size == 6 and found.files[1].content is not None
    assert found.files[1].content.digest() == "1" * 64 and found.files[0].mtime == 1767225600
    assert all(start >= 10_000 for start, _ in asked)


@pytest.mark.parametrize("make", [stargz, chunked])
@pytest.mark.parametrize(
    "index",
    [b"[]", b"{}", b"[" * 10_000, b'{"entries":[1]}', b'{"entries":[{"type":"x","name":"a"}]}',
     b'{"entries":[{"type":"reg","name":"a","size":-1}]}', b'{"entries":[{"type":"reg","name":1}]}',
     b'{"entries":[{"type":"dir","name":"../a"}]}',
     b'{"entries":[{"type":"dir","name":"a","modtime":"x"}]}'],
)  # fmt: skip
def test_an_index_that_is_none_is_refused(make, index: bytes) -> None:  # type: ignore[no-untyped-def]
    descriptor, blob = make(index)
    with pytest.raises(CorruptError):
        from_index(descriptor, lambda start, end: bytes(blob[start:end]))


@pytest.mark.parametrize("make", [stargz, chunked])
def test_an_index_with_another_digest_is_refused(make) -> None:  # type: ignore[no-untyped-def]
    descriptor, blob = make(promised="sha256:" + "2" * 64)
    with pytest.raises(CorruptError, match="as its manifest promises"):
        from_index(descriptor, lambda start, end: bytes(blob[start:end]))
    assert from_index(descriptor._replace(annotations={}), lambda start, end: b"") is None
