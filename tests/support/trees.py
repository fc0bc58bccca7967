"""Trees of files with everything that a layer can hold, and what two trees have in common."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any


def snapshot(top: Path | str) -> dict[bytes, tuple[Any, ...]]:
    """Every file below a folder by its name, and all that can be known of it."""
    root = os.fsencode(top)
    found: dict[bytes, tuple[Any, ...]] = {}
    inodes: dict[int, bytes] = {}
    for folder, folders, files in os.walk(root):
        for name in sorted([*folders, *files]):
            path = os.path.join(folder, name)
            status = os.lstat(path)
            short = os.path.relpath(path, root)
            first = inodes.setdefault(status.st_ino, short) if not stat.S_ISDIR(status.st_mode) else b""
            content = target = b""
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
            elif stat.S_ISLNK(status.st_mode):
                target = os.readlink(path)
            xattrs = tuple(
                (key, os.getxattr(path, key, follow_symlinks=False))
                for key in sorted(os.listxattr(path, follow_symlinks=False))
                if not key.startswith("trusted.overlay")
            )
            found[short] = (
                status.st_mode,
                status.st_uid,
                status.st_gid,
                0 if stat.S_ISDIR(status.st_mode) else status.st_size,
                status.st_rdev if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode) else 0,
                first,
                int(status.st_mtime),
                target,
                xattrs,
                content,
            )
    return found


def full_tree(top: Path) -> Path:
    """A tree with every kind of file and every awkward name.  Needs root."""
    top.mkdir()
    (top / "empty").mkdir()
    (top / "dir/sub").mkdir(parents=True)
    (top / "dir/file").write_bytes(b"x" * 1000)
    (top / "zero").write_bytes(b"")
    (top / "setuid").write_bytes(b"s")
    os.chown(top / "setuid", 70000, 3_000_000)
    os.chmod(top / "setuid", 0o6755)
    os.chmod(top / "dir", 0o1777)
    os.chown(top / "dir/sub", 2_097_152, 4_294_967_294)
    os.link(top / "dir/file", top / "hard")
    os.symlink("dir/file", top / "link")
    os.symlink("/absolute/" + "t" * 150, top / "long-link")
    os.symlink(b"\xff\xfe", os.fsencode(top / "odd-link"))
    os.mkfifo(top / "fifo")
    os.mknod(top / "char", stat.S_IFCHR | 0o620, os.makedev(1, 3))
    os.mknod(top / "block", stat.S_IFBLK | 0o660, os.makedev(7, 300))
    with open(top / "sparse", "wb") as file:
        file.truncate(3_000_000)
        file.seek(1_000_000)
        file.write(b"data")
    (top / ("n" * 200)).write_text("long")
    deep = top / "/".join(["d" * 60] * 6)
    deep.mkdir(parents=True)
    (deep / "end").write_text("deep")
    with open(os.path.join(os.fsencode(top), b"non-utf8-\xff\xfe"), "wb") as raw:
        raw.write(b"raw")
    (top / "with\nnewline and = sign").write_text("n")
    os.setxattr(top / "zero", "user.note", b"\x00\xffvalue")
    # cap_net_raw+ep, version 2 of the format: linux/capability.h
    capability = bytes.fromhex("0100000200200000000000000000000000000000")
    os.setxattr(top / "hard", "security.capability", capability)
    os.utime(top / "zero", (1, -5))
    os.utime(top / "link", (1, 1_000_000_000), follow_symlinks=False)
    os.utime(deep, (1, 5_000_000_000))
    os.utime(top / "dir", (1, 1234))
    return top
