"""A disk that knows what a power cut would leave of it.

``python -m tests.soak.logdisk FOLDER BYTES`` mounts a FUSE file system on FOLDER with one file, ``disk``,
for a loop device to lie on.  The loop driver hands each write of the file system to this process as it
would to a drive, and each flush as an fsync.  What was written before the last flush is safe; of what came
after it a power cut leaves any part: a drive writes its cache in the order that it likes.  On stdin, a line

    copy PATH SEED

writes such a remainder to PATH, within a second, and answers with a line on stdout.  SEED chooses after how
many more writes, and which part: nothing, all, a beginning, or any of it by 4 KiB.  The end of stdin ends
this process.

Source: linux/fuse.h, protocol 7.31.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import select
import stat
import struct
import sys
import time

BLOCK = 4096
MOST_WRITES, LONGEST = 60, 1.0  # a cut comes after so many more writes, or seconds
MAX_WRITE = 1 << 17
CLONE_NEWNS = 0x00020000
HEADER = struct.Struct("<IIQQIIIHH")
ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE = 1, 2, 3, 4, 14, 15, 16
STATFS, RELEASE, FSYNC, FLUSH, INIT = 17, 18, 20, 25, 26
INTERRUPT, DESTROY, BATCH_FORGET = 36, 38, 42
SILENT = (FORGET, INTERRUPT, BATCH_FORGET)
FOLDER_NODE, FILE_NODE = 1, 2


class Disk:
    """Bytes, those that are safe, and the writes since the last flush."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.now = bytearray(size)
        self.safe = bytearray(size)
        self.pending: list[tuple[int, bytes]] = []
        self.writes = 0

    def write(self, offset: int, data: bytes) -> None:
        self.now[offset : offset + len(data)] = data
        self.pending.append((offset, data))
        self.writes += 1

    def flush(self) -> None:
        for offset, data in self.pending:
            self.safe[offset : offset + len(data)] = data
        self.pending.clear()

    def remainder(self, seed: str) -> tuple[bytearray, int, int]:
        """(what a power cut leaves now, how many blocks of the unsafe ones, of how many)"""
        choose = random.Random(seed)
        blocks = [
            (offset + start, data[start : start + BLOCK])
            for offset, data in self.pending
            for start in range(0, len(data), BLOCK)
        ]
        how = choose.choice(("nothing", "all", "beginning", "any", "any"))
        likely = choose.random()
        kept = {
            "nothing": [],
            "all": blocks,
            "beginning": blocks[: int(len(blocks) * likely)],
            "any": [block for block in blocks if choose.random() < likely],
        }[how]
        left = bytearray(self.safe)
        for offset, data in kept:
            left[offset : offset + len(data)] = data
        return left, len(kept), len(blocks)


class Server:
    """Answers the kernel."""

    def __init__(self, disk: Disk, folder: str) -> None:
        self.disk = disk
        self.device = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"logdisk", folder.encode(), b"fuse", 0, options):
            raise OSError(ctypes.get_errno(), "mount", folder)
        # The last process of a mount namespace ends only when its file systems are written back.  Were that
        # this one, and killed, it would wait for its own answers for ever.
        if libc.unshare(CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "unshare")

    def answer(self) -> bool:
        """One request.  False when it was unmounted."""
        try:
            request = os.read(self.device, MAX_WRITE + 4096)
        except OSError as error:
            if error.errno == errno.ENODEV:
                return False
            if error.errno in (errno.EINTR, errno.ENOENT, errno.EAGAIN):
                return True
            raise
        _, opcode, unique, node, *_ = HEADER.unpack_from(request)
        if opcode in SILENT:
            return True
        code, body = self._do(opcode, node, memoryview(request)[HEADER.size :])
        os.writev(self.device, [struct.pack("<IiQ", 16 + len(body), -code, unique), body])
        return opcode != DESTROY

    def _do(self, opcode: int, node: int, body: memoryview) -> tuple[int, bytes]:
        """(errno, what is answered)"""
        if opcode == INIT:
            return 0, struct.pack(
                "<IIIIHHIIHHIIH22x", 7, 31, 1 << 17, 1 << 5, 16, 12, MAX_WRITE, 1, 0, 0, 0, 0, 0
            )
        if opcode == LOOKUP:
            if bytes(body).rstrip(b"\0") != b"disk":
                return errno.ENOENT, b""
            return 0, struct.pack("<QQQQII", FILE_NODE, 0, 3600, 3600, 0, 0) + self._attributes(FILE_NODE)
        if opcode in (GETATTR, SETATTR):
            return 0, struct.pack("<QII", 3600, 0, 0) + self._attributes(node)
        if opcode == OPEN:
            return 0, struct.pack("<QII", 0, 0, 0)
        if opcode == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return 0, bytes(self.disk.now[offset : offset + size])
        if opcode == WRITE:
            _, offset, size = struct.unpack_from("<QQI", body)
            self.disk.write(offset, bytes(body[40 : 40 + size]))
            return 0, struct.pack("<II", size, 0)
        if opcode == FSYNC:
            self.disk.flush()
            return 0, b""
        if opcode == STATFS:
            return 0, bytes(80)
        return (0, b"") if opcode in (RELEASE, FLUSH, DESTROY) else (errno.ENOSYS, b"")

    def _attributes(self, node: int) -> bytes:
        size = self.disk.size if node == FILE_NODE else 0
        mode = stat.S_IFREG | 0o600 if node == FILE_NODE else stat.S_IFDIR | 0o755
        return ATTRIBUTES.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, BLOCK, 0)


class Cut:
    """A remainder that was asked for: due after some more writes, or after a second without them."""

    def __init__(self, disk: Disk, path: str, seed: str) -> None:
        self.disk, self.path, self.seed = disk, path, seed
        self.writes = disk.writes + random.Random(f"{seed} writes").randrange(MOST_WRITES)
        self.latest = time.monotonic() + LONGEST

    def due(self) -> bool:
        return self.disk.writes >= self.writes or time.monotonic() >= self.latest

    def take(self) -> None:
        left, kept, unsafe = self.disk.remainder(self.seed)
        with open(self.path, "wb") as file:
            file.write(left)
        print(f"{kept} of {unsafe}", flush=True)


def main(folder: str, size: int) -> None:
    disk = Disk(size)
    server = Server(disk, folder)
    print("ready", flush=True)
    cut: Cut | None = None
    serving = True
    while serving:
        ready, _, _ = select.select([server.device, 0], [], [], 0.05 if cut else None)
        if server.device in ready:
            serving = server.answer()
        elif 0 in ready:
            line = _line()
            serving = bool(line)
            cut = Cut(disk, *line.split()[1:]) if line else None
        if cut is not None and cut.due():
            cut.take()
            cut = None


def _line() -> str:
    """A line of stdin, unbuffered: select must not miss one.  Empty at the end."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            return ""
        line += piece
    return line.decode()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
