"""An image's files, packages, users and libraries, from its layers."""

from __future__ import annotations

import os
import stat

from wherry.compare import model
from wherry.compare.libc import libcs, program
from wherry.compare.model import File, Layer, Subject
from wherry.errors import ContextError
from wherry.layers.view import View
from wherry.packages.find import find_packages, read_record
from wherry.sandbox.users import ids
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.layers.view import Node
    from wherry.oci.config import ImageConfig

KINDS = {
    stat.S_IFREG: model.FILE,
    stat.S_IFDIR: model.FOLDER,
    stat.S_IFLNK: model.SYMLINK,
    stat.S_IFBLK: model.DEVICE,
    stat.S_IFCHR: model.DEVICE,
    stat.S_IFIFO: model.FIFO,
    stat.S_IFSOCK: model.SOCKET,
}
CHUNK = 1 << 18
LARGEST_USERS = 1 << 22


def subject(
    name: str, image: str, config: ImageConfig, paths: Sequence[str], sizes: Sequence[int]
) -> Subject:
    """The image with this id, whose layers are the trees `paths` of `sizes` bytes, lowest first."""
    view = View(paths)
    files = dict(_files(view))
    found = find_packages(view)
    users, groups = ids(lambda path: _text(view, path))
    return Subject(
        name,
        image,
        str(config.platform),
        config.config,
        tuple(_layers(config, sizes)),
        files,
        found.system.name or found.system.distribution,
        found.packages,
        found.unread,
        users,
        groups,
        libcs(view, files, found.packages),
        program(view, config.config),
    )


def same(one: File, other: File) -> bool:
    """Whether two files of one size have the same bytes."""
    with open(one.place, "rb") as first, open(other.place, "rb") as second:
        while piece := first.read(CHUNK):
            if piece != second.read(CHUNK):
                return False
    return True


def _layers(config: ImageConfig, sizes: Sequence[int]) -> Iterator[Layer]:
    commands = [entry.created_by for entry in config.history if not entry.empty_layer]
    commands += [""] * (len(sizes) - len(commands))
    for diff_id, size, command in zip(config.diff_ids, sizes, commands, strict=False):
        yield Layer(diff_id, size, command)


def _files(view: View) -> Iterator[tuple[str, File]]:
    root = view.root()
    if root is not None:
        for node in view.walk(root):
            yield node.name, _file(node)


def _file(node: Node) -> File:
    status = node.status
    kind = KINDS.get(stat.S_IFMT(status.st_mode), model.FILE)
    size, detail = 0, ""
    if kind == model.FILE:
        size = status.st_size
    elif kind == model.SYMLINK:
        detail = os.readlink(node.path)
        size = len(os.fsencode(detail))
    elif kind == model.DEVICE:
        letter = "b" if stat.S_ISBLK(status.st_mode) else "c"
        detail = f"{letter} {os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    mode = stat.S_IMODE(status.st_mode)
    return File(kind, mode, status.st_uid, status.st_gid, size, detail, node.path)


def _text(view: View, path: str) -> str:
    """Of a file of the view, "" where there is none."""
    try:
        node = view.find(path)
    except ContextError:
        return ""
    if node is None or not stat.S_ISREG(node.status.st_mode):
        return ""
    return read_record(node, LARGEST_USERS).decode("utf-8", "replace")
