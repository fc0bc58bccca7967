"""Reading tars as other tools write them: ustar, pax, GNU long names, base-256 numbers, sparse files.

Nothing here trusts the archive: sizes and names are checked, numbers are bounded, a short read is an
error.  What a name may do is `unpack`'s business.
"""

from __future__ import annotations

import functools
import os
from zlib import adler32

from wherry.errors import CorruptError
from wherry.layers.entry import FILE, FOLDER, Entry
from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK_SIZE = 512
ADLER = 65521  # RFC 1950
CHUNK = 1 << 18
LARGEST_EXTENSION = 1 << 20
"""Bytes of all extended headers of one member: names and attributes; more is an attack on our memory."""
LARGEST_ID = (1 << 32) - 2
"""The kernel's: (uid_t) -1 means "leave it"."""
LARGEST_DEVICE = (1 << 12) - 1, (1 << 20) - 1
"""Linux' major and minor numbers."""
MOST_SEGMENTS = 1 << 19
"""Of one sparse file."""
XATTR = b"SCHILY.xattr."
# What is read of a global header: the rest is about one file, or about nothing here.
GLOBAL = (b"uid", b"gid", b"mtime")
PAX = (b"path", b"linkpath", b"size", *GLOBAL)


class Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Skipping(Reader, Protocol):
    def skip(self, size: int, /) -> int:
        """Pass over bytes without reading them.  How many there were."""


class Member(NamedTuple):
    """An entry and where its bytes lie in the file.

    `stored` is how many bytes the archive holds for it; `segments` are (offset, length) of those bytes in
    a sparse file, None when it is stored whole.
    """

    entry: Entry
    stored: int
    segments: tuple[tuple[int, int], ...] | None


