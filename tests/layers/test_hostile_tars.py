"""Archives whose numbers, names and attributes ask for what no file system has, or for far too much."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import resource
import tarfile
import time
from pathlib import Path

import pytest
import zstandard

from wherry.errors import CorruptError, HostileArchiveError
from wherry.layers import unpack as unpacking
from wherry.layers.compress import PIECE, decompressed
from wherry.layers.remove import remove_tree
from wherry.layers.unpack import unpack

BLOCK = 512


def block(name: bytes, kind: bytes = b"0", size: bytes = b"00000000000\0", **fields: bytes) -> bytes:
    """One header with exactly these bytes in its fields."""
    places = {"mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "mtime": (136, 12), "target": (157, 100),
              "major": (329, 8), "minor": (337, 8), "sparse": (386, 109)}  # fmt: skip
    data = bytearray(BLOCK)
    data[: len(name)] = name
    for field in ("mode", "uid", "gid"):
        data[places[field][0] :][:8] = b"0000000\0"
        data[places[field][0] : places[field][0] + 8] = b"0000000\0"
    data[124:136] = size
    data[136:148] = b"00000000000\0"
    data[156:157] = kind
    data[257:265] = b"ustar\00000"
    for field, value in fields.items():
        start, length = places[field]
        data[start : start + length] = value.ljust(length, b"\0")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    return bytes(data)


def pax(records: dict[bytes, bytes], kind: bytes = b"x") -> bytes:
    """An extended header for the next member."""
    text = b""
    for key, value in records.items():
        length = len(key) + len(value) + 3
        while len(b"%d" % (length + len(b"%d" % length))) != len(b"%d" % length):
            length += 1
        whole = length + len(b"%d" % (length + len(b"%d" % length)))
        text += b"%d %s=%s\n" % (whole, key, value)
    return block(b"pax", kind, b"%011o\0" % len(text)) + text + bytes(-len(text) % BLOCK)


def big(number: int, size: int) -> bytes:
    """GNU's base 256."""
    return (number | 1 << (8 * size - 1)).to_bytes(size, "big")


WRONG = {
    "a negative octal size": block(b"f", size=b"-0000000001\0"),
    "a size with a sign": block(b"f", size=b"+0000000000\0"),
    "a size with an underscore": block(b"f", size=b"0000000_000\0"),
    "a negative mode": block(b"f", mode=b"-000777\0"),
    "a NUL in an attribute's name": pax({b"SCHILY.xattr.user.a\0b": b"c"}) + block(b"f"),
    "an attribute without a name": pax({b"SCHILY.xattr.": b"c"}) + block(b"f"),
    "a pax gid of 99999999999": pax({b"gid": b"99999999999"}) + block(b"f"),
    "a pax uid that means none": pax({b"uid": b"4294967295"}) + block(b"f"),
    "a uid in base 256": block(b"f", uid=big(1 << 40, 8)),
    "a time before all times": block(b"f", mtime=b"\xff" + b"\0" * 11),
    "a device that is none": block(b"f", b"3", major=big(1 << 40, 8)),
    "a NUL in the target of a link": pax({b"linkpath": b"a\0b"}) + block(b"f", b"2"),
    "a link to nowhere": block(b"f", b"2", target=b""),
    "a name of 300": block(b"n" * 100) and pax({b"path": b"n" * 300}) + block(b"x"),
    "a name too deep": pax({b"path": b"d/" * 2047 + b"f"}) + block(b"x"),
    "an attribute name of 300": pax({b"SCHILY.xattr.user." + b"n" * 300: b"c"}) + block(b"f"),
    "an attribute of a megabyte": pax({b"SCHILY.xattr.user.n": b"c" * 1_000_000}) + block(b"f"),
    "extended headers without end": pax({b"SCHILY.xattr.user.n": b"c" * 1000}) * 2000 + block(b"f"),
    "an attribute of a folder that is too long": pax({b"SCHILY.xattr.user." + b"n" * 300: b"c"})
    + block(b"d", b"5"),
}


