"""What a saved archive holds, read with Python's own tarfile and hashlib and nothing of wherry's."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import NamedTuple

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"
GZIP = b"\x1f\x8b"


class Wrong(Exception):
    """An archive that is not what its digests say."""


# path -> (type, mode, uid, gid, link target, digest of the content)
Tree = dict[str, tuple[str, int, int, int, str, str]]


class Saved(NamedTuple):
    """One image: the digest of its config, and the files that its layers give."""

    id: str
    files: Tree

    @property
    def tree(self) -> str:
        return digest_of_tree(self.files)


def read_archive(path: Path) -> dict[str, Saved]:
    """The images by their names.  Raises Wrong where a digest does not hold."""
    with tarfile.open(path) as tar:
        for member in tar:
            if member.name.startswith("blobs/sha256/") and member.isfile():
                _check(tar, member)
        return {
            name: _image(tar, entry)
            for entry in json.loads(_bytes(tar, "manifest.json"))
            for name in entry["RepoTags"] or [""]
        }


def _image(tar: tarfile.TarFile, entry: dict[str, object]) -> Saved:
    data = _bytes(tar, str(entry["Config"]))
    diff_ids = json.loads(data)["rootfs"]["diff_ids"]
    layers = list(entry["Layers"])  # type: ignore[call-overload]
    if len(layers) != len(diff_ids):
        raise Wrong(f"{len(layers)} layers where the config has {len(diff_ids)}")
    tree: Tree = {}
    for name, diff_id in zip(layers, diff_ids, strict=True):
        packed = _bytes(tar, str(name))
        unpacked = gzip.decompress(packed) if packed.startswith(GZIP) else packed
        found = "sha256:" + hashlib.sha256(unpacked).hexdigest()
        if found != diff_id:
            raise Wrong(f"layer {name} is {found} and not {diff_id}")
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as layer:
            apply_layer(tree, layer)
    return Saved("sha256:" + hashlib.sha256(data).hexdigest(), tree)


def apply_layer(tree: Tree, layer: tarfile.TarFile) -> None:
    """OCI image-spec, layer.md: whiteouts are for what the layers below have."""
    members = list(layer)
    for member in members:
        folder, _, base = member.name.rstrip("/").rpartition("/")
        if base == OPAQUE:
            _remove_below(tree, folder)
        elif base.startswith(WHITEOUT):
            gone = f"{folder}/{base.removeprefix(WHITEOUT)}".lstrip("/")
            _remove_below(tree, gone)
            tree.pop(gone, None)
    for member in members:
        if not member.name.rpartition("/")[2].startswith(WHITEOUT):
            _put(tree, layer, member)


def _put(tree: Tree, layer: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    path = member.name.removeprefix("./").strip("/")
    if member.islnk():
        tree[path] = tree[member.linkname.removeprefix("./").strip("/")]
        return
    if not member.isdir():
        _remove_below(tree, path)
    content = _digest(layer, member) if member.isfile() else ""
    kind = member.type.decode("latin-1")
    tree[path] = (kind, member.mode, member.uid, member.gid, member.linkname, content)


def _remove_below(tree: Tree, folder: str) -> None:
    for path in [path for path in tree if path.startswith(f"{folder}/" if folder else "")]:
        del tree[path]


def digest_of_tree(tree: Tree) -> str:
    """Of all but times: a build that is made again has others."""
    rows = [json.dumps([path, *tree[path]]) for path in sorted(tree) if path]
    return hashlib.sha256("\n".join(rows).encode("utf-8", "surrogateescape")).hexdigest()


def _check(tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    if _digest(tar, member) != member.name.rpartition("/")[2]:
        raise Wrong(f"{member.name} has other bytes than its name says")


def _digest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = tar.extractfile(member)
    assert file is not None
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _bytes(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()
