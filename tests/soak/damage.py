"""What can be wrong in a store: each kind of file, in each way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.soak.ledger import Ledger, read_ledger


class Damage(NamedTuple):
    """`hurts` are the images and containers that may be refused afterwards; "all" of them where the records
    are lost.  `unseen`: what is in a tree is believed while the boot lasts that wrote it, so that ``run``,
    ``cp`` and a build may show it; what leaves (``save``) and ``system check`` may not.
    """

    name: str
    hurts: tuple[str, ...]
    do: Callable[[Path], None]
    unseen: bool = False
    harmless: bool = False  # nothing that system check need find


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes() or b"\0")
    data[len(data) // 2] ^= 1
    _write(path, bytes(data))


def truncate(path: Path) -> None:
    _write(path, path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    _write(path, b"")


def garbage(path: Path) -> None:
    _write(path, os.urandom(max(4096, path.stat().st_size)))


def delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def folder(path: Path) -> None:
    delete(path)
    path.mkdir()


def symlink(path: Path) -> None:
    """To a file of the machine's, which must neither be read as ours nor written."""
    delete(path)
    path.symlink_to("/etc/hostname")


def _write(path: Path, data: bytes) -> None:
    """In place: the mode stays, as it does where a disk errs."""
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()


WAYS: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (flip, truncate, empty, garbage, delete, folder, symlink)
}
APP, ALL = ("app", "old", "mounted"), ("all",)
# kind of file: (where it is, whom it hurts)
FILES: dict[str, tuple[Callable[[Path, Ledger], Path], tuple[str, ...]]] = {
    "config": (lambda root, ledger: _blob(root, ledger.names["app"]), APP),
    "manifest": (lambda root, ledger: _blob(root, ledger.images[ledger.names["app"]]), APP),
    "layer-blob": (lambda root, ledger: _blob(root, sorted(ledger.layer_blobs)[0]), ("packed",)),
    "link": (lambda root, ledger: root / "l" / _top_layer(root, ledger).name[:16], APP),
    "index.json": (lambda root, ledger: root / "index.json", ()),
    "oci-layout": (lambda root, ledger: root / "oci-layout", ()),
    "wherry.db": (lambda root, ledger: root / "wherry.db", ALL),
    "wal": (lambda root, ledger: _touched(root / "wherry.db-wal"), ALL),
    "build-record": (lambda root, ledger: _first(root / "builds"), ()),
    "listing": (lambda root, ledger: _first(root / "listings"), ()),
    "context-index": (lambda root, ledger: _first(root / "contexts"), ()),
    "cache-name": (lambda root, ledger: next((root / "caches").glob("*.json")), ()),
    "shm": (lambda root, ledger: _touched(root / "wherry.db-shm"), ()),
    "container-lock": (lambda root, ledger: _touched(_old(root, ledger) / "lock"), ()),
    "volume": (lambda root, ledger: root / "volumes/vol/file", ()),
    "log": (lambda root, ledger: _old(root, ledger) / "log.json", ("old",)),
    "lock": (lambda root, ledger: _touched(root / "lock"), ()),
}
FOLDERS = (
    "blobs",
    "layers",
    "l",
    "containers",
    "tmp",
    "caches",
    "contexts",
    "volumes",
    "builds",
    "listings",
)
HURT_BY_FOLDER = {"blobs": ALL, "layers": ALL, "l": ALL, "containers": ("old",), "volumes": ("vol",)}
# Of these nothing is missed: the next command makes them, or they only make something quicker.
HARMLESS = {"lock", "tmp", "builds", "listings", "contexts", "caches", "build-record", "listing"}
HARMLESS |= {"shm", "container-lock", "volume", "context-index", "cache-name", "log", "wal", "volumes"}


def all_damages() -> list[Damage]:
    return [*_files(), *_trees(), *_folders()]


def _files() -> Iterator[Damage]:
    for kind, (where, hurts) in FILES.items():
        for way, do in WAYS.items():
            if kind == "link" and way in ("flip", "truncate", "empty", "garbage"):
                continue
            if kind.endswith("lock") and way in ("flip", "truncate", "empty"):
                continue
            name = f"{kind}-{way}"
            yield Damage(name, hurts, _at(where, do), harmless=kind in HARMLESS)
    yield Damage("link-wrong", APP, _at(FILES["link"][0], _wrong_link))


def _at(where: Callable[[Path, Ledger], Path], do: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda root: do(where(root, read_ledger(root)))


def _trees() -> Iterator[Damage]:
    def inside(do: Callable[[Path], None]) -> Callable[[Path], None]:
        return lambda root: do(_top_layer(root, read_ledger(root)))

    content = {
        "changed": lambda tree: flip(tree / "done"),
        "added": lambda tree: (tree / "added").write_text("added\n") and None,
        "removed": lambda tree: (tree / "done").unlink(),
        "mode": lambda tree: (tree / "done").chmod(0o600),
        "owner": lambda tree: os.chown(tree / "done", 77, 77),
        "swapped": lambda tree: symlink(tree / "done"),
    }
    for name, do in content.items():
        yield Damage(f"tree-{name}", APP, inside(do), unseen=True)
    for name, do in {"delete": delete, "folder": folder, "symlink": symlink}.items():
        yield Damage(f"layer-{name}", APP, inside(do), unseen=name == "folder")
    yield Damage("upper-delete", ("old",), lambda root: delete(_upper(root)), harmless=True)
    yield Damage("container-delete", ("old",), lambda root: delete(_old(root, read_ledger(root))))


def _folders() -> Iterator[Damage]:
    for name in FOLDERS:
        for way in (delete, folder):
            if way is folder and name == "tmp":
                continue
            hurts = HURT_BY_FOLDER.get(name, ())
            yield Damage(
                f"{name}/-{way.__name__}",
                hurts,
                lambda root, name=name, way=way: way(root / name),  # type: ignore[misc]
                harmless=name in HARMLESS,
            )


def _blob(root: Path, digest: str) -> Path:
    return root / "blobs/sha256" / digest.removeprefix("sha256:")


def _top_layer(root: Path, ledger: Ledger) -> Path:
    """The layer of app that has /done and belongs to no other image."""
    return next(layer for layer in sorted((root / "layers").iterdir()) if (layer / "done").is_file())


def _old(root: Path, ledger: Ledger) -> Path:
    return root / "containers" / ledger.containers["old"].id


def _upper(root: Path) -> Path:
    """The writable layer: where /written is."""
    folder = _old(root, read_ledger(root))
    return next(path.parent for path in folder.rglob("written"))


def _first(folder: Path) -> Path:
    return sorted(path for path in folder.iterdir() if path.is_file())[0]


def _touched(path: Path) -> Path:
    path.touch()
    return path


def _wrong_link(link: Path) -> None:
    """To another layer, whole but not its own."""
    others = sorted(layer.name for layer in (link.parents[1] / "layers").iterdir())
    other = next(name for name in others if not name.startswith(link.name))
    link.unlink()
    link.symlink_to(f"../layers/{other}")
