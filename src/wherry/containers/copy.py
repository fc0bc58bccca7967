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
from wherry.containers.volumes import container_mounts, view_with_mounts
from wherry.errors import ConflictError, ContextError, NotFoundError, WherryError, in_words
from wherry.images.view import layer_paths
from wherry.layers.tarread import TarReader
from wherry.layers.unpack import Unpacker
from wherry.layers.view import View
from wherry.layers.viewtar import write_tar
from wherry.sandbox.choose import choose
from wherry.sandbox.chrootmounts import mount_bind
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import IO

    from wherry.sandbox.process import Mount
    from wherry.store import ContainerRecord, Store

GONE = 3
NOT_FOLDER = 4


class PathInside(NamedTuple):
    """What a path of a container is: "folder", "file", "link" or "absent"; `path` is absolute, without the
    symlinks that were followed."""

    kind: str
    path: str


def copy_out(
    store: Store,
    record: ContainerRecord,
    path: str,
    out: IO[bytes],
    *,
    follow: bool,
    name: str | None = None,
) -> None:
    """Write a file or folder of the container to `out` as a tar whose names begin with `name`, or with its
    base name."""

    def act(view: View, sink: IO[bytes]) -> None:
        write_tar(view, path, sink, follow=follow, name=name)

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


def status_inside(
    store: Store, record: ContainerRecord, path: str, *, follow_last: bool = True
) -> PathInside:
    """What `path` is in the container.  Symlinks are followed inside, the last one with `follow_last`."""

    def act(view: View, sink: IO[bytes]) -> None:
        node = view.find(path, follow_last=follow_last)
        if node is None:
            kind, real = "absent", view.resolve(path)
        else:
            kind = "folder" if node.is_folder else "link" if node.is_symlink else "file"
            real = node.name
        sink.write(os.fsencode(f"{kind} /{real}"))

    answer = io.BytesIO()
    _reading(store, record, act, answer, path)
    kind, _, real = os.fsdecode(answer.getvalue()).partition(" ")
    return PathInside(kind, real)


def unpack_into(
    stream: IO[bytes],
    folder: str,
    *,
    owner: tuple[int, int] | None = None,
    follow: bool = False,
) -> None:
    """Unpack a tar into a folder that may have files already.

    `owner` replaces all owners.  With `follow` symlinks in the folder are followed, as the caller's root
    has them; else they are refused.  Raises ContextError where a folder would have to give way to a
    file, or a file to a folder.
    """

    def real(path: str) -> str:
        return os.path.relpath("/" + View(["/"]).followed(os.path.join(folder, path)), folder)

    reader = TarReader(stream)
    unpacker = Unpacker(folder, "archive", markers=False, follow=real if follow else None, keep_kinds=True)
    for member in reader:
        entry = member.entry
        if owner is not None:
            entry = entry._replace(uid=owner[0], gid=owner[1])
        unpacker.add(member._replace(entry=entry), reader.data())
    unpacker.finish()


def export(store: Store, record: ContainerRecord, out: IO[bytes]) -> None:
    """Write the container's file system as a tar: its image's files and what it changed, without what is
    mounted in it.  Raises NotFoundError where it is removed meanwhile."""
    view = choose(store.runtime).snapshots.view(_layers(store, record), store.containers.dir(record.id))
    try:
        write_tar(view, "/", out, follow=False)
    except FileNotFoundError:
        raise _absent(store, record, "/") from None
    _must_be_there(store, record)


def _reading(
    store: Store, record: ContainerRecord, act: Callable[[View, IO[bytes]], None], out: IO[bytes], path: str
) -> None:
    """Let `act` read the container: as layers while it does not run, else from its own namespaces."""
    if not _runs(record):
        choice = choose(store.runtime)
        try:
            view = choice.snapshots.view(_layers(store, record), store.containers.dir(record.id))
            act(view_with_mounts(store, record.id, record.config, view), out)
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
            mounts = container_mounts(store, record.id, record.config, snapshot.root)
            _must_be_writable(record, View([snapshot.root]), path)
            _child(
                store, lambda: _enter_stopped(snapshot.root, mounts), act, pump, path, record, reading=False
            )
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


def _must_be_writable(record: ContainerRecord, root: View, path: str) -> None:
    """Raises ConflictError for a place in a volume, or a root file system, that is read-only."""
    readonly, what = record.config.read_only, "container rootfs"
    place = f"/{root.resolve(path)}/"
    for mount in sorted(record.config.volumes, key=lambda volume: volume.target.count("/")):
        if place.startswith(f"/{root.resolve(mount.target)}/"):
            readonly, what = mount.readonly, "mounted volume"
    if readonly:
        raise ConflictError(f"{what} is marked read-only")


def _enter_stopped(root: str, mounts: Sequence[Mount]) -> None:
    """The root of a container that does not run, with what is mounted in it."""
    if mounts:
        try:
            linux.unshare(linux.CLONE_NEWNS)
            for mount in mounts:
                mount_bind(root, mount)
        except PermissionError as error:
            raise ConflictError("its volumes cannot be mounted here; copy while it runs") from error
    os.chroot(root)


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
    failure: WherryError | None = None
    try:
        pump(own_end)
    except BrokenPipeError:
        pass
    except WherryError as error:
        failure = error  # the child is waited for all the same
    with open(errors, "rb") as file:
        message = file.read().decode("utf-8", "replace")
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if failure is not None:
        raise failure
    if code == GONE:
        raise _absent(store, record, path)
    if code == NOT_FOLDER:
        raise ContextError(f"{path} in container {record.name} is not a directory")
    if code:
        raise ContextError(f"copying {path} of container {record.name}: {message or f'exit code {code}'}")
