"""The part of a check that looks at bytes: blobs against their names, trees against their diff IDs."""

from __future__ import annotations

import os
import re

from wherry.store.check_images import users
from wherry.store.finding import Finding
from wherry.store.verify import verify
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wherry.store.layerrecord import LayerRecord
    from wherry.store.store import Store

HEX = re.compile(r"[0-9a-f]{64}\Z")


def blobs(store: Store) -> Iterator[Finding]:
    """Every blob is read once, piece by piece."""
    for name in _listed(store.blobs.folder):
        path = os.path.join(store.blobs.folder, name)
        if not HEX.match(name):
            problem = "is no blob's name"
        elif not store.blobs.is_whole("sha256:" + name) and os.path.lexists(path):
            problem = f"is damaged: its {os.lstat(path).st_size} bytes are not those of its digest"
        else:
            continue

        def mend(path: str = path) -> str:
            from wherry.layers.remove import remove_tree

            remove_tree(path)
            return "removed, so that nothing takes it for the right one"

        yield Finding("blob", name if len(name) != 64 else f"sha256:{name}", problem, mend=mend)


def layers(store: Store, scratch: str, *, beside: bool) -> Iterator[Finding]:
    from wherry.layers.remove import remove_tree

    known = sorted(store.layers.all())
    for info in known:
        record = store.layers.record(info.diff_id)
        if record is None:
            continue  # removed meanwhile
        again = os.path.join(scratch, "layer")
        os.mkdir(again)
        found = store.layers.blobs(info.diff_id)
        tree = store.layers.path(info.diff_id)
        verdict = verify(tree, info.diff_id, record.packed, store.blobs, found, again)
        remove_tree(again)
        if verdict.whole:
            yield from _blob_records(store, info.diff_id)
        elif store.layers.record(info.diff_id) is not None:
            yield _wrong(store, record, verdict.source)
    names = {store.layers.path(info.diff_id) for info in known}
    for name in _listed(store.layers.folder) if not beside else ():
        path = os.path.join(store.layers.folder, name)
        if path not in names:

            def mend(path: str = path) -> str:
                remove_tree(path)
                return "removed"

            yield Finding("leftover", f"layers/{name}", "is a tree without a record", mend=mend)


def _wrong(store: Store, record: LayerRecord, source: str) -> Finding:
    diff_id = record.info.diff_id
    there = os.path.isdir(store.layers.path(diff_id))
    problem = "was changed on disk: its files do not give its diff ID" if there else "has lost its tree"
    user = _running_user(store, diff_id)
    if user and there:
        return Finding(
            "layer", diff_id, problem, f"container {user} runs on it: stop it, then repair again"
        )

    if source:

        def unpack() -> str:
            assert store.layers.verify(record).whole  # noqa: S101
            return f"unpacked again from blob {source[:19]}"

        return Finding("layer", diff_id, problem, mend=unpack)
    needed = users(store, diff_id)
    if needed and there and not record.packed and store.layers.blobs(diff_id):
        # A tar from elsewhere, which packing the tree again does not give: nobody can tell.
        problem = "cannot be verified: the blob in which it came is damaged or lost"
        return Finding("layer", diff_id, problem, f"load again: {', '.join(needed)}")
    if not needed:

        def remove() -> str:
            store.layers.remove(diff_id)
            return "removed: only the build cache knows it, and a build makes it again"

        return Finding("layer", diff_id, problem, mend=remove)

    def doubt() -> str:
        store.layers.doubt(diff_id)  # nobody uses it, and a build makes it again
        return ""

    return Finding(
        "layer", diff_id, problem, f"repair, then load or build again: {', '.join(needed)}", doubt
    )


def _running_user(store: Store, diff_id: str) -> str:
    for record in sorted(store.containers.all(), key=lambda record: record.name):
        if record.status == "running" and diff_id in record.config.layers:
            return record.name
    return ""


def _blob_records(store: Store, diff_id: str) -> Iterator[Finding]:
    for blob in sorted(store.layers.blobs(diff_id)):
        if not store.blobs.has(blob.digest):

            def mend(blob: object = blob) -> str:
                store.layers.forget_blob(blob)  # type: ignore[arg-type]
                return "forgotten: the layer is packed again when it leaves"

            problem = f"blob {blob.digest[:19]}, which held it, is not in the store"
            yield Finding("layer", diff_id, problem, mend=mend)


def links(store: Store) -> Iterator[Finding]:
    known = {}
    for info in sorted(store.layers.all()):
        known[os.path.basename(store.layers.link(info.diff_id))] = info.diff_id
        if not store.layers.linked(info.diff_id):

            def mend(diff_id: str = info.diff_id) -> str:
                store.layers.make_link(diff_id)
                return "made again"

            yield Finding("link", info.diff_id, "its short link is missing or leads elsewhere", mend=mend)
    folder = os.path.dirname(store.layers.link("sha256:0"))
    for name in _listed(folder):
        path = os.path.join(folder, name)
        if name not in known and not os.path.exists(path):

            def unlink(path: str = path) -> str:
                os.unlink(path)
                return "removed"

            yield Finding("leftover", f"l/{name}", "is a link to nothing", mend=unlink)


def _listed(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []
