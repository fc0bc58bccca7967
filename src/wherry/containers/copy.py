"""``cp``: files in and out of a container's file system, by Docker's rules.

The container's side is touched only by a child process that has the container's root as its own: whatever
symlinks are there, and whatever a running container does to them meanwhile, nothing leads out.
"""

from __future__ import annotations

import os
import posixpath
import stat
from typing import IO, TYPE_CHECKING

from wherry import linux
from wherry.errors import ContextError, NotFoundError, WherryError
from wherry.layers.entry import FILE, Entry
from wherry.layers.pack import contents
from wherry.layers.tarread import TarReader
from wherry.layers.tarwrite import END, header, padding
from wherry.layers.tree import entry_of, walk
from wherry.layers.unpack import Unpacker

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.store import ContainerRecord, Store

GONE = 3
NOT_FOLDER = 4


def copy_out(store: Store, record: ContainerRecord, path: str, out: IO[bytes], *, follow: bool) -> None:
    """Write a file or folder of the container to `out` as a tar whose names begin with its base name."""

    def act(writer: int) -> None:
        with open(writer, "wb") as sink:
            write_tar(path, sink, follow=follow)

    def pump(reader: int) -> None:
        with open(reader, "rb") as source:
            while data := source.read(1 << 18):
                out.write(data)

    _inside(store, record, act, pump, path, reading=True)


def copy_in(store: Store, record: ContainerRecord, source: Callable[[IO[bytes]], None], path: str) -> None:
    """Unpack the tar that `source` writes into the folder `path` of the container."""

    def act(reader: int) -> None:
        if not os.path.isdir(path):
            os._exit(NOT_FOLDER if os.path.lexists(path) else GONE)
        with open(reader, "rb") as stream:
            unpack_into(stream, os.path.realpath(path))

    def pump(writer: int) -> None:
        with open(writer, "wb") as sink:
            source(sink)

    _inside(store, record, act, pump, path, reading=False)


def status_inside(store: Store, record: ContainerRecord, path: str) -> str:
    """What `path` is in the container: "folder", "file" or "absent"; symlinks are followed inside."""
    answer: list[bytes] = []

    def act(writer: int) -> None:
        kind = b"folder" if os.path.isdir(path) else b"file" if os.path.lexists(path) else b"absent"
        os.write(writer, kind)

    _inside(store, record, act, lambda reader: answer.append(os.read(reader, 16)), path, reading=True)
    return answer[0].decode()


def write_tar(path: str, out: IO[bytes], *, follow: bool, name: str | None = None) -> None:
    """The tar of a file or a whole folder; a path that ends with ``/.`` gives what is in the folder."""
    contents_only = path.rstrip("/").endswith("/.") or path == "."
    target = os.path.realpath(path) if follow or contents_only else path.rstrip("/") or "/"
    status = os.lstat(target)
    base = "" if contents_only or target == "/" else name or posixpath.basename(target)
    if not stat.S_ISDIR(status.st_mode):
        entry = entry_of(os.fsencode(base), os.fsencode(target), status, {})
        if entry is not None:
            _put(entry, os.fsencode(target), out)
    else:
        prefix = os.fsencode(base)
        top = entry_of(prefix, os.fsencode(target), status, {})
        if prefix and top is not None:
            _put(top, os.fsencode(target), out)
        for item in walk(target):
            if item.path is not None and item.entry.name:
                full = prefix + b"/" + item.entry.name if prefix else item.entry.name
                link = item.entry.target
                if item.entry.type == b"1":
                    link = prefix + b"/" + link if prefix else link
                _put(item.entry._replace(name=full, target=link), item.path, out)
    out.write(END)


def _put(entry: Entry, path: bytes, out: IO[bytes]) -> None:
    out.write(header(entry))
    if entry.type == FILE and entry.size:
        for piece in contents(path, entry):
            out.write(piece)
        out.write(padding(entry.size))


