"""PURE: tar headers, written one way only, so that the same tree always gives the same diff ID.

ustar, with a pax extended header for what ustar cannot hold (POSIX.1-2017, pax).  Reading any tar is
`tarread`'s.
"""

from __future__ import annotations

from wherry.layers.entry import FILE, FOLDER, LINK, SYMLINK, Entry

BLOCK_SIZE = 512
END = bytes(2 * BLOCK_SIZE)

MAGIC = b"ustar\00000"
SUM_OF_MAGIC = sum(MAGIC)
NAMES = bytes(64)  # of the user and of the group
NO_DEVICE = b"0000000\0" * 2
NUMBERS = b"%07o\0%07o\0%07o\0%011o\0%011o\0"
SUM_OF_SPACES = 8 * 32
# What follows the checksum of a regular file.
PLAIN = b"".join((FILE, bytes(100), MAGIC, NAMES, NO_DEVICE, bytes(167)))
SUM_OF_PLAIN = sum(PLAIN) + SUM_OF_SPACES

LARGEST_ID = 0o7777777
LARGEST_SIZE = 0o77777777777


def header(entry: Entry) -> bytes:
    """The header of `entry`: one block, or three and more where it needs a pax header."""
    name = entry.name + b"/" if entry.type == FOLDER else entry.name
    if not entry.name:
        name = b"./"
    prefix = b""
    pax: list[tuple[bytes, bytes]] = []
    if len(name) > 100:
        split = _split(name)
        if split is None:
            pax.append((b"path", name))
            name = name[:100]
        else:
            prefix, name = split
    target = entry.target if entry.type in (LINK, SYMLINK) else b""
    if len(target) > 100:
        pax.append((b"linkpath", target))
        target = target[:100]
    uid, gid, size, mtime = entry.uid, entry.gid, entry.size, entry.mtime
    if uid > LARGEST_ID:
        pax.append((b"uid", b"%d" % uid))
        uid = 0
    if gid > LARGEST_ID:
        pax.append((b"gid", b"%d" % gid))
        gid = 0
    if size > LARGEST_SIZE:
        pax.append((b"size", b"%d" % size))
        size = 0
    if not 0 <= mtime <= LARGEST_SIZE:
        pax.append((b"mtime", b"%d" % mtime))
        mtime = 0
    pax += [(b"SCHILY.xattr." + key, value) for key, value in entry.xattrs]
    block = _block(name, entry.mode, uid, gid, size, mtime, entry.type, target, entry.device, prefix)
    return _pax(pax) + block if pax else block


def file_header(name: bytes, mode: int, uid: int, gid: int, size: int, mtime: int) -> bytes:
    """header() of a regular file without attributes, in a third of the time: a layer has many of them."""
    if len(name) > 100 or max(uid, gid) > LARGEST_ID or max(size, mtime) > LARGEST_SIZE or mtime < 0:
        return header(Entry(name, FILE, mode, uid, gid, size, mtime))
    numbers = NUMBERS % (mode, uid, gid, size, mtime)
    total = sum(name) + sum(numbers) + SUM_OF_PLAIN
    return b"%b%b%06o\0 %b" % (name.ljust(100, b"\0"), numbers, total, PLAIN)


def padding(size: int) -> bytes:
    """The zeros that fill up the last block of `size` bytes of data."""
    return bytes(-size % BLOCK_SIZE)


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """ustar's prefix (at most 155 bytes) and name (at most 100), or None."""
    if len(name) > 256:
        return None
    cut = name.rfind(b"/", 0, min(156, len(name) - 1))
    if cut <= 0 or len(name) - cut - 1 > 100:
        return None
    return name[:cut], name[cut + 1 :]


def _block(
    name: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    kind: bytes,
    target: bytes,
    device: tuple[int, int],
    prefix: bytes,
) -> bytes:
    numbers = NUMBERS % (mode, uid, gid, size, mtime)
    nodes = b"%07o\0%07o\0" % device if any(device) else NO_DEVICE
    # The checksum counts its own field as eight spaces; all that is not counted here is zeros.
    total = (
        sum(name)
        + sum(numbers)
        + SUM_OF_SPACES
        + sum(kind)
        + sum(target)
        + SUM_OF_MAGIC
        + sum(nodes)
        + sum(prefix)
    )
    return b"".join(
        (
            name.ljust(100, b"\0"),
            numbers,
            b"%06o\0 " % total,
            kind,
            target.ljust(100, b"\0"),
            MAGIC,
            NAMES,
            nodes,
            prefix.ljust(167, b"\0"),
        )
    )


def _pax(records: list[tuple[bytes, bytes]]) -> bytes:
    if any(not _is_utf8(value) for key, value in records if key in (b"path", b"linkpath")):
        records = [(b"hdrcharset", b"BINARY"), *records]
    data = b"".join(_record(key, value) for key, value in records)
    block = _block(b"PaxHeaders.0/", 0o644, 0, 0, len(data), 0, b"x", b"", (0, 0), b"")
    return block + data + padding(len(data))


def _record(key: bytes, value: bytes) -> bytes:
    """``length key=value\\n``, where the length counts its own digits."""
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %b=%b\n" % (length, key, value)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
