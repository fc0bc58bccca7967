"""A blob of a registry to the store, from where the last try ended; what arrives is used while it does.

The bytes go to ``downloads/<hex>`` as they come, and are a blob when all of them are there and have the
digest that was asked for.  Who is killed, or whose line is cut, leaves what arrived for the next try.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time

from wherry.errors import CorruptError, RegistryError, from_os
from wherry.store.temporary import hold, put_in_place
from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from wherry.oci.manifest import Descriptor
    from wherry.store import Store

    T = TypeVar("T")

CHUNK = 1 << 18
TRIES = 5
"""In a row without a byte that arrives."""
PAUSE = 0.25
LOOK = 0.05
"""Seconds between two looks whether another process has the blob by now."""


class Body(Protocol):
    """The bytes of a blob from some place on."""

    @property
    def is_part(self) -> bool:
        """Whether it has the bytes that were asked for and no others (a source that knows ranges)."""

    def piece(self, size: int) -> bytes:
        """What has arrived, at most `size` bytes, none at the end.  Raises what failure() explains."""

    def close(self) -> None: ...

    def drop(self) -> None:
        """Instead of close(), where all of it was read."""


class Source(Protocol):
    """Where blobs are: a repository of a registry, or a folder."""

    name: str

    def blob(self, digest: str, start: int = 0, end: int | None = None) -> tuple[Body, int]:
        """A blob from `start` on, or from an earlier byte, which is said.  With `end` those before it are
        enough."""

    def failure(self, error: Exception) -> Exception:
        """An error of its line in words."""


@contextlib.contextmanager
def alone_with(store: Store, digest: str, waiting: Callable[[], object]) -> Iterator[None]:
    """Of several processes that want a blob one fetches it; the others wait, and find it."""

    def wait(first: bool) -> None:
        if first:
            waiting()
        time.sleep(LOOK)

    with hold(os.path.join(store.temporary, f"blob-{digest[7:]}.lock"), wait):
        yield


class Incoming:
    """The bytes of a blob: first those that an earlier try left, then the registry's.  A context manager.

    `sources` are asked in order.  `arrived` is told the number of bytes that are here.
    """

    def __init__(
        self,
        store: Store,
        sources: Sequence[Source],
        descriptor: Descriptor,
        arrived: Callable[[int], object],
    ) -> None:
        self._store = store
        self._sources = list(sources)
        self.descriptor = descriptor
        self._arrived = arrived
        folder = os.path.join(store.root, "downloads")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.path = os.path.join(folder, descriptor.digest.removeprefix("sha256:"))
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.open(self.path, flags, 0o600)
        self.kept = min(os.fstat(self._file).st_size, descriptor.size)
        self._place = 0
        self._hash = hashlib.sha256()
        self._answer: Body | None = None

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end.  Raises RegistryError, CorruptError, WherryError."""
        left = self.descriptor.size - self._place
        size = min(left, CHUNK if size < 0 else size)
        if size == 0:
            return b""
        try:
            data = self._kept(size) if self._place < self.kept else self._received(size)
        except OSError as error:
            # Not left to a decompressor, which would take it for damage of the bytes.
            raise from_os(error) from None
        self._hash.update(data)
        self._place += len(data)
        return data

    def readable(self) -> bool:
        return True

    def _kept(self, size: int) -> bytes:
        data = os.pread(self._file, min(size, self.kept - self._place), self._place)
        if not data:
            raise CorruptError(f"{self.path} became shorter while it was read", hint="run it again")
        return data

    def _received(self, size: int) -> bytes:
        data = self._from_line(size)
        view, place = memoryview(data), self._place
        while view:
            written = os.pwrite(self._file, view, place)
            view, place = view[written:], place + written
        self._arrived(place)
        return data

    def _from_line(self, size: int) -> bytes:
        """The next bytes of the registry, asked for again from here where the line is cut."""
        import urllib3

        for attempt in range(TRIES):
            try:
                data = self._opened().piece(size)
                if data:
                    return data
            except urllib3.exceptions.HTTPError as error:
                if attempt == TRIES - 1:
                    raise self._sources[0].failure(error) from None
            self._hang_up()
            if attempt < TRIES - 1:
                time.sleep(PAUSE * 2**attempt)
        raise RegistryError(
            f"{self._sources[0].name}: blob {self.descriptor.digest} ended after {self._place} bytes, "
            f"{self.descriptor.size} were promised",
            hint="what arrived is kept: run it again to go on",
        )

    def _opened(self) -> Body:
        if self._answer is None:
            answer, first = self._asked()
            while first < self._place:
                skipped = answer.piece(min(CHUNK, self._place - first))
                if not skipped:
                    break
                first += len(skipped)
            self._answer = answer
        return self._answer

    def _asked(self) -> tuple[Body, int]:
        """The first source that has it; the last one's refusal where none has."""
        for source in self._sources[:-1]:
            with contextlib.suppress(RegistryError):
                return source.blob(self.descriptor.digest, self._place)
        return self._sources[-1].blob(self.descriptor.digest, self._place)

    def finish(self) -> None:
        """Read what is left, and verify it all.  Raises CorruptError, after which nothing of it is kept."""
        while self.read():
            pass
        found = "sha256:" + self._hash.hexdigest()
        if found != self.descriptor.digest:
            os.unlink(self.path)
            raise CorruptError(
                f"{self._sources[0].name}: blob {self.descriptor.digest} came with bytes of {found}",
                hint="the registry, or a proxy on the way, sent other bytes; none of them is kept",
            )

    def keep(self) -> None:
        """What was finished is a blob of the store."""
        os.ftruncate(self._file, self.descriptor.size)
        os.fchmod(self._file, 0o644)
        put_in_place(self.path, self._store.blobs.path(self.descriptor.digest), self._store.temporary)

    def _hang_up(self) -> None:
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def __enter__(self) -> Incoming:
        return self

    def __exit__(self, *exception: object) -> None:
        self._end()

    def _end(self) -> None:
        if self._answer is not None and self._place == self.descriptor.size:
            self._answer.drop()  # the connection serves the next one
            self._answer = None
        self._hang_up()
        os.close(self._file)


def received(
    store: Store,
    sources: Sequence[Source],
    descriptor: Descriptor,
    arrived: Callable[[int], object],
    use: Callable[[Incoming], T],
) -> T:
    """Let `use` read a blob while it arrives; afterwards the blob is in the store.  What `use` returns.

    What an earlier try left is not believed where it does not fit: then all of it is fetched.
    To be called alone_with() the blob.  Raises CorruptError, RegistryError, and what `use` raises.
    """
    with Incoming(store, sources, descriptor, arrived) as incoming:
        try:
            return _used(incoming, use)
        except CorruptError:
            if not incoming.kept or os.path.exists(incoming.path):
                raise
    return received(store, sources, descriptor, arrived, use)


def _used(incoming: Incoming, use: Callable[[Incoming], T]) -> T:
    try:
        result = use(incoming)
    except CorruptError:
        incoming.finish()  # which raises where the line, and not the layer, is at fault
        raise
    incoming.finish()
    incoming.keep()
    return result


def fetch_blob(
    store: Store,
    sources: Sequence[Source],
    descriptor: Descriptor,
    arrived: Callable[[int], object] = lambda size: None,
) -> None:
    """Have a blob in the store.  One that is there is not fetched."""
    with alone_with(store, descriptor.digest, lambda: None):
        if not store.blobs.is_whole(descriptor.digest):
            received(store, sources, descriptor, arrived, lambda incoming: None)
