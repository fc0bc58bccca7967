"""``cp``: what it means where source and target are files, folders, or not there, by Docker's rules."""

from __future__ import annotations

import os
import posixpath

from wherry.containers.copy import PathInside, copy_in, copy_out, status_inside, unpack_into
from wherry.containers.state import lookup
from wherry.errors import ContextError, NotFoundError
from wherry.layers.viewtar import gives_contents
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import IO

    from wherry.layers.tarread import Reader
    from wherry.store import Store


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
    """Unpack a tar, compressed or not, into the folder `inside`."""
    from wherry.layers.compress import decompressed

    record = lookup(store, spec.container)
    copy_in(store, record, lambda sink: _pour(decompressed(source), sink), spec.inside)


def copy_from(store: Store, spec: CopySpec) -> None:
    """From a container to the host."""
    record = lookup(store, spec.container)
    source = status_inside(store, record, spec.inside, follow_last=_follows(spec.inside, spec.follow))
    if source.kind == "absent":
        raise NotFoundError(f"Could not find the file {spec.inside} in container {record.name}")
    folder, name = _target(_local(spec), spec.outside, spec.shown or spec.outside, source.kind == "folder")
    with _spool() as spool:
        copy_out(store, record, spec.inside, spool, follow=spec.follow, name=name or None)
        spool.seek(0)
        owner = None if spec.archive else (os.getuid(), os.getgid())
        unpack_into(spool, folder, owner=owner)


def copy_into(store: Store, spec: CopySpec) -> None:
    """From the host into a container."""
    from wherry.layers.view import View
    from wherry.layers.viewtar import write_tar

    record = lookup(store, spec.container)
    source = View(["/"]).find(spec.outside, follow_last=_follows(spec.outside, spec.follow))
    if source is None:
        raise NotFoundError(f"lstat {spec.shown or spec.outside}: no such file or directory")
    status = status_inside(store, record, spec.inside)
    folder, name = _target(status, spec.inside, spec.inside, source.is_folder)
    with _spool() as first, _spool() as spool:
        # The names that the container gets are those of a tar made here; so are the owners.
        write_tar(View(["/"]), spec.outside, first, follow=spec.follow, name=name or None)
        first.seek(0)
        _owned(first, spool, keep=spec.archive)
        spool.seek(0)
        copy_in(store, record, lambda sink: _pour(spool, sink), folder)


def _follows(path: str, follow: bool) -> bool:
    """Whether a link at the end of a source's path is followed."""
    return follow or path.endswith("/") or gives_contents(path)


def _target(found: PathInside, dest: str, shown: str, is_folder: bool) -> tuple[str, str]:
    """The folder into which a source goes, and the name that it gets there; "" for its own.

    As docker's PrepareArchiveCopy: links of the destination are followed, also where they lead to nothing.
    """
    if found.kind == "folder":
        return found.path, ""
    if found.kind != "absent" and is_folder:
        raise ContextError(f"cannot copy a directory over the file {shown}")
    if dest.endswith(("/", "/.")) and not is_folder:
        raise NotFoundError(
            f"destination directory {shown} does not exist", hint="leave the slash at its end out"
        )
    folder, name = posixpath.split(found.path)
    return folder, name


def _local(spec: CopySpec) -> PathInside:
    """What the destination on the host is.  Raises NotFoundError where no folder is there to hold it."""
    path, shown = os.path.realpath(spec.outside), spec.shown or spec.outside
    if os.path.isdir(path):
        return PathInside("folder", path)
    if os.path.lexists(path):
        return PathInside("file", path)
    above = os.path.dirname(path)
    if not os.path.isdir(above):
        raise NotFoundError(f"destination directory of {shown} does not exist", hint=f"mkdir -p {above}")
    return PathInside("absent", path)


def _owned(source: IO[bytes], out: IO[bytes], *, keep: bool) -> None:
    """The same tar with root as the owner."""
    from wherry.layers.tarread import TarReader
    from wherry.layers.tarwrite import END, header, padding

    reader = TarReader(source)
    for member in reader:
        entry = member.entry if keep else member.entry._replace(uid=0, gid=0)
        out.write(header(entry))
        for piece in reader.data():
            out.write(piece)
        out.write(padding(entry.size))
    out.write(END)


def _pour(source: Reader, sink: IO[bytes]) -> None:
    while data := source.read(1 << 18):
        sink.write(data)


def _spool() -> IO[bytes]:
    import tempfile

    return tempfile.TemporaryFile()
