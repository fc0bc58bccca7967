"""A tree that is packed while it is made gives what pack() of it gives, or nothing."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from wherry.errors import StepError
from wherry.layers.early import EarlyPack, make
from wherry.layers.entry import FOLDER, Entry
from wherry.layers.pack import SMALL, Packed, pack
from wherry.layers.tarwrite import LARGEST_ID, file_header, header
from wherry.layers.writefile import set_metadata

NOW = 1_700_000_000
KEPT = Entry(b"", FOLDER, 0o755, 0, 0, 0, NOW)


class Making:
    """A tree that is made of the files of a source, as they are told."""

    def __init__(self, folder: Path) -> None:
        self.source, self.tree = folder / "source", folder / "tree"
        self.source.mkdir()
        self.tree.mkdir()
        self.early = EarlyPack(str(self.tree))
        self._folders: list[str] = []

    def folder(self, name: str, entry: Entry = KEPT) -> None:
        (self.tree / name).mkdir()
        self._folders.append(name)
        self.early.folder(name, entry)

    def file(self, name: str, data: bytes = b"data") -> None:
        (self.source / "file").write_bytes(data)
        self.special(name, self.source / "file")

    def special(self, name: str, source: Path) -> None:
        packed = self.early.file(name)
        is_file = source.is_file() and not source.is_symlink()
        self.early.made(
            make(packed, name, str(source), False, is_file, None, (str(self.tree), "", None, None, True))
        )

    def packed(self) -> Packed | None:
        for name in reversed(self._folders):
            set_metadata(str(self.tree / name), KEPT)
        return self.early.packed()


@pytest.fixture
def making(tmp_path: Path) -> Iterator[Making]:
    made = Making(tmp_path)
    with closing(made.early):
        yield made
    assert "hash" not in {thread.name for thread in threading.enumerate()}


def test_a_tree_of_all_kinds_is_packed_as_it_is(making: Making) -> None:
    making.folder("a")
    for name in ("a/b", "a/c\udcff", "a/\uffff", "a/\udcff"):  # in the order of their bytes
        making.file(name, b"" if name == "a/c\udcff" else b"data")
    making.folder("a-")
    making.file("a-/large", os.urandom(SMALL + 1))
    making.folder("a-/z")
    (making.source / "link").symlink_to("x" * 200)
    os.mkfifo(making.source / "fifo")
    making.special("b", making.source / "fifo")
    making.special("l", making.source / "link")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(making.source / "socket"))
        making.special("s", making.source / "socket")
    making.file("x" * 200)
    making.folder("y")
    packed = making.packed()
    assert packed is not None
    assert packed == pack(str(making.tree))
    assert not (making.tree / "s").exists()


def test_attributes_and_owners_of_files_are_those_of_the_tree(making: Making) -> None:
    file = making.source / "file"
    file.write_bytes(b"data")
    os.setxattr(file, "user.some", b"value")
    making.special("a", file)
    assert making.packed() == pack(str(making.tree))


def test_a_file_that_became_something_else_since_it_was_seen_is_made_as_that(making: Making) -> None:
    into = (str(making.tree), "", None, None, True)
    for name, kind in (("a", "link"), ("b", "fifo"), ("c", "large")):
        source = making.source / name
        if kind == "link":
            source.symlink_to("elsewhere")
        elif kind == "fifo":
            os.mkfifo(source)
        else:
            source.write_bytes(b"x" * (SMALL * 3))
        making.early.made(make(making.early.file(name), name, str(source), False, True, None, into))
    assert os.readlink(making.tree / "a") == "elsewhere"
    assert (making.tree / "b").is_fifo()
    assert (making.tree / "c").stat().st_size == SMALL * 3
    assert making.packed() == pack(str(making.tree))


@pytest.mark.parametrize("names", [("b", "a"), ("a", "a"), ("a-", "a/x"), ("b/x", "b")])
def test_another_order_than_the_tars_is_given_up(making: Making, names: tuple[str, str]) -> None:
    for name in names:
        (making.tree / name).parent.mkdir(exist_ok=True)
        making.early.file(name)
    assert not making.early.going
    assert making.packed() is None


@pytest.mark.parametrize(
    "entry", [KEPT._replace(mode=0o700), KEPT._replace(mtime=NOW + 1), KEPT._replace(gid=9)]
)
def test_a_folder_that_became_another_one_than_was_told_is_given_up(making: Making, entry: Entry) -> None:
    making.folder("a", entry)
    making.file("a/b")
    assert making.packed() is None


def test_a_folder_that_got_attributes_is_given_up(making: Making) -> None:
    making.folder("a")
    os.setxattr(making.tree / "a", "user.some", b"value")
    assert making.packed() is None


def test_a_name_that_no_layer_can_hold_is_an_error(making: Making) -> None:
    with pytest.raises(StepError, match=r"\.wh\.a cannot be in a layer"):
        making.file(".wh.a")


def test_what_is_in_the_way_stays(making: Making) -> None:
    (making.tree / "a").write_bytes(b"first")
    (making.source / "file").write_bytes(b"second")
    into = (str(making.tree), "", None, None, True)
    assert make(True, "a", str(making.source / "file"), False, True, None, into) == (False, None)
    assert (making.tree / "a").read_bytes() == b"first"


@pytest.mark.parametrize("name", [b"a", b"n" * 100, b"n" * 101, b"d/" * 60 + b"n", b"\xff\xfe", b"n" * 300])
@pytest.mark.parametrize(
    "numbers",
    [
        (0o644, 0, 0, 1, 0),
        (0o7777, LARGEST_ID, 1 << 30, 1 << 40, NOW),
        (0, 1 << 31, 0, 9, -1),
        (0, 0, 0, 1, 1 << 40),
    ],
)
def test_the_quick_header_of_a_file_is_its_header(
    name: bytes, numbers: tuple[int, int, int, int, int]
) -> None:
    mode, uid, gid, size, mtime = numbers
    assert file_header(name, *numbers) == header(Entry(name, b"0", mode, uid, gid, size, mtime))