def unpack_into(
    stream: IO[bytes],
    folder: str,
    *,
    rename: tuple[str, str] | None = None,
    owner: tuple[int, int] | None = None,
) -> None:
    """Unpack a tar into a folder that may have files already.

    `rename` (old, new) gives the first part of each name another name; `owner` replaces all owners.
    """
    reader = TarReader(stream)
    unpacker = Unpacker(folder, "archive", markers=False)
    for member in reader:
        entry = member.entry
        if rename is not None:
            entry = entry._replace(name=_renamed(entry.name, rename), target=_link(entry, rename))
        if owner is not None:
            entry = entry._replace(uid=owner[0], gid=owner[1])
        unpacker.add(member._replace(entry=entry), reader.data())
    unpacker.finish()


def _link(entry: Entry, rename: tuple[str, str]) -> bytes:
    return _renamed(entry.target, rename) if entry.type == b"1" else entry.target


def _renamed(name: bytes, rename: tuple[str, str]) -> bytes:
    first, slash, rest = name.partition(b"/")
    return os.fsencode(rename[1]) + slash + rest if first == os.fsencode(rename[0]) else name


def _inside(
    store: Store,
    record: ContainerRecord,
    act: Callable[[int], None],
    pump: Callable[[int], None],
    path: str,
    *,
    reading: bool,
) -> None:
    """Run `act` in a child whose root is the container's; `pump` has the other end of its pipe here.

    Raises NotFoundError, ContextError for what the child found.
    """
    if record.status == "running" and record.pid:
        _child(lambda: _enter_running(record.pid), act, pump, path, record, reading=reading)
        return
    from wherry.sandbox.choose import choose

    choice = choose()
    layers = [store.layers.link(diff_id) for diff_id in record.config["layers"]]
    snapshot = choice.snapshots.open(layers, store.containers.dir(record.id))
    try:
        _child(lambda: os.chroot(snapshot.root), act, pump, path, record, reading=reading)
    finally:
        snapshot.close()


def _enter_running(pid: int) -> None:
    """The namespaces of a running container; its user namespace too where it is not ours."""
    user = f"/proc/{pid}/ns/user"
    if os.stat(user).st_ino != os.stat("/proc/self/ns/user").st_ino:
        file = os.open(user, os.O_RDONLY)
        mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
        linux.setns(file, linux.CLONE_NEWUSER)
        linux.setns(mounts, linux.CLONE_NEWNS)
        return
    mounts = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY)
    root = os.open(f"/proc/{pid}/root", os.O_RDONLY)
    if os.stat(f"/proc/{pid}/ns/mnt").st_ino != os.stat("/proc/self/ns/mnt").st_ino:
        linux.setns(mounts, linux.CLONE_NEWNS)
    os.fchdir(root)
    os.chroot(".")


def _child(
    enter: Callable[[], None],
    act: Callable[[int], None],
    pump: Callable[[int], None],
    path: str,
    record: ContainerRecord,
    *,
    reading: bool,
) -> None:
    reader, writer = os.pipe()
    mine, theirs = (reader, writer) if reading else (writer, reader)
    errors, complain = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(mine)
            os.close(errors)
            enter()
            os.chdir("/")
            act(theirs)
            code = 0
        except FileNotFoundError:
            code = GONE
        except WherryError as error:
            os.write(complain, error.message.encode("utf-8", "surrogateescape"))
        except BaseException as error:
            os.write(complain, str(error).encode("utf-8", "replace"))
        finally:
            os._exit(code)
    os.close(theirs)
    os.close(complain)
    try:
        pump(mine)
    except BrokenPipeError:
        pass
    with open(errors, "rb") as file:
        said = file.read().decode("utf-8", "replace")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == GONE:
        raise NotFoundError(f"Could not find the file {path} in container {record.name}")
    if code == NOT_FOLDER:
        raise ContextError(f"{path} in container {record.name} is not a directory")
    if code:
        raise ContextError(f"copying {path} of container {record.name}: {said or f'exit code {code}'}")