class TarReader:
    """Iterate over the members of a tar; between two steps `data()` gives the bytes of the last one.

    Bytes that nobody asks for are read, or skipped where the stream has Skipping's `skip`.
    """

    def __init__(self, stream: Reader | Skipping, name: str = "archive") -> None:
        self._stream = stream
        self._pass: Callable[[int], int] | None = getattr(stream, "skip", None)
        self._name = name
        self._left = 0
        self._pad = 0
        self._extended = 0
        self._global: dict[bytes, bytes] = {}

    def __iter__(self) -> Iterator[Member]:
        pax = dict(self._global)
        long_name = long_target = None
        while True:
            self._skip()
            block = self._exact(BLOCK_SIZE, at_end=True)
            if block is None or (not block[0] and block.count(0) == BLOCK_SIZE):
                return
            kind, entry, size = _parse(block, self._name)
            if kind == FILE and not pax and long_name is None and not entry.name.endswith(b"/"):
                # Nearly all of them.
                self._begin(size)
                yield Member(_checked(entry, self._name), size, None)
                self._extended, long_target = 0, None
            elif kind in b"xg":
                records = _pax(self._extension(size), self._name)
                if kind == b"g":
                    records = {key: records[key] for key in GLOBAL if key in records}
                    self._global.update(records)
                pax.update(records)
            elif kind == b"L":
                long_name = self._extension(size).rstrip(b"\0")
            elif kind == b"K":
                long_target = self._extension(size).rstrip(b"\0")
            else:
                member = self._member(kind, entry, size, pax, long_name, long_target, block)
                yield member
                self._extended = 0
                pax = dict(self._global)
                long_name = long_target = None

    def data(self) -> Iterator[bytes]:
        """The stored bytes of the current member, in pieces."""
        while self._left:
            piece = self._stream.read(min(CHUNK, self._left))
            if not piece:
                raise self._short()
            self._left -= len(piece)
            yield piece

    def drain(self) -> None:
        """Read to the end of the stream: padding and what follows the end mark count for the digest."""
        self._skip()
        while self._stream.read(CHUNK):
            pass

    def _member(
        self,
        kind: bytes,
        entry: Entry,
        size: int,
        pax: dict[bytes, bytes],
        long_name: bytes | None,
        long_target: bytes | None,
        block: bytes,
    ) -> Member:
        if long_name is not None:
            entry = entry._replace(name=long_name)
        if long_target is not None:
            entry = entry._replace(target=long_target)
        if b"size" in pax:
            size = _decimal(pax[b"size"], self._name)
        entry = _apply(entry, pax, self._name)
        # Old tars mark folders by a slash alone; links and folders have no data whatever they say.
        if kind in (b"0", b"\0", b"7") and entry.name.endswith(b"/"):
            kind = FOLDER
        elif kind in (b"\0", b"7"):
            kind = FILE
        if kind in b"123456":
            size = 0
        segments = None
        self._begin(size)
        if kind == b"S":
            segments, real = self._gnu_sparse(block)
            entry = entry._replace(size=real)
            kind = FILE
        elif b"GNU.sparse.major" in pax or b"GNU.sparse.map" in pax or b"GNU.sparse.size" in pax:
            segments, real = self._pax_sparse(pax)
            entry = entry._replace(size=real, name=pax.get(b"GNU.sparse.name", entry.name))
        elif kind == FILE and (entry.size, entry.type) != (size, kind):
            entry = entry._replace(size=size, type=kind)
        if segments is not None:
            self._check(segments, entry.size)
        if entry.type != kind:
            entry = entry._replace(type=kind, size=entry.size if kind == FILE else 0)
        return Member(_checked(entry, self._name), self._left, segments)

    def _begin(self, size: int) -> None:
        self._left = size
        self._pad = -size % BLOCK_SIZE

    def _skip(self) -> None:
        if self._pass is not None:
            rest = self._left + self._pad
            if rest and self._pass(rest) < rest:
                raise self._short()
            self._left = self._pad = 0
            return
        for _ in self.data():
            pass
        if self._pad:
            self._exact(self._pad)
            self._pad = 0

    def _extension(self, size: int) -> bytes:
        self._extended += size
        if self._extended > LARGEST_EXTENSION:
            raise CorruptError(
                f"{self._name}: extended headers of {self._extended} bytes for one file",
                hint=f"at most {LARGEST_EXTENSION} are read",
            )
        self._begin(size)
        data = b"".join(self.data())
        self._skip()
        return data

    def _exact(self, size: int, *, at_end: bool = False) -> bytes | None:
        data = self._stream.read(size)
        while len(data) < size:
            more = self._stream.read(size - len(data))
            if not more:
                if at_end and not data:
                    return None
                raise self._short()
            data += more
        return data

    def _must(self, size: int) -> bytes:
        data = self._exact(size)
        assert data is not None  # noqa: S101
        return data

    def _short(self) -> CorruptError:
        return CorruptError(f"{self._name} ends in the middle of a file", hint="the copy is incomplete")

    def _gnu_sparse(self, block: bytes) -> tuple[tuple[tuple[int, int], ...], int]:
        """Type 'S': four segments in the header, more in blocks that follow it; then the data."""
        segments = _sparse_fields(block[386:482], self._name)
        more, real = block[482], _number(block[483:495], self._name)
        while more:
            extra = self._must(BLOCK_SIZE)
            segments += _sparse_fields(extra[:504], self._name)
            if len(segments) > MOST_SEGMENTS:
                raise CorruptError(f"{self._name}: a sparse map of more than {MOST_SEGMENTS} segments")
            more = extra[504]
        return tuple(segments), real

    def _pax_sparse(self, pax: dict[bytes, bytes]) -> tuple[tuple[tuple[int, int], ...], int]:
        """pax 0.0 and 0.1 keep the map in the header, 1.0 at the beginning of the data."""
        size = pax.get(b"GNU.sparse.realsize", pax.get(b"GNU.sparse.size", b"0"))
        real = _decimal(size, self._name)
        if pax.get(b"GNU.sparse.major") == b"1":
            return self._sparse_map_in_data(), real
        words = [_decimal(word, self._name) for word in pax.get(b"GNU.sparse.map", b"").split(b",") if word]
        return tuple(zip(words[::2], words[1::2], strict=False)), real

    def _sparse_map_in_data(self) -> tuple[tuple[int, int], ...]:
        """Decimal numbers, one a line, filled up to whole blocks: a count, then offset and length."""
        text = b""
        numbers: list[int] = []
        version = 1
        while len(numbers) < version:
            if b"\n" not in text:
                if self._left < BLOCK_SIZE or len(text) > LARGEST_EXTENSION:
                    raise CorruptError(f"{self._name}: a sparse file without its map")
                text += self._must(BLOCK_SIZE)
                self._left -= BLOCK_SIZE
                continue
            word, _, text = text.partition(b"\n")
            numbers.append(_decimal(word, self._name))
            if len(numbers) == 1:
                version = 1 + 2 * numbers[0]
                if numbers[0] > MOST_SEGMENTS:
                    raise CorruptError(f"{self._name}: a sparse map of {numbers[0]} segments")
        return tuple(zip(numbers[1::2], numbers[2::2], strict=False))

    def _check(self, segments: tuple[tuple[int, int], ...], size: int) -> None:
        end = 0
        for offset, length in segments:
            if offset < end or offset + length > size:
                raise CorruptError(f"{self._name}: a sparse file whose map is not in order")
            end = offset + length
        if sum(length for _, length in segments) != self._left:
            raise CorruptError(f"{self._name}: a sparse file whose map does not fit its data")


