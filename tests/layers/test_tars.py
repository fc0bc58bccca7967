"""Layers as tars: nothing is lost, nothing hostile gets out."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.trees import full_tree, snapshot
from wherry.errors import CorruptError, WherryError
from wherry.layers.compress import compressed, decompressed, kind_of
from wherry.layers.entry import FILE, Entry
from wherry.layers.pack import pack
from wherry.layers.tarread import TarReader
from wherry.layers.tarwrite import END, header
from wherry.layers.unpack import Unpacker, unpack
from wherry.layers.whiteout import is_opaque, is_whiteout, make_opaque, make_whiteout


def packed(tree: Path) -> bytes:
    out = io.BytesIO()
    pack(str(tree), out.write)
    return out.getvalue()


@pytest.mark.root
def test_everything_survives_pack_and_unpack(tmp_path: Path) -> None:
    tree = full_tree(tmp_path / "tree")
    data = packed(tree)
    (tmp_path / "again").mkdir()
    result = unpack(io.BytesIO(data), str(tmp_path / "again"))
    assert snapshot(tmp_path / "again") == snapshot(tree)
    assert packed(tmp_path / "again") == data
    assert result.diff_id == pack(str(tree)).diff_id
    assert result.size == pack(str(tree)).size
    assert os.stat(tmp_path / "again/sparse").st_blocks < 200, "holes are holes again"


@pytest.mark.root
@pytest.mark.parametrize("reader", ["gnu", "python"])
def test_other_readers_see_the_same(tmp_path: Path, reader: str) -> None:
    tree = full_tree(tmp_path / "tree")
    (tmp_path / "x.tar").write_bytes(packed(tree))
    (tmp_path / "out").mkdir()
    if reader == "gnu":
        words = [
            "tar",
            "--xattrs",
            "--xattrs-include=*",
            "--numeric-owner",
            "-xpf",
            str(tmp_path / "x.tar"),
        ]
        subprocess.run([*words, "-C", str(tmp_path / "out")], check=True)
        assert snapshot(tmp_path / "out") == snapshot(tree)
    else:
        with tarfile.open(tmp_path / "x.tar") as tar:
            names = {os.fsencode(member.name): member for member in tar}
        assert names.keys() == snapshot(tree).keys()
        assert (names[b"setuid"].uid, names[b"setuid"].gid, names[b"setuid"].mode) == (
            70000,
            3_000_000,
            0o6755,
        )


@pytest.mark.root
@pytest.mark.parametrize("form", ["gnu", "pax", "ustar-v7"])
def test_tars_of_others_are_read(tmp_path: Path, form: str) -> None:
    tree = full_tree(tmp_path / "tree") if form != "ustar-v7" else tmp_path / "tree"
    if form == "ustar-v7":
        (tree / "d").mkdir(parents=True)
        (tree / "d/f").write_text("f")
        os.symlink("f", tree / "d/l")
    flags = {"gnu": ["--format=gnu"], "pax": ["--format=pax", "--sparse"], "ustar-v7": ["--format=v7"]}[
        form
    ]
    xattrs = ["--xattrs", "--xattrs-include=*"] if form == "pax" else []
    if form == "gnu":  # its format has no room for what is not there
        os.utime(tree / "zero", (1, 5))
        os.removexattr(tree / "zero", "user.note")
        os.removexattr(tree / "hard", "security.capability")
    words = [
        "tar",
        *flags,
        *xattrs,
        "--numeric-owner",
        "-cf",
        str(tmp_path / "x.tar"),
        "-C",
        str(tree),
        ".",
    ]
    subprocess.run(words, check=True, capture_output=True)
    (tmp_path / "out").mkdir()
    with (tmp_path / "x.tar").open("rb") as stream:
        unpack(stream, str(tmp_path / "out"))
    assert snapshot(tmp_path / "out") == snapshot(tree)


@pytest.mark.root
def test_sockets_are_left_out_and_deletions_have_their_names(tmp_path: Path) -> None:
    import socket

    tree = tmp_path / "tree"
    (tree / "dir").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "socket"))
    make_whiteout(str(tree / "gone"))
    make_opaque(str(tree / "dir"))
    with tarfile.open(fileobj=io.BytesIO(packed(tree))) as tar:
        assert tar.getnames() == ["dir", "dir/.wh..wh..opq", ".wh.gone"]
    (tmp_path / "out").mkdir()
    unpack(io.BytesIO(packed(tree)), str(tmp_path / "out"))
    assert is_whiteout(str(tmp_path / "out/gone"), os.lstat(tmp_path / "out/gone"))
    assert is_opaque(str(tmp_path / "out/dir"))


def test_names_that_files_have_elsewhere_are_nothing_to_a_tar(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "d").mkdir(parents=True)
    for name in ("a", "d/b", "d/c"):
        (tmp_path / "one" / name).write_text(name)
        (tmp_path / "two" / name).hardlink_to(tmp_path / "one" / name)
    assert pack(str(tmp_path / "two")) == pack(str(tmp_path / "two"), alone=True)
    os.link(tmp_path / "two/a", tmp_path / "two/z")
    assert pack(str(tmp_path / "two")) != pack(str(tmp_path / "two"), alone=True)


@pytest.mark.parametrize("size", [8 << 30, (1 << 40) + 7])
def test_files_beyond_eight_gibibytes_fit_the_format(size: int) -> None:
    """Only the header: its size is what readers of the format understand."""
    head = header(Entry(b"big", FILE, 0o644, size=size))
    with tarfile.open(fileobj=io.BytesIO(head), mode="r:") as tar:
        assert tar.firstmember is not None and tar.firstmember.size == size
    assert next(iter(TarReader(io.BytesIO(head + END)))).entry.size == size


def archive(members: list[tuple[str, str, str]]) -> bytes:
    """(name, kind, link or content)"""
    kinds = {
        "file": tarfile.REGTYPE,
        "dir": tarfile.DIRTYPE,
        "sym": tarfile.SYMTYPE,
        "hard": tarfile.LNKTYPE,
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, rest in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kinds[kind], 0o755
            if kind in ("sym", "hard"):
                info.linkname = rest
                tar.addfile(info)
            else:
                info.size = len(rest) if kind == "file" else 0
                tar.addfile(info, io.BytesIO(rest.encode()) if kind == "file" else None)
    return out.getvalue()


HOSTILE = {
    "parent": [("../evil", "file", "x")],
    "parent in the middle": [("a", "dir", ""), ("a/../../evil", "file", "x")],
    "absolute": [("OUTSIDE/evil", "file", "x")],
    "through a symlink": [("l", "sym", "OUTSIDE"), ("l/evil", "file", "x")],
    "through a relative symlink": [("l", "sym", "../outside"), ("l/evil", "file", "x")],
    "through two symlinks": [("a", "sym", ".."), ("b", "sym", "a/outside"), ("b/evil", "file", "x")],
    "over a symlink": [("l", "sym", "OUTSIDE/precious"), ("l", "file", "overwritten")],
    "hard link to outside": [("h", "hard", "OUTSIDE/precious"), ("h", "file", "overwritten")],
    "hard link up": [("h", "hard", "../outside/precious"), ("h", "file", "overwritten")],
    "hard link to a symlink": [
        ("l", "sym", "OUTSIDE/precious"),
        ("h", "hard", "l"),
        ("h", "file", "overwritten"),
    ],
    "hard link through a symlink": [
        ("l", "sym", "OUTSIDE"),
        ("h", "hard", "l/precious"),
        ("h", "file", "bad"),
    ],
    "folder over a symlink": [("l", "sym", "OUTSIDE"), ("l", "dir", ""), ("l/evil", "file", "x")],
    "whiteout above": [(".wh...", "file", ""), ("../outside/.wh.precious", "file", "")],
    "whiteout through a symlink": [("l", "sym", "OUTSIDE"), ("l/.wh.precious", "file", "")],
    "opaque through a symlink": [("l", "sym", "OUTSIDE"), ("l/.wh..wh..opq", "file", "")],
    "dots": [(".", "dir", ""), ("..", "dir", ""), ("./..", "file", "x")],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("markers", [True, False])
def test_nothing_is_written_outside(
    tmp_path: Path, members: list[tuple[str, str, str]], markers: bool
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    (tmp_path / "in").mkdir()
    before = snapshot(outside)
    data = archive(
        [(n.replace("OUTSIDE", str(outside)), k, r.replace("OUTSIDE", str(outside))) for n, k, r in members]
    )
    try:
        unpack(io.BytesIO(data), str(tmp_path / "in"), markers=markers)
    except WherryError as error:
        assert error.message
    assert snapshot(outside) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "outside"]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=600), st.integers(0, 2000), st.integers(1, 255))
def test_any_bytes_are_an_archive_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, where: int, change: int
) -> None:
    """Noise, and a good archive with one byte changed or its end cut off."""
    good = bytearray(archive([("d", "dir", ""), ("d/f", "file", "x" * 700), ("l" * 120, "sym", "d/f")]))
    cut = bytes(good[:where])
    good[where] ^= change
    for data in (noise, bytes(good), cut):
        folder = tmp_path_factory.mktemp("any")
        try:
            unpack(io.BytesIO(data), str(folder))
        except WherryError:
            pass


def test_later_entries_replace_earlier_ones(tmp_path: Path) -> None:
    data = archive(
        [
            ("a", "file", "1"),
            ("a", "dir", ""),
            ("a/b", "file", "2"),
            ("a", "file", "3"),
            ("c", "sym", "a"),
            ("c", "file", "4"),
        ]
    )
    unpack(io.BytesIO(data), str(tmp_path))
    assert (tmp_path / "a").read_text() == "3"
    assert (tmp_path / "c").read_text() == "4" and not (tmp_path / "c").is_symlink()


def test_links_on_the_way_are_followed_inside_as_by_a_process_with_that_root(tmp_path: Path) -> None:
    data = archive(
        [
            ("a/b", "dir", ""),
            ("l", "sym", "/a"),
            ("m", "sym", "../../l/b"),
            ("m/f", "file", "f"),
            ("l/new/g", "file", "g"),
            ("h", "hard", "m/f"),
            ("/abs/f", "file", "x"),
        ]
    )
    unpack(io.BytesIO(data), str(tmp_path))
    assert (tmp_path / "a/b/f").read_text() == "f" and (tmp_path / "a/new/g").read_text() == "g"
    assert (tmp_path / "h").samefile(tmp_path / "a/b/f")
    assert (tmp_path / "l").is_symlink() and (tmp_path / "abs/f").read_text() == "x"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("l", "sym", "nowhere"), ("l/f", "file", "x")], "leads nowhere"),
        ([("l", "sym", "m"), ("m", "sym", "l"), ("l/f", "file", "x")], "too many symbolic links"),
        ([("f", "file", "x"), ("l", "sym", "f"), ("l/f", "file", "x")], "not a folder"),
    ],
)
def test_links_that_lead_to_no_folder_are_errors(
    tmp_path: Path, members: list[tuple[str, str, str]], said: str
) -> None:
    with pytest.raises(WherryError, match=said):
        unpack(io.BytesIO(archive(members)), str(tmp_path))


def test_who_says_no_way_to_follow_links_refuses_them(tmp_path: Path) -> None:
    (tmp_path / "l").symlink_to("/etc")
    unpacker = Unpacker(str(tmp_path), "x")
    reader = TarReader(io.BytesIO(archive([("l/f", "file", "x")])), "x")
    with pytest.raises(WherryError, match="not a folder"):
        for member in reader:
            unpacker.add(member, reader.data())


def everything(data: bytes) -> bytes:
    stream = decompressed(io.BytesIO(data))
    return b"".join(iter(lambda: stream.read(65536), b""))


@pytest.mark.parametrize("kind", ["gzip", "zstd", "none"])
def test_compression_is_known_by_its_first_bytes_and_comes_back(kind: str) -> None:
    data = os.urandom(100_000) + b"a" * 1_000_000
    out = io.BytesIO()
    writer = compressed(out, kind)
    writer.write(data)
    writer.close()
    assert kind_of(out.getvalue()[:16]) == kind
    assert everything(out.getvalue()) == data


def test_streams_of_other_compressors_concatenated_and_cut(tmp_path: Path) -> None:
    two = gzip.compress(b"one") + gzip.compress(b"two")
    assert everything(two) == b"onetwo"
    frame = zstandard.ZstdCompressor().compress(b"frame")
    assert everything(frame + frame) == b"frameframe"
    for cut in (
        gzip.compress(b"x" * 10_000)[:-9],
        zstandard.ZstdCompressor().compress(os.urandom(9000))[:-9],
    ):
        with pytest.raises(CorruptError):
            everything(cut)
