"""Looking at everything that the store holds: what is wrong, and how it is put right.

check() only reads.  Each finding that can be put right carries the way; who takes it does so before asking
for the next finding, so that what comes later is looked at as it then is.  The order is always the same:
what others depend on comes first.
"""

from __future__ import annotations

import json
import os

from wherry.errors import NewerRecordError, RecordsLostError
from wherry.layers.remove import remove_tree
from wherry.store.finding import Finding
from wherry.store.regular import read_regular
from wherry.store.temporary import is_held, write_file
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.store.store import Store

AGAIN = "load or build it again"


def check(store: Store, scratch: str, *, beside: bool = True) -> Iterator[Finding]:
    """Everything that is wrong.  `scratch` is an empty folder for layers that have to be unpacked.

    `beside` says that other commands may be at work: what only they may be in the middle of is no finding.
    """
    from wherry.store.check_images import images, index_file, names
    from wherry.store.check_layers import blobs, layers, links

    yield from _folders(store)
    yield from _layout_file(store)
    lost = list(_database(store))
    yield from lost
    yield from blobs(store)
    if lost and _is_lost(store):
        return
    yield from layers(store, scratch, beside=beside)
    yield from links(store)
    yield from images(store)
    yield from names(store)
    yield from index_file(store)
    yield from _cache(store)
    yield from _containers(store, beside=beside)
    yield from _mounts(store)
    yield from _leftovers(store)


def _folders(store: Store) -> Iterator[Finding]:
    from wherry.store.store import FOLDERS

    for folder in FOLDERS:
        path = os.path.join(store.root, folder)
        if not os.path.isdir(path):

            def mend(path: str = path) -> str:
                os.makedirs(path, mode=0o700)
                return "made, empty"

            yield Finding("folder", folder, "is missing", mend=mend)


def _layout_file(store: Store) -> Iterator[Finding]:
    """oci-layout says of which version the layout is (OCI image-layout.md)."""
    from wherry.store.store import LAYOUT

    path = os.path.join(store.root, "oci-layout")
    if _json_file(path) == json.loads(LAYOUT):
        return

    def mend() -> str:
        write_file(store.temporary, path, LAYOUT)
        return "written again"

    yield Finding("layout", "oci-layout", "is missing or damaged", mend=mend)


def _json_file(path: str) -> object:
    try:
        return json.loads(read_regular(path))
    except (OSError, ValueError, RecursionError):
        return None


def _is_lost(store: Store) -> bool:
    try:
        store.database.execute("SELECT 1 FROM layers LIMIT 1")
    except RecordsLostError:
        return True
    return False


def _database(store: Store) -> Iterator[Finding]:
    def mend() -> str:
        from wherry.store.rebuild import rebuild

        return rebuild(store)

    try:
        found = store.database.execute("PRAGMA integrity_check(1)")
        store.database.execute(
            "SELECT 1 FROM layers, images, names, cache, containers, layer_blobs, volumes LIMIT 1"
        )
        problem = "" if found == [("ok",)] else str(found[0][0]).replace("\n", " ")
    except RecordsLostError as error:
        problem = error.message
    if problem:
        yield Finding("database", "wherry.db", problem, mend=mend)


def _cache(store: Store) -> Iterator[Finding]:
    for key, record, _ in sorted(store.cache.components()):
        value = record.value
        if not value.startswith("sha256:"):
            continue
        if store.layers.info(value) is None and not store.blobs.has(value):

            def mend(key: str = key) -> str:
                store.cache.forget(key)
                return "forgotten: the step runs again"

            yield Finding("cache", key[:12], f"leads to {value[:19]}, which is not in the store", mend=mend)


def _containers(store: Store, *, beside: bool) -> Iterator[Finding]:
    records = sorted(store.containers.all(), key=lambda record: record.name)
    for record in records:
        folder = store.containers.dir(record.id)
        if not os.path.isdir(folder):

            def make(folder: str = folder, record: str = record.id) -> str:
                os.makedirs(folder, mode=0o700)
                store.containers.save(record)
                return "made, empty: what the container had written is lost"

            yield Finding("container", record.name, "its folder is missing", mend=make)
        elif _is_newer(store, record.id):
            yield Finding("container", record.name, "its record file is of a newer version of wherry")
        elif store.containers.saved(record.id) is None:

            def save(record: str = record.id) -> str:
                store.containers.save(record)
                return "written again from the database" if store.containers.saved(record) else ""

            yield Finding("container", record.name, "its record file is missing or damaged", mend=save)
        for diff_id in record.config.layers:
            if store.layers.info(diff_id) is None:
                problem = f"layer {diff_id[:19]} is not in the store"
                yield Finding("container", record.name, problem, f"image {record.image_name}: {AGAIN}")
    if not beside:
        yield from _forgotten_folders(store, {record.id for record in records})


def _is_newer(store: Store, container: str) -> bool:
    try:
        store.containers.saved(container)
    except NewerRecordError:
        return True
    return False


def _forgotten_folders(store: Store, known: set[str]) -> Iterator[Finding]:
    """Folders whose container was removed, or never became one, when its command was killed."""
    for name in sorted(os.listdir(store.containers.folder)):
        path = store.containers.dir(name)
        if name not in known and not is_held(os.path.join(path, "lock")):
            yield _leftover(path, f"containers/{name}", "belongs to no container")


def _mounts(store: Store) -> Iterator[Finding]:
    folder = os.path.join(store.root, "caches")
    listed = {mount.path for mount in store.cache_mounts.all() if mount.id != os.path.basename(mount.path)}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        path = os.path.join(folder, name)
        if os.path.isdir(path) and path not in listed and not is_held(path + ".lock"):

            def mend(path: str = path, name: str = name) -> str:
                store.cache_mounts.record(path, f"lost-{name[:12]}")
                return f"listed as lost-{name[:12]} until a step uses it again"

            yield Finding("mount", name, "its record is missing or damaged", mend=mend)


def _leftovers(store: Store) -> Iterator[Finding]:
    """What killed commands left; every command sweeps it when it begins."""
    for name in sorted(os.listdir(store.temporary)) if os.path.isdir(store.temporary) else ():
        path = os.path.join(store.temporary, name)
        if not is_held(path) and not is_held(path + ".lock"):
            yield _leftover(path, f"tmp/{name}", "was left by a command that was killed")


def _leftover(path: str, name: str, problem: str) -> Finding:
    def mend() -> str:
        remove_tree(path)
        return "removed"

    return Finding("leftover", name, problem, mend=mend)
