"""A container's log on a disk without room, and after a kill in the middle of a line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from wherry.containers.log import LogLine, LogWriter, log_path, read_log
from wherry.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(str(tmp_path / "s"))
    os.mkdir(store.containers.dir("c"))
    return store


def written(store: Store) -> list[tuple[str, str]]:
    return [(line.stream, line.text) for line in read_log(store, "c", follow=False)]


class Disk:
    """A disk that takes `room` bytes more."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.room = 1 << 30
        self._write = os.write
        patch.setattr(os, "write", self.write)

    def write(self, file: int, data: bytes) -> int:
        piece = data[: self.room]
        if data and not piece:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.room -= len(piece)
        return self._write(file, piece)


@pytest.mark.parametrize("room", [0, 1, 30, 75])
def test_what_finds_no_room_is_dropped_and_counted(
    store: Store, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    disk = Disk(monkeypatch)
    log = LogWriter(log_path(store, "c"))
    log.write("stdout", b"one\n")
    disk.room = room
    log.write("stdout", b"two\nthree\n")
    log.write("stderr", b"four\n")
    assert written(store) == [("stdout", "one\n")], "no half line"
    disk.room = 1 << 30
    log.write("stdout", b"five\n")
    log.close()
    notice = "wherry: 15 bytes of output are missing here: there was no room for them\n"
    assert written(store) == [("stdout", "one\n"), ("stderr", notice), ("stdout", "five\n")]


def test_the_loss_is_said_at_the_end_where_nothing_more_comes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    log = LogWriter(log_path(store, "c"))
    disk.room = 0
    log.write("stdout", b"lost\n")
    disk.room = 1 << 30
    log.close()
    assert [text for _, text in written(store)] == [
        "wherry: 5 bytes of output are missing here: there was no room for them\n"
    ]


def test_a_line_that_a_kill_cut_short_spoils_no_other(store: Store) -> None:
    log = LogWriter(log_path(store, "c"))
    log.write("stdout", b"one\n")
    log.close()
    with open(log_path(store, "c"), "ab") as file:
        file.write(b'{"log": "tw')
    log = LogWriter(log_path(store, "c"))
    log.write("stdout", b"three\n")
    log.close()
    assert [text for _, text in written(store)] == ["one\n", "three\n"]


def test_a_line_is_read_whole_although_it_came_in_two_writes(store: Store) -> None:
    row = b'{"log": "whole\\n", "stream": "stdout", "time": "t"}\n'
    path = Path(log_path(store, "c"))
    path.write_bytes(row[:20])
    assert written(store) == []
    path.write_bytes(row)
    assert list(read_log(store, "c", follow=False)) == [LogLine("stdout", "whole\n", "t")]
