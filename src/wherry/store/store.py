"""The store: one folder, whose index, manifests and configurations other tools read in place.

    oci-layout, index.json, blobs/sha256/   an OCI image layout; layers are in it when an image has left
    layers/<hex>/, l/<short>                unpacked layers, and short links to them
    containers/<id>/                        the files of each container
    caches/<mark>/                          cache mounts of RUN steps
    contexts/<mark>, <mark>.<slot>          what each file of a context was, and what a COPY made of them
    builds/, listings/                      what builds did, and the files that they read, by name
    downloads/<hex>                         what arrived of blobs that are not whole
    volumes/<name>/                         named volumes
    logs/                                   what steps printed
    tmp/                                    work in progress, and what is on its way out
    reserve                                 room for what removals write on a full disk
    lock                                    held together by who uses the store, alone by who collects
    wherry.db                               names, images, layers, cache, containers, volumes

It is private: its folder is 0700 (store.privacy).

A kill at any instant loses nothing that was finished: everything appears by one rename or one
transaction.  Any number of processes use it at once.
"""

from __future__ import annotations

import contextlib
import os
import sys
from errno import ENOSPC, EROFS

from wherry.errors import StorageError
from wherry.runtime import Runtime
from wherry.store import locks
from wherry.store.blobs import Blobs
from wherry.store.cache import Cache
from wherry.store.caches import CacheMounts
from wherry.store.containers import Containers
from wherry.store.database import Database
from wherry.store.images import ImageRecord, Images, Names
from wherry.store.layers import Layers
from wherry.store.temporary import sweep, temporary_folder, write_file
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.store.builds import Builds
    from wherry.store.filemanifest import FileManifests
    from wherry.store.volumes import Volumes

LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
FOLDERS = ("blobs", "blobs/sha256", "layers", "l", "containers", "tmp")


class Store:
    """`runtime` says whose it is, and what they may do; a folder alone: of one who may do anything."""

    def __init__(self, runtime: Runtime | str) -> None:
        self.runtime = runtime if isinstance(runtime, Runtime) else Runtime(runtime)
        self.root = root = self.runtime.store
        self._warned: set[str] = set()
        database = Database(os.path.join(root, "wherry.db"))
        self.database = database
        self.temporary = os.path.join(root, "tmp")
        self._lock = os.path.join(root, "lock")
        self.blobs = Blobs(root, self.temporary)
        self.layers = Layers(root, self.temporary, database, self.blobs)
        self.images = Images(database)
        self.names = Names(root, self.temporary, database, self.blobs)
        self.cache = Cache(database)
        self.cache_mounts = CacheMounts(root, self.temporary)
        self.containers = Containers(root, self.temporary, database)

    @property
    def builds(self) -> Builds:
        """What builds did."""
        from wherry.store.builds import Builds

        return Builds(self.root)

    @property
    def volumes(self) -> Volumes:
        """Named volumes."""
        from wherry.store.volumes import Volumes

        return Volumes(self.root, self.temporary, self.database, self.containers)

    @property
    def file_manifests(self) -> FileManifests:
        """The files that steps read, by name."""
        from wherry.store.filemanifest import FileManifests

        return FileManifests(self.root, self.temporary)

    @classmethod
    def open(cls, runtime: Runtime | str) -> Store:
        """Open the store, making it when absent, and sweep what killed processes left in it."""
        store = cls(runtime)
        try:
            if not store._is_laid_out():
                store._mend_layout()
            sweep(store.temporary, store.containers.settle)
        except PermissionError as error:
            raise StorageError(
                f"the store cannot be used: {error.filename}: permission denied",
                hint="give a folder of your own with --root DIR or WHERRY_ROOT",
            ) from error
        except (NotADirectoryError, FileExistsError) as error:
            raise StorageError(f"the store cannot be made: {error.filename} is not a folder") from error
        return store

    def _is_laid_out(self) -> bool:
        """Whether every folder and file of the layout is there, its owner's alone; costs a few looks."""
        try:
            open_to_others = os.stat(self.root).st_mode & 0o077
        except FileNotFoundError:
            return False
        return (
            not open_to_others
            and all(os.path.isdir(f"{self.root}/{folder}") for folder in FOLDERS)
            and _ends_an_object(f"{self.root}/oci-layout")
            and _ends_an_object(f"{self.root}/index.json")
        )

    def _mend_layout(self) -> None:
        """Lay out what is missing; a store that is there is read even where nothing can be written."""
        try:
            self._lay_out()
        except OSError as error:
            if error.errno not in (EROFS, ENOSPC) or not os.path.exists(self.database.path):
                raise

    def _lay_out(self) -> None:
        """Make the store, or what is missing of it, and make all of it private.  Is idempotent.

        What index.json lists comes from the records.  The database is made before anything else is kept: a
        store that holds something always has one.
        """
        from wherry.store.privacy import make_private

        os.makedirs(self.root, mode=0o700, exist_ok=True)
        for folder in FOLDERS:
            os.makedirs(os.path.join(self.root, folder), mode=0o700, exist_ok=True)
        make_private(self.root)
        if not _ends_an_object(os.path.join(self.root, "index.json")):
            self.names.show()
        layout = os.path.join(self.root, "oci-layout")
        if not _ends_an_object(layout):
            write_file(self.temporary, layout, LAYOUT)

    def warn(self, text: str) -> None:
        """Say on stderr, once, that something in the store is damaged and what was done about it."""
        if text not in self._warned:
            self._warned.add(text)
            print(f"warning: {text}", file=sys.stderr)

    @contextlib.contextmanager
    def temp(self) -> Iterator[str]:
        """A fresh folder on the store's file system, removed at the end, swept if we are killed."""
        with temporary_folder(self.temporary) as folder:
            yield folder

    @contextlib.contextmanager
    def using(self) -> Iterator[None]:
        """Hold on to everything in the store: collect() in another process waits for another time."""
        with _releasing(locks.take(self._lock, locks.TOGETHER)):
            yield

    def name(self, name: str, image: ImageRecord) -> None:
        """Let a name stand for an image that was made within using().

        Another command may have removed it meanwhile: what it needs is still there, so it is again.
        """
        with self.database.transaction():
            if self.images.get(image.id) is None:
                self.images.add(image)
            self.names.set(name, image.id)

    @contextlib.contextmanager
    def freeing(self) -> Iterator[None]:
        """To be entered before anything is looked up by who is going to remove things: on a full disk too
        there is room then to write down what is gone."""
        from wherry.store.reserve import given_up_if_full

        with given_up_if_full(self.root, self.temporary):
            try:
                yield
            finally:
                self.database.close()  # SQLite's log gives its room back

    def collect(self) -> int:
        """Remove what no image, container or cache record refers to.  The bytes that were freed.

        Does nothing while another process uses the store: its new layers have no referrer yet.
        """
        from wherry.store.collect import collect

        lock = locks.attempt(self._lock)
        if lock is None:
            return 0
        with _releasing(lock):
            return collect(self)

    @contextlib.contextmanager
    def alone(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the store when nobody uses it any more; `waiting` is told if that takes a while."""
        lock = locks.attempt(self._lock)
        if lock is None:
            waiting()
            lock = locks.take(self._lock)
        with _releasing(lock):
            yield


@contextlib.contextmanager
def _releasing(lock: int) -> Iterator[None]:
    try:
        yield
    finally:
        locks.release(lock)


def _ends_an_object(path: str) -> bool:
    """Whether a JSON file is there and was written to its end; a power cut may leave it empty."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.pread(file, 1, max(0, os.fstat(file).st_size - 1)) == b"}"
    except OSError:
        return False
    finally:
        os.close(file)
