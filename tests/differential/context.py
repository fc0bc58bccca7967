# ruff: noqa: E501 - a file a line
"""The context of all cases, and a second one with a .dockerignore."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from pathlib import Path

OLD = 1_500_000_000
# What ADD meets in archives: links on the way, absolute names, entries that replace others: (name, kind, content
# or target).
ARCHIVES: dict[str, tuple[tuple[str, bytes, str], ...]] = {
    "through": (("way/tool", tarfile.REGTYPE, "tool"), ("other/x", tarfile.REGTYPE, "x")),
    "own-link": (("a", tarfile.DIRTYPE, ""), ("l", tarfile.SYMTYPE, "a"), ("l/f", tarfile.REGTYPE, "f"),
                 ("l/sub/g", tarfile.REGTYPE, "g"), ("h", tarfile.LNKTYPE, "l/f")),
    "own-absolute-link": (("a", tarfile.DIRTYPE, ""), ("l", tarfile.SYMTYPE, "/a"), ("l/f", tarfile.REGTYPE, "f")),
    "absolute": (("/new/f", tarfile.REGTYPE, "f"), ("//g", tarfile.REGTYPE, "g"), ("h", tarfile.LNKTYPE, "/g")),
    "replaced": (("a", tarfile.DIRTYPE, ""), ("a/f", tarfile.REGTYPE, "f"), ("a", tarfile.SYMTYPE, "b"),
                 ("b", tarfile.DIRTYPE, ""), ("a/g", tarfile.REGTYPE, "g")),
    "dot": (("./", tarfile.DIRTYPE, ""), ("./root/x", tarfile.REGTYPE, "x"), ("srv/d/f", tarfile.REGTYPE, "f"),
            ("srv/n/f", tarfile.REGTYPE, "f")),
    "folder": (("way", tarfile.DIRTYPE, ""), ("way/tool", tarfile.REGTYPE, "x")),
    "file": (("etc/d", tarfile.REGTYPE, "x"),),
}  # fmt: skip


def make(folder: Path) -> None:
    folder.mkdir()
    for name, text in (
        ("file", "file\n"), ("with space", "space\n"), ("sub.txt", "sub\n"), ("two.txt", "two\n"), ("empty", ""),
        ("umlaut-ä", "x"), ("not-a.tar", "no tar\n"), ("dir/a", "a\n"), ("dir/b", "b\n"), ("dir/inner/c", "c\n"),
        ("dir/inner/.hidden", "h\n"), ("exec", "#!/bin/sh\n"), ("hard/one", "1\n"), ("node_modules/x", "x"),
    ):  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    (folder / "emptydir").mkdir()
    (folder / "exec").chmod(0o755)
    (folder / "dir/b").chmod(0o640)
    (folder / "dir/inner").chmod(0o700)
    os.link(folder / "hard/one", folder / "hard/two")
    (folder / "link").symlink_to("file")
    (folder / "linkdir").symlink_to("dir")
    (folder / "hard/dangling").symlink_to("nowhere")
    _archives(folder)
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, (OLD, OLD), follow_symlinks=False)


def _archives(folder: Path) -> None:
    (folder / "tars").mkdir()
    for name, members in ARCHIVES.items():
        with tarfile.open(folder / f"tars/{name}.tar", mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path, kind, text in members:
                info = tarfile.TarInfo(path)
                info.type, info.mode, info.mtime = kind, 0o711, OLD
                if kind == tarfile.REGTYPE:
                    info.size = len(text)
                else:
                    info.linkname = text
                tar.addfile(info, io.BytesIO(text.encode()))
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, kind, mode, owner in (
            ("t", tarfile.DIRTYPE, 0o750, 5), ("t/f", tarfile.REGTYPE, 0o4711, 70000), ("t/s", tarfile.SYMTYPE, 0o777, 0),
            ("t/h", tarfile.LNKTYPE, 0o4711, 70000),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid, info.gid, info.mtime = kind, mode, owner, owner, OLD
            info.linkname = {"t/s": "f", "t/h": "t/f"}.get(name, "")
            if kind == tarfile.REGTYPE:
                info.size = 3
                tar.addfile(info, io.BytesIO(b"tar"))
            else:
                tar.addfile(info)
    (folder / "plain.tar").write_bytes(data.getvalue())
    (folder / "packed.tar.gz").write_bytes(gzip.compress(data.getvalue()))
    (folder / "packed.tar.bz2").write_bytes(bz2.compress(data.getvalue()))
    (folder / "packed.tar.xz").write_bytes(lzma.compress(data.getvalue()))