@pytest.mark.root
@pytest.mark.parametrize("data", WRONG.values(), ids=WRONG.keys())
def test_what_no_file_system_takes_is_an_error_that_names_it(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises((CorruptError, HostileArchiveError)) as caught:
        unpack(io.BytesIO(data + bytes(2 * BLOCK)), str(tmp_path / "tree"), name="the archive")
    remove_tree(str(tmp_path / "tree"))  # which others cannot, who recurse
    assert "the archive" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.root
def test_the_largest_ids_are_taken(tmp_path: Path) -> None:
    unpack(io.BytesIO(pax({b"gid": b"4294967294"}) + block(b"f") + bytes(2 * BLOCK)), str(tmp_path))
    assert (tmp_path / "f").stat().st_gid == 4294967294


def test_a_global_header_does_not_grow(tmp_path: Path) -> None:
    """Each is copied for each member that follows."""
    attributes = ({b"SCHILY.xattr.user.%d" % n: b"x" * 400} for n in range(300))
    many = b"".join(pax(one, b"g") + block(b"f%d" % n) for n, one in enumerate(attributes))
    unpack(io.BytesIO(many + bytes(2 * BLOCK)), str(tmp_path))
    assert os.listxattr(tmp_path / "f299") == []


def sparse(size: int, name: bytes = b"big") -> bytes:
    """A file of one byte at its end: 1.5 KB."""
    return (
        pax({b"GNU.sparse.major": b"1", b"GNU.sparse.realsize": b"%d" % size, b"GNU.sparse.name": name})
        + block(b"x", size=b"%011o\0" % (2 * BLOCK))
        + (b"1\n%d\n512\n" % (size - 512)).ljust(BLOCK, b"\0")
        + b"y" * BLOCK
    )


def test_a_hole_costs_nothing(tmp_path: Path) -> None:
    size = 64 << 20
    unpack(io.BytesIO(sparse(size) + bytes(2 * BLOCK)), str(tmp_path))
    status = (tmp_path / "big").stat()
    assert status.st_size == size
    assert status.st_blocks * 512 < 1 << 20
    with (tmp_path / "big").open("rb") as file:
        file.seek(size - 513)
        assert file.read() == b"\0" + b"y" * 512


@pytest.mark.parametrize("number", [1, 40])
def test_holes_that_the_disk_could_not_hold_are_refused(tmp_path: Path, number: int) -> None:
    """Also where each of many would fit."""
    disk = os.statvfs(tmp_path)
    size = disk.f_bavail * disk.f_frsize // number + (8 << 30)
    data = b"".join(sparse(size, b"big%d" % n) for n in range(number))
    with pytest.raises(CorruptError, match=r"'big\d+': a sparse file of \d+ bytes, whose holes are more"):
        unpack(io.BytesIO(data + bytes(2 * BLOCK)), str(tmp_path))


def test_folders_that_are_replaced_again_and_again(tmp_path: Path) -> None:
    """Each time all folders were looked through that were known: a bomb of some megabytes."""
    many = [block(b"keep/%d" % n, b"5") for n in range(3000)]
    turns = [block(b"a", b"5"), block(b"a/b", b"5"), block(b"a/b/c"), block(b"a")] * 3000
    began = time.process_time()
    unpack(io.BytesIO(b"".join([*many, *turns]) + bytes(2 * BLOCK)), str(tmp_path))
    assert (tmp_path / "a").is_file()
    assert time.process_time() - began < 60, "quadratic is minutes"


def test_a_folder_deeper_than_pythons_stack_is_replaced(tmp_path: Path) -> None:
    data = pax({b"path": b"d/" * 1500}) + block(b"x", b"5") + block(b"d")
    unpack(io.BytesIO(data + bytes(2 * BLOCK)), str(tmp_path))
    assert (tmp_path / "d").is_file()


def test_attributes_of_folders_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_FOLDER_ATTRIBUTES", 10_000)
    many = b"".join(pax({b"SCHILY.xattr.user.a": b"x" * 400}) + block(b"d%d" % n, b"5") for n in range(100))
    with pytest.raises(CorruptError, match="attributes of folders"):
        unpack(io.BytesIO(many + bytes(2 * BLOCK)), str(tmp_path))


def test_members_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_MEMBERS", 10)
    with pytest.raises(CorruptError, match="more than 10 members"):
        unpack(io.BytesIO(b"".join(block(b"%d" % n) for n in range(11)) + bytes(2 * BLOCK)), str(tmp_path))


COMPRESSORS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstandard.ZstdCompressor(level=19).compress(data),
}


@pytest.mark.parametrize("kind", COMPRESSORS)
def test_a_long_run_comes_out_piece_by_piece(kind: str) -> None:
    data = COMPRESSORS[kind](bytes(1 << 28))  # type: ignore[operator]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    stream, size = decompressed(io.BytesIO(data)), 0
    while piece := stream.read(1 << 16):
        size += len(piece)
    assert size == 1 << 28
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 2 * PIECE // 4 * 128 + (64 << 10), "kilobytes: what a piece of zstd may become, twice"


@pytest.mark.parametrize("kind", COMPRESSORS)
@pytest.mark.parametrize("place", [0.3, 0.6, 0.95])
def test_a_damaged_stream_is_an_error_of_ours(kind: str, place: float) -> None:
    data = bytearray(COMPRESSORS[kind](os.urandom(5000) + b"text " * 5000))  # type: ignore[operator]
    data[int(len(data) * place)] ^= 0xFF
    stream = decompressed(io.BytesIO(bytes(data)))
    try:
        while stream.read(1 << 16):
            pass
    except CorruptError as error:
        assert kind in str(error)


def test_xz_that_wants_gibibytes_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    data = bytearray(lzma.compress(b"x" * 100, filters=filters))
    # The size of the dictionary is one byte of the block's header (The .xz File Format, 5.3.1).
    header = bytearray(data[12:24])
    header[4] = 40
    import zlib

    header[8:12] = zlib.crc32(header[:8]).to_bytes(4, "little")
    data[12:24] = header
    with pytest.raises(CorruptError, match=r"[Mm]emory"):
        while decompressed(io.BytesIO(bytes(data))).read(1 << 16):
            pass


def test_streams_of_xz_one_after_the_other() -> None:
    data = lzma.compress(b"one ") + bytes(8) + lzma.compress(b"two") + bytes(4)
    stream, text = decompressed(io.BytesIO(data)), b""
    while piece := stream.read(2):
        text += piece
    assert text == b"one two"


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_xz_that_was_cut_off(cut: int) -> None:
    stream = decompressed(io.BytesIO(lzma.compress(os.urandom(1000))[:-cut]))
    with pytest.raises(CorruptError, match="incomplete"):
        while stream.read(1 << 16):
            pass


def test_the_tars_of_this_file_are_tars() -> None:
    data = pax({b"path": b"long" * 30, b"SCHILY.xattr.user.a": b"b"}) + block(b"x") + bytes(2 * BLOCK)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert tar.getnames() == ["long" * 30]