def _parse(block: bytes, name: str) -> tuple[bytes, Entry, int]:
    """(type, entry, size) of one header block."""
    own = block[148:156]
    # The lower half of Adler-32 is the sum of all bytes and one, modulo ADLER, in a tenth of the time.
    if (_read_number(own, name) + sum(own) - 8 * 32 + 1 - (adler32(block) & 0xFFFF)) % ADLER:
        raise CorruptError(f"{name} is not a tar archive, or is damaged (a header's checksum is wrong)")
    path = block[:100].split(b"\0", 1)[0]
    # GNU uses the prefix field for times in some headers; its magic is "ustar  ".
    if block[257:263] == b"ustar\0" and block[345]:
        path = block[345:500].split(b"\0", 1)[0] + b"/" + path
    kind, size = block[156:157], _number(block[124:136], name)
    entry = Entry(
        path,
        kind,
        _number(block[100:108], name) & 0o7777,
        _number(block[108:116], name),
        _number(block[116:124], name),
        size if kind == FILE else 0,
        _number(block[136:148], name, signed=True),
        block[157:257].split(b"\0", 1)[0],
        (_number(block[329:337], name), _number(block[337:345], name)) if kind in b"34" else (0, 0),
    )
    return kind, entry, size


def _read_number(field: bytes, name: str, *, signed: bool = False) -> int:
    """An octal field, or GNU's base-256 when its first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (8 * len(field) - 1)) - 1)
        if field[0] & 0x40:
            value -= 1 << (8 * len(field) - 1)
        if (value < 0 and not signed) or value >= 1 << 63:
            raise CorruptError(f"{name}: a number in a header is out of range")
        return value
    text = field.split(b"\0", 1)[0].strip(b" ")
    # int() would take a sign and underscores.
    if text.strip(b"01234567"):
        raise CorruptError(f"{name} is not a tar archive, or is damaged (a header's number)")
    return int(text, 8) if text else 0


_number = functools.lru_cache(1 << 10)(_read_number)
"""Most headers of an archive have the same owner and mode."""


def _decimal(text: bytes, name: str) -> int:
    if not text.isdigit() or len(text) > 19:
        raise CorruptError(f"{name}: a number in an extended header: {text[:20]!r}")
    return int(text)


def _checked(entry: Entry, name: str) -> Entry:
    """Numbers and names that the kernel takes.  Raises CorruptError, which names the member."""
    if entry.uid > LARGEST_ID or entry.gid > LARGEST_ID:
        wrong = f"the owner {entry.uid}:{entry.gid} is out of range"
    elif entry.device[0] > LARGEST_DEVICE[0] or entry.device[1] > LARGEST_DEVICE[1]:
        wrong = f"the device {entry.device[0]}:{entry.device[1]} is out of range"
    elif not -(1 << 63) <= entry.mtime < 1 << 63:
        wrong = f"the time {entry.mtime} is out of range"
    elif b"\0" in entry.target or any(b"\0" in key or not key for key, _ in entry.xattrs):
        wrong = "a NUL byte in the name of its target or of an attribute"
    else:
        return entry
    raise CorruptError(f"{name}: {os.fsdecode(entry.name)}: {wrong}", hint="the archive is damaged")


def _apply(entry: Entry, pax: dict[bytes, bytes], name: str) -> Entry:
    """What a pax header says instead of the fields."""
    if not pax:
        return entry
    xattrs = [(key.removeprefix(XATTR), value) for key, value in pax.items() if key.startswith(XATTR)]
    mtime = pax.get(b"mtime")
    return entry._replace(
        name=pax.get(b"path", entry.name),
        target=pax.get(b"linkpath", entry.target),
        uid=_decimal(pax[b"uid"], name) if b"uid" in pax else entry.uid,
        gid=_decimal(pax[b"gid"], name) if b"gid" in pax else entry.gid,
        mtime=_seconds(mtime, name) if mtime else entry.mtime,
        xattrs=tuple(sorted(xattrs)),
    )


def _seconds(text: bytes, name: str) -> int:
    whole, _, fraction = text.partition(b".")
    value = _decimal(whole.removeprefix(b"-"), name)
    if not text.startswith(b"-"):
        return value
    return -value - (1 if fraction.strip(b"0") else 0)


def _pax(data: bytes, name: str) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    sparse: list[bytes] = []
    position = 0
    while position < len(data) and data[position]:
        space = data.find(b" ", position, position + 20)
        if space < 0:
            raise CorruptError(f"{name}: a broken extended header")
        end = position + _decimal(data[position:space], name)
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end > len(data) or end <= space or not equals or data[end - 1 : end] != b"\n":
            raise CorruptError(f"{name}: a broken extended header")
        # pax sparse 0.0 repeats these two keys, once a segment.
        if key in (b"GNU.sparse.offset", b"GNU.sparse.numbytes"):
            sparse.append(value)
        elif key in PAX or key.startswith((XATTR, b"GNU.sparse.")):
            records[key] = value
        position = end
    if sparse:
        records[b"GNU.sparse.map"] = b",".join(sparse)
    return records


def _sparse_fields(data: bytes, name: str) -> list[tuple[int, int]]:
    """Pairs of twelve-byte numbers, up to the first empty one."""
    pairs = []
    for start in range(0, len(data) - 23, 24):
        offset, length = data[start : start + 12], data[start + 12 : start + 24]
        if not offset[0]:
            break
        pairs.append((_number(offset, name), _number(length, name)))
    return [pair for pair in pairs if pair[1]]
