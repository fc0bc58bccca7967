"""Content-addressed bytes: ``blobs/sha256/<hex>``, written once, verified when read."""

from __future__ import annotations

import os
from errno import EINVAL, EIO, ELOOP, ENXIO

from wherry.errors import CorruptError, NotFoundError
from wherry.layers.remove import remove_tree
from wherry.oci.digest import digest_of
from wherry.sha256 import CHUNK, hasher, hex_of, hex_of_file
from wherry.store import locks
from wherry.store.regular import open_regular, read_regular
from wherry.store.temporary import put_in_place
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import IO


class Blobs:
    def __init__(self, root: str, temporary: str) -> None:
        self.folder = os.path.join(root, "blobs", "sha256")
        self._root = root
        self._temporary = temporary

    def path(self, digest: str) -> str:
        """The file of a blob, whether it exists or not."""
        return os.path.join(self.folder, digest.removeprefix("sha256:"))

    def has(self, digest: str) -> bool:
        return os.path.isfile(self.path(digest))

    def size(self, digest: str) -> int:
        """Bytes.  Raises NotFoundError."""
        try:
            return os.stat(self.path(digest)).st_size
        except FileNotFoundError:
            raise _absent(digest) from None

    def is_whole(self, digest: str) -> bool:
        """Whether it is there with the bytes of its digest; all of it is read, with bounded memory."""
        try:
            with self._opened(digest) as file:
                whole = "sha256:" + hex_of_file(file.fileno()) == digest
                return whole or _found_wrong(file)
        except (NotFoundError, CorruptError):
            return False
        except OSError as error:
            if error.errno != EIO:
                raise
            return False  # the disk cannot give it back

    def is_sound(self, digest: str) -> bool:
        """As is_whole(); of what this boot has written or read to its end, nothing is read again."""
        from wherry.store.blobmark import is_marked, mark

        path = self.path(digest)
        if is_marked(path, self._root):
            return True
        whole = self.is_whole(digest)
        if whole:
            mark(path, self._root)
        return whole

    def put(self, data: bytes) -> str:
        """Store `data` and return its digest.  Is atomic and idempotent; replaces a file of other bytes."""
        digest = digest_of(data)
        if not _has_bytes(self.path(digest), data):
            with self.writer() as blob:
                blob.write(data)
                blob.commit()
        return digest

    def read(self, digest: str) -> bytes:
        """All bytes of a blob, verified.  Raises NotFoundError, CorruptError."""
        with self._opened(digest) as file:
            data = file.read()
            if hex_of(data) != digest.removeprefix("sha256:"):
                _found_wrong(file)
                raise _corrupt(digest)
        return data

    def open(self, digest: str) -> Verified:
        """A stream that raises CorruptError at its end if the bytes are not those of the digest."""
        return Verified(self._opened(digest), digest)

    def _opened(self, digest: str) -> IO[bytes]:
        try:
            return open_regular(self.path(digest))
        except FileNotFoundError:
            raise _absent(digest) from None
        except OSError as error:
            if error.errno not in (EINVAL, ELOOP, ENXIO):
                raise
            raise _corrupt(digest) from None

    def writer(self) -> BlobWriter:
        """Write a blob in pieces.  A context manager: leaving it without commit() removes the bytes."""
        return BlobWriter(self)

    def adopt(self, path: str, digest: str) -> int:
        """Take over a file that was found to have the bytes of a digest, out of a folder of the store that
        is the caller's; its size.

        It keeps its own name as well, and is not to be changed any more.  Is atomic.
        """
        from wherry.store.blobmark import mark

        os.chown(path, os.geteuid(), os.getegid())
        os.chmod(path, 0o644)
        mark(path, self._root)
        name = f"{path}.{os.urandom(6).hex()}"
        os.link(path, name)
        put_in_place(name, self.path(digest), self._temporary)
        return os.stat(path).st_size

    def remove(self, digest: str) -> int:
        """Remove a blob if it is there.  The bytes that were freed."""
        path = self.path(digest)
        try:
            size = os.lstat(path).st_size
        except FileNotFoundError:
            return 0
        remove_tree(path)
        return size


class BlobWriter:
    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._path = os.path.join(blobs._temporary, f"{os.getpid()}-{os.urandom(6).hex()}.blob")
        self._file = locks.create(self._path)
        self._hash = hasher()
        self.size = 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        self.size += len(data)
        return len(data)

    def commit(self, expected: str | None = None) -> tuple[str, int]:
        """Make the blob visible.  Its (digest, size).  Raises CorruptError if it is not `expected`."""
        from wherry.store.blobmark import mark

        digest = "sha256:" + self._hash.hexdigest()
        if expected is not None and expected != digest:
            raise CorruptError(
                f"got {digest} ({self.size} bytes) where {expected} was promised",
                hint="the copy was damaged on its way; fetch it again",
            )
        os.fchmod(self._file, 0o644)
        mark(self._file, self._blobs._root)
        put_in_place(self._path, self._blobs.path(digest), self._blobs._temporary)
        return digest, self.size

    def __enter__(self) -> BlobWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        locks.release(self._file)
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass


class Verified:
    """A readable file that checks what went through it when it reaches the end."""

    def __init__(self, file: IO[bytes], digest: str) -> None:
        self._file = file
        self._digest = digest
        self._hash = hasher()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if data:
            self._hash.update(data)
        if (size < 0 or (size > 0 and not data)) and (
            self._hash.hexdigest() != self._digest.removeprefix("sha256:")
        ):
            _found_wrong(self._file)
            raise _corrupt(self._digest)
        return data

    def finish(self) -> None:
        """Read what is left, so that the check happens even if the reader stopped early."""
        while self.read(CHUNK):
            pass

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Verified:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _has_bytes(path: str, data: bytes) -> bool:
    try:
        if os.stat(path).st_size != len(data):
            return False
        return read_regular(path) == data
    except OSError:
        return False


def _found_wrong(file: IO[bytes]) -> bool:
    """A blob's bytes are not those of its digest, whatever was known of it: False."""
    from wherry.store.blobmark import unmark

    unmark(file.fileno())
    return False


def _absent(digest: str) -> NotFoundError:
    return NotFoundError(f"blob {digest} is not in the store", hint="load, import or build the image again")


def _corrupt(digest: str) -> CorruptError:
    return CorruptError(
        f"blob {digest} does not have the bytes of its digest: it is damaged and is not used",
        hint="load or build the image again, which replaces it; wherry system check shows what else is",
    )
