"""``cp``: files in and out of a container's file system, by Docker's rules.

A running container, and one that is written to, is touched only by a child process that has the
container's root as its own: whatever symlinks are there, and whatever the container does to them meanwhile,
nothing leads out.  One that does not run is read as its layers, with nothing mounted or copied.
"""

from __future__ import annotations

import io
import os
import shutil

from wherry import linux
from wherry.containers.state import held_still
from wherry.errors import ConflictError, ContextError, NotFoundError, in_words
from wherry.images.view import layer_paths
from wherry.layers.entry import Entry
from wherry.layers.tarread import TarReader
from wherry.layers.unpack import Unpacker
from wherry.layers.view import View
from wherry.layers.viewtar import write_tar
from wherry.sandbox.choose import choose
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from wherry.store import ContainerRecord, Store

GONE = 3
NOT_FOLDER = 4


def copy_out(store: Store, record: ContainerRecord, path: str, out: IO[bytes], *, follow: bool) -> None:
    """Write a file or folder of the container to `out` as a tar whose names begin with its base name."""

    def act(view: View, sink: IO[bytes]) -> None:
        write_tar(view, path, sink, follow=follow)

    _reading(store, record, act, out, path)


def copy_in(store: Store, record: ContainerRecord, source: Callable[[IO[bytes]], None], path: str) -> None:
    """Unpack the tar that `source` writes into the folder `path` of the container."""

    def act(reader: int) -> None:
        if not os.path.isdir(path):
            os._exit(NOT_FOLDER if os.path.lexists(path) else GONE)
        with open(reader, "rb") as stream:
            unpack_into(stream, os.path.realpath(path), follow=True)

    def pump(writer: int) -> None:
        with open(writer, "wb") as sink:
            source(sink)

    _writing(store, record, act, pump, path)


def status_inside(store: Store, record: ContainerRecord, path: str) -> str:
    """What `path` is in the container: "folder", "file" or "absent"; symlinks are followed inside."""

    def act(view: View, sink: IO[bytes]) -> None:
        node = view.find(path)
        sink.write(b"absent" if node is None else b"folder" if node.is_folder else b"file")

    answer = io.BytesIO()
    _reading(store, record, act, answer, path)
    return answer.getvalue().decode()


def unpack_into(
    stream: IO[bytes],
    folder: str,
    *,
    rename: tuple[str, str] | None = None,
    owner: tuple[int, int] | None = None,
    follow: bool = False,
) -> None:
    """Unpack a tar into a folder that may have files already.

    `rename` (old, new) gives the first part of each name another name; `owner` replaces all owners.  With
    `follow` symlinks in the folder are followed, as the caller's root has them; else they are refused.
    """

    def real(path: str) -> str:
        return os.path.relpath("/" + View(["/"]).followed(os.path.join(folder, path)), folder)

    reader = TarReader(stream)
    unpacker = Unpacker(folder, "archive", markers=False, follow=real if follow else None)
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


def export(store: Store, record: ContainerRecord, out: IO[bytes]) -> None:
    """Write the container's file system as a tar: its image's files and what it changed, without what is
    mounted in it.  Raises NotFoundError where it is removed meanwhile."""
    view = choose(store.runtime).snapshots.view(_layers(store, record), store.containers.dir(record.id))
    try:
        write_tar(view, "/", out, follow=False)
    except FileNotFoundError:
        raise _absent(store, record, "/") from None
    _must_be_there(store, record)


def _renamed(name: bytes, rename: tuple[str, str]) -> bytes:
    first, slash, rest = name.partition(b"/")
    return os.fsencode(rename[1]) + slash + rest if first == os.fsencode(rename[0]) else name


def _reading(
    store: Store, record: ContainerRecord, act: Callable[[View, IO[bytes]], None], out: IO[bytes], path: str
) -> None:
    """Let `act` read the container: as layers while it does not run, else from its own namespaces."""
    if not _runs(record):
        choice = choose(store.runtime)
        try:
            act(choice.snapshots.view(_layers(store, record), store.containers.dir(record.id)), out)
        except FileNotFoundError:
            raise _absent(store, record, path) from None
        _must_be_there(store, record)  # else what was read may be the image's
        return

    def inside(writer: int) -> None:
        with open(writer, "wb") as sink:
            act(View(["/"]), sink)

    def pump(reader: int) -> None:
        with open(reader, "rb") as source:
            shutil.copyfileobj(source, out, 1 << 18)

    _child(store, lambda: _enter_running(record), inside, pump, path, record, reading=True)


def _writing(
    store: Store,
    record: ContainerRecord,
    act: Callable[[int], None],
    pump: Callable[[int], None],
    path: str,
) -> None:
    """Run `act` in a child whose root is the container's; `pump` has the other end of its pipe here."""
    if _runs(record):
        _child(store, lambda: _enter_running(record), act, pump, path, record, reading=False)
        return
    choice = choose(store.runtime)
    with held_still(store, record):
        _must_be_there(store, record)
        snapshot = choice.snapshots.open(_layers(store, record), store.containers.dir(record.id))
        try:
            _child(store, lambda: os.chroot(snapshot.root), act, pump, path, record, reading=False)
        finally:
            snapshot.close()


def _runs(record: ContainerRecord) -> bool:
    return record.status == "running" and bool(record.pid)


def _layers(store: Store, record: ContainerRecord) -> list[str]:
    return layer_paths(store, record.config.layers, f"container {record.name}")


def _must_be_there(store: Store, record: ContainerRecord) -> None:
    """Raises NotFoundError for a container that was removed meanwhile."""
    if not os.path.isdir(store.containers.dir(record.id)):
        raise NotFoundError(f"No such container: {record.name}")


def _absent(store: Store, record: ContainerRecord, path: str) -> NotFoundError:
    _must_be_there(store, record)
    return NotFoundError(f"Could not find the file {path} in container {record.name}")


def _enter_running(record: ContainerRecord) -> None:
    """The namespaces of a running container; its user namespace too where it is not ours."""
    try:
        _enter_namespaces(record.pid)
    except OSError as error:
        # A plain user had to choose a user namespace before it was known whether the container runs.
        raise ConflictError("it was started or ended meanwhile; try it again") from error


def _enter_namespaces(pid: int) -> None:
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
    store: Store,
    enter: Callable[[], None],
    act: Callable[[int], None],
    pump: Callable[[int], None],
    path: str,
    record: ContainerRecord,
    *,
    reading: bool,
) -> None:
    reader, writer = os.pipe()
    own_end, child_end = (reader, writer) if reading else (writer, reader)
    errors, complain = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(own_end)
            os.close(errors)
            enter()
            os.chdir("/")
            act(child_end)
            code = 0
        except FileNotFoundError:
            code = GONE
        except BaseException as error:
            os.write(complain, in_words(error).encode("utf-8", "backslashreplace"))
        finally:
            os._exit(code)
    os.close(child_end)
    os.close(complain)
    try:
        pump(own_end)
    except BrokenPipeError:
        pass
    with open(errors, "rb") as file:
        message = file.read().decode("utf-8", "replace")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == GONE:
        raise _absent(store, record, path)
    if code == NOT_FOLDER:
        raise ContextError(f"{path} in container {record.name} is not a directory")
    if code:
        raise ContextError(f"copying {path} of container {record.name}: {message or f'exit code {code}'}")
