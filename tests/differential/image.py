"""A docker-archive as values: configuration, history, and every file of the file system that it holds."""

from __future__ import annotations

import hashlib
import json
import posixpath
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"


class File(NamedTuple):
    """`content` is a digest, a link's target, a device's numbers; `links` the file's other names."""

    kind: str
    mode: int
    owner: tuple[int, int]
    content: str
    xattrs: tuple[tuple[str, str], ...]
    mtime: int
    links: tuple[str, ...] = ()


class Saved(NamedTuple):
    """`layers` has what each layer's tar says, deletions too."""

    config: dict[str, Any]
    history: list[tuple[str, bool]]
    files: dict[str, File]
    layers: list[dict[str, File]]


def read(archive: Path) -> Saved:
    with tarfile.open(archive) as outer:
        entry = json.load(outer.extractfile("manifest.json"))[0]  # type: ignore[arg-type]
        config = json.load(outer.extractfile(entry["Config"]))  # type: ignore[arg-type]
        files: dict[str, File] = {}
        groups: dict[str, str] = {}
        layers = []
        for layer in entry["Layers"]:
            with tarfile.open(fileobj=outer.extractfile(_real(outer, layer))) as tar:
                layers.append(_apply(tar, files, groups))
    history = [(line.get("created_by", ""), bool(line.get("empty_layer"))) for line in config["history"]]
    return Saved(config, history, _linked(files, groups), layers)


def _real(outer: tarfile.TarFile, name: str) -> str:
    member = outer.getmember(name)
    return (
        posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
        if member.issym()
        else name
    )


def _apply(tar: tarfile.TarFile, files: dict[str, File], groups: dict[str, str]) -> dict[str, File]:
    """Put a layer onto `files`; its own entries."""
    new: set[str] = set()
    own: dict[str, File] = {}
    for member in tar:
        name = member.name.strip("/").removeprefix("./")
        own[name] = _file(tar, member, own)
        folder, base = posixpath.split(name)
        if base == OPAQUE:
            _remove(files, folder, itself=False, but=new)
        elif base.startswith(WHITEOUT):
            _remove(files, posixpath.join(folder, base[len(WHITEOUT) :]), itself=True, but=set())
        elif name not in ("", "."):
            if not member.isdir() and name in files:
                _remove(files, name, itself=True, but=set())
            files[name] = _file(tar, member, files)
            groups[name] = (
                groups.get(member.linkname.strip("/"), name) if member.islnk() else f"{id(tar)}:{name}"
            )
            new.add(name)
    return own


def _remove(files: dict[str, File], name: str, *, itself: bool, but: set[str]) -> None:
    for path in [p for p in files if p.startswith(f"{name}/") or (itself and p == name)]:
        if path not in but:
            del files[path]


def _file(tar: tarfile.TarFile, member: tarfile.TarInfo, files: dict[str, File]) -> File:
    if member.islnk():
        return files[member.linkname.strip("/").removeprefix("./")]
    content = ""
    if member.isreg():
        content = hashlib.sha256(tar.extractfile(member).read()).hexdigest()[:16]  # type: ignore[union-attr]
    elif member.issym():
        content = member.linkname
    elif member.isdev() and not member.isfifo():
        content = f"{member.devmajor}:{member.devminor}"
    xattrs = tuple(sorted((k, v) for k, v in member.pax_headers.items() if k.startswith("SCHILY.xattr.")))
    mode = 0 if member.issym() else member.mode & 0o7777
    return File(member.type.decode(), mode, (member.uid, member.gid), content, xattrs, int(member.mtime))


def _linked(files: dict[str, File], groups: dict[str, str]) -> dict[str, File]:
    names: dict[str, list[str]] = {}
    for name in files:
        names.setdefault(groups[name], []).append(name)
    return {
        name: file._replace(links=tuple(sorted(set(names[groups[name]]) - {name})))
        for name, file in files.items()
    }
