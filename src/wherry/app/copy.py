"""``cp``: what it means where source and target are files, folders, or not there, by Docker's rules."""

from __future__ import annotations

import os
import posixpath

from wherry.containers.copy import copy_in, copy_out, status_inside, unpack_into
from wherry.containers.state import lookup
from wherry.errors import ContextError, NotFoundError
from wherry.layers.viewtar import gives_contents
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import IO

    from wherry.store import ContainerRecord, Store


class CopySpec(NamedTuple):
    """`inside` is a path in a container, `outside` one on the host; both absolute, with the ``/`` or ``/.``
    that they were written with at the end.  `shown` is `outside` as errors name it, as people wrote it.

    `follow` a link that is the source; `archive` keeps owners, which are else the caller's, or root inside.
    """

    container: str
    inside: str
    outside: str = ""
    shown: str = ""
    follow: bool = False
    archive: bool = False


def stream_out(store: Store, spec: CopySpec, out: IO[bytes]) -> None:
    """Write what is `inside` as a tar."""
    copy_out(store, lookup(store, spec.container), spec.inside, out, follow=spec.follow)


def stream_in(store: Store, spec: CopySpec, source: IO[bytes]) -> None:
    """Unpack a tar into the folder `inside`."""
    copy_in(store, lookup(store, spec.container), lambda sink: _pour(source, sink), spec.inside)


def copy_from(store: Store, spec: CopySpec) -> None:
    """From a container to the host."""
    record = lookup(store, spec.container)
    path, dest, shown = spec.inside, spec.outside, spec.shown or spec.outside
    folder, name = os.path.split(dest.rstrip("/"))
    if os.path.isdir(dest):
        folder, name = dest, ""
    elif dest.endswith("/") and status_inside(store, record, path) != "folder":
        raise NotFoundError(f"destination directory {shown} does not exist", hint=f"mkdir {shown}")
    elif not os.path.isdir(folder or "/"):
        above = os.path.dirname(shown.rstrip("/"))
        raise NotFoundError(f"destination directory {above} does not exist", hint=f"mkdir -p {above}")
    with _spool() as spool:
        copy_out(store, record, path, spool, follow=spec.follow)
        spool.seek(0)
        if name and gives_contents(path):
            if os.path.lexists(dest):
                raise ContextError(f"cannot copy a directory over the file {shown}")
            os.mkdir(dest)
            folder, name = dest, ""
        if name and os.path.lexists(dest) and status_inside(store, record, path) == "folder":
            raise ContextError(f"cannot copy a directory over the file {shown}")
        rename = (posixpath.basename(path.rstrip("/")), name) if name else None
        owner = None if spec.archive else (os.getuid(), os.getgid())
        unpack_into(spool, folder or "/", rename=rename, owner=owner)


def copy_into(store: Store, spec: CopySpec) -> None:
    """From the host into a container."""
    from wherry.layers.view import View
    from wherry.layers.viewtar import write_tar

    record = lookup(store, spec.container)
    if not os.path.lexists(spec.outside):
        raise NotFoundError(f"lstat {spec.shown or spec.outside}: no such file or directory")
    folder, name = _target(store, record, spec)
    with _spool() as first, _spool() as spool:
        # The names that the container gets are those of a tar made here; so are the owners.
        base = name or posixpath.basename(os.path.normpath(spec.outside))
        write_tar(View(["/"]), spec.outside, first, follow=spec.follow, name=base)
        first.seek(0)
        prefix = name if gives_contents(spec.outside) and name else ""
        _owned(first, spool, prefix=prefix, keep=spec.archive)
        spool.seek(0)
        copy_in(store, record, lambda sink: _pour(spool, sink), folder or "/")


def _target(store: Store, record: ContainerRecord, spec: CopySpec) -> tuple[str, str]:
    """The folder inside, and the name that the source gets there; "" for its own."""
    dest, is_folder = spec.inside, os.path.isdir(spec.outside)
    kind = status_inside(store, record, dest)
    if kind == "file" and is_folder:
        raise ContextError(f"cannot copy a directory over the file {dest}")
    if kind == "folder":
        return dest, ""
    if kind == "absent" and dest.endswith("/") and not is_folder:
        raise NotFoundError(f"destination directory {dest} does not exist in container {record.name}")
    return posixpath.split(dest.rstrip("/"))


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
