"""``wherry cp``."""

from __future__ import annotations

import os
import posixpath
import sys

from wherry.cli.core.flags import Command, Flag, Options
from wherry.errors import ContextError, NeedsNamespace, NotFoundError, UsageError
from wherry.runtime import PLAIN
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

    from wherry.store import ContainerRecord, Store

COMMAND = Command(
    "cp",
    "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n\twherry cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
    (
        Flag("archive", "bool", "Archive mode (copy all uid/gid information)", short="a"),
        Flag("follow-link", "bool", "Always follow symbol link in SRC_PATH", short="L"),
        Flag("quiet", "bool", "Accepted for docker's sake: nothing is printed", short="q"),
    ),
    min_args=2,
    max_args=2,
)


def run(options: Options) -> int:
    from wherry.containers.state import lookup
    from wherry.store import Store

    source, target = (_split(word) for word in options.args)
    if (source[0] is None) == (target[0] is None):
        raise UsageError(
            "copying between containers is not supported" if source[0] else "must specify a container",
            hint="wherry cp CONTAINER:PATH PATH, or the other way round",
        )
    name = source[0] or target[0] or ""
    _enter(name, options)
    store = Store.open(options.runtime)
    record = lookup(store, name)
    if source[0] is not None:
        _out(store, record, source[1], target[1], options)
    else:
        _in(store, record, source[1], target[1], options)
    return 0


def _enter(name: str, options: Options) -> None:
    """A plain user's namespace, if one is needed: that of the container, while it runs."""
    from wherry.containers.state import find
    from wherry.store import Store

    if options.runtime.identity != PLAIN:
        return
    store = Store.open(options.runtime)
    record = find(store, name)
    store.database.close()
    if record is not None and record.status == "running" and record.pid:
        raise NeedsNamespace(record.pid)
    raise NeedsNamespace


def _split(word: str) -> tuple[str | None, str]:
    """``container:path``; a path on this side begins with ``/``, ``./`` or has no colon."""
    name, colon, path = word.partition(":")
    if word == "-" or word.startswith((".", "/")) or not colon:
        return None, word
    return name, path if path.startswith("/") else "/" + path


def _out(store: Store, record: ContainerRecord, path: str, dest: str, options: Options) -> None:
    from wherry.containers.copy import copy_out, unpack_into
    from wherry.layers.viewtar import gives_contents

    follow = options.flag("follow-link")
    if dest == "-":
        copy_out(store, record, path, sys.stdout.buffer, follow=follow)
        return
    folder, name = os.path.split(dest.rstrip("/"))
    if os.path.isdir(dest):
        folder, name = dest, ""
    elif dest.endswith("/") and _kind(store, record, path) != "folder":
        raise NotFoundError(f"destination directory {dest} does not exist", hint=f"mkdir {dest}")
    elif not os.path.isdir(folder or "."):
        raise NotFoundError(f"destination directory {folder} does not exist", hint=f"mkdir -p {folder}")
    with _spool() as spool:
        copy_out(store, record, path, spool, follow=follow)
        spool.seek(0)
        contents = gives_contents(path)
        if name and contents:
            if os.path.lexists(dest):
                raise ContextError(f"cannot copy a directory over the file {dest}")
            os.mkdir(dest)
            folder, name = dest, ""
        if name and os.path.lexists(dest) and _kind(store, record, path) == "folder":
            raise ContextError(f"cannot copy a directory over the file {dest}")
        rename = (posixpath.basename(path.rstrip("/")), name) if name else None
        owner = None if options.flag("archive") else (os.getuid(), os.getgid())
        unpack_into(spool, folder or ".", rename=rename, owner=owner)


def _kind(store: Store, record: ContainerRecord, path: str) -> str:
    from wherry.containers.copy import status_inside

    return status_inside(store, record, path)


def _in(store: Store, record: ContainerRecord, path: str, dest: str, options: Options) -> None:
    from wherry.containers.copy import copy_in
    from wherry.layers.view import View
    from wherry.layers.viewtar import gives_contents, write_tar

    if path == "-":
        copy_in(store, record, lambda sink: _pour(sys.stdin.buffer, sink), dest)
        return
    if not os.path.lexists(path):
        raise NotFoundError(f"lstat {path}: no such file or directory")
    kind = _kind(store, record, dest)
    is_folder = os.path.isdir(path)
    folder, name = dest, ""
    contents = gives_contents(path)
    if kind == "file" and is_folder:
        raise ContextError(f"cannot copy a directory over the file {dest}")
    if kind != "folder":
        if kind == "absent" and dest.endswith("/") and not is_folder:
            raise NotFoundError(f"destination directory {dest} does not exist in container {record.name}")
        folder, name = posixpath.split(dest.rstrip("/"))
    with _spool() as first, _spool() as spool:
        # The names that the container gets are those of a tar made here; so are the owners.
        base = name or posixpath.basename(os.path.abspath(path))
        write_tar(View(["/"]), _absolute(path), first, follow=options.flag("follow-link"), name=base)
        first.seek(0)
        _owned(first, spool, prefix=name if contents and name else "", keep=options.flag("archive"))
        spool.seek(0)
        copy_in(store, record, lambda sink: _pour(spool, sink), folder or "/")


def _absolute(path: str) -> str:
    """From the root, with a ``/.`` at the end kept: it means something."""
    return os.path.join(os.getcwd(), path)


def _owned(source: IO[bytes], out: IO[bytes], *, prefix: str, keep: bool) -> None:
    """The same tar with root as the owner, below a folder `prefix` if there is one."""
    from wherry.layers.entry import FOLDER, Entry
    from wherry.layers.tarread import TarReader
    from wherry.layers.tarwrite import END, header, padding

    if prefix:
        out.write(header(Entry(os.fsencode(prefix), FOLDER, 0o755)))
    reader = TarReader(source)
    for member in reader:
        entry = member.entry if keep else member.entry._replace(uid=0, gid=0)
        name = entry.name.rstrip(b"/")
        if prefix:
            name = os.fsencode(prefix) + b"/" + name
        out.write(header(entry._replace(name=name)))
        for piece in reader.data():
            out.write(piece)
        out.write(padding(entry.size))
    out.write(END)


def _pour(source: IO[bytes], sink: IO[bytes]) -> None:
    while data := source.read(1 << 18):
        sink.write(data)


def _spool() -> IO[bytes]:
    import tempfile

    return tempfile.TemporaryFile()
