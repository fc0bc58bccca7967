"""A disk whose power can be cut: one file on a FUSE file system that tells flushed writes from others.

A loop device over that file hands on what a file system on it writes, and its flushes as fsync.  What was
written since the last flush is, after a power cut, there or not, each write for itself: image() gives such
a disk.  That is what a real disk with a write cache promises, and no less.
"""

from __future__ import annotations

import errno
import os
import random
import stat
import struct
import threading

from wherry import linux

IN = struct.Struct("<IIQQIIIHH")
OUT = struct.Struct("<IiQ")
ROOT, DISK, NAME = 1, 2, b"disk"
FORGET, GETATTR, SETATTR, OPEN, READ, WRITE = 2, 3, 4, 14, 15, 16
LOOKUP, STATFS, RELEASE, FSYNC, FLUSH, INIT, OPENDIR = 1, 17, 18, 20, 25, 26, 27
RELEASEDIR, ACCESS, INTERRUPT, DESTROY, BATCH_FORGET = 29, 34, 36, 38, 42
SILENT = (FORGET, INTERRUPT, BATCH_FORGET)
LARGEST = 1 << 17
DIRECT_IO = 1
BIG_WRITES, MAX_PAGES = 1 << 5, 1 << 22


class FuseDisk:
    """`folder`/disk is the file; serves until it is unmounted."""

    def __init__(self, folder: str, size: int) -> None:
        self.path = os.path.join(folder, "disk")
        self._size = size
        self._flushed = bytearray(size)
        self._current = bytearray(size)
        self._pending: list[tuple[int, bytes]] = []
        self._turn = threading.Lock()
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        flags = linux.MS_NOSUID | linux.MS_NODEV
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0,max_read={LARGEST}"
        linux.mount("disk", folder, "fuse", flags, options)
        threading.Thread(target=self._serve, daemon=True).start()

    def image(self, path: str, chance: random.Random) -> int:
        """Write to `path` what a power cut now leaves; how many writes it may have lost."""
        with self._turn:
            data, pending = bytearray(self._flushed), list(self._pending)
        # Of those that are not flushed all, none, or some.
        share = chance.choice((0.0, 1.0, chance.random()))
        for offset, piece in pending:
            if chance.random() < share:
                data[offset : offset + len(piece)] = piece
        with open(path, "wb") as file:
            file.write(data)
        return len(pending)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self._device, LARGEST + 4096)
            except InterruptedError:
                continue
            except OSError:
                return
            _, opcode, unique, node, *_ = IN.unpack_from(request)
            if opcode in SILENT:
                continue
            with self._turn:
                code, data = self._answer(opcode, node, request[IN.size :])
            try:
                os.write(self._device, OUT.pack(OUT.size + len(data), -code, unique) + data)
            except OSError:
                return

    def _answer(self, opcode: int, node: int, body: bytes) -> tuple[int, bytes]:
        if opcode == INIT:
            return 0, struct.pack(
                "<IIIIHHIIHH32x", 7, 31, LARGEST, BIG_WRITES | MAX_PAGES, 16, 12, LARGEST, 1, 32, 0
            )
        if opcode == LOOKUP:
            if body.rstrip(b"\0") != NAME:
                return errno.ENOENT, b""
            return 0, struct.pack("<QQQQII", DISK, 0, 3600, 3600, 0, 0) + self._attributes(DISK)
        if opcode in (GETATTR, SETATTR):
            return 0, struct.pack("<QII", 3600, 0, 0) + self._attributes(node)
        if opcode in (OPEN, OPENDIR):
            return 0, struct.pack("<QII", 0, DIRECT_IO if opcode == OPEN else 0, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return 0, bytes(self._current[offset : min(offset + size, self._size)])
        if opcode == WRITE:
            return 0, self._write(body)
        if opcode == FSYNC:
            for offset, piece in self._pending:
                self._flushed[offset : offset + len(piece)] = piece
            self._pending.clear()
            return 0, b""
        if opcode == STATFS:
            return 0, struct.pack("<QQQQQIII4x24x", 1000, 1000, 1000, 10, 10, 4096, 255, 4096)
        if opcode in (FLUSH, RELEASE, RELEASEDIR, ACCESS, DESTROY):
            return 0, b""
        return errno.ENOSYS, b""

    def _write(self, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        piece = body[40 : 40 + size]
        self._current[offset : offset + size] = piece
        self._pending.append((offset, piece))
        return struct.pack("<II", size, 0)

    def _attributes(self, node: int) -> bytes:
        mode = stat.S_IFREG | 0o600 if node == DISK else stat.S_IFDIR | 0o700
        size = self._size if node == DISK else 4096
        return struct.pack(
            "<QQQQQQIIIIIIIIII", node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0
        )
