"""The tar of a tree that is packed while the tree is made: what was just written need not be looked for."""

from __future__ import annotations

import os
from collections import deque

from wherry.layers.copying import copy_small, link_or_copy, mode_of
from wherry.layers.entry import WHITEOUT
from wherry.layers.pack import Packing, plain, small
from wherry.layers.tarwrite import header
from wherry.layers.tree import entry_of, items_of, root_of
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.layers.copying import Into, Moments
    from wherry.layers.entry import Entry
    from wherry.layers.pack import Packed, Small

    Made = tuple[Moments | bool | None, Small | None]


class EarlyPack:
    """To be told of all that is going to be in an empty folder, folders before what they hold.

    It is given up where that comes in another order than the tar's, or is not in the end what it was said
    to be: packed() is None then, and pack() is to be asked.  To be closed.
    """

    def __init__(self, tree: str) -> None:
        self.going = True
        self._tree = tree
        self._last = b""
        self._folders: list[Entry] = []
        self._files: deque[bytes] = deque()
        # Folders that are to come before the file of that number.
        self._above: deque[tuple[int, Entry]] = deque()
        self._told = self._made = 0
        self._packing = Packing()
        self._packing.add_items(root_of(tree))

    def folder(self, name: str, entry: Entry) -> None:
        """A folder that is there, and is going to be `entry`, whose name does not count."""
        entry = entry._replace(name=os.fsencode(name))
        if self._follows(entry.name):
            self._folders.append(entry)
            self._above.append((self._told, entry))

    def file(self, name: str) -> bool:
        """Whether make() is to pack the file that is next; made() gets its answers in the same order."""
        raw = name.encode("utf-8", "surrogateescape")
        if self._follows(raw):
            self._told += 1
            self._files.append(raw)
        return self.going

    def made(self, made: Made) -> None:
        if not self.going:
            return
        now, members = made
        if self._above:
            self._add_folders()
        name = self._files.popleft()
        self._made += 1
        if members is None:
            path = os.fsencode(self._tree) + b"/" + name
            self._packing.add_items(items_of(name, path, now is not None, None, opened=True))
        else:
            self._packing.add(members)

    def give_up(self) -> None:
        self.going = False
        self.close()

    def packed(self) -> Packed | None:
        """What pack() of the tree would return, now that it is finished."""
        if not self.going or not all(map(self._is_there, self._folders)):
            return None
        self._add_folders()
        return self._packing.end()

    def close(self) -> None:
        self._packing.close()

    def _add_folders(self) -> None:
        while self._above and self._above[0][0] == self._made:
            self._packing.add((header(self._above.popleft()[1]), 1, 0))

    def _follows(self, name: bytes) -> bool:
        """Whether a name comes after the last one in the tar; NUL is less than all that names hold."""
        if self.going:
            place = name.replace(b"/", b"\0")
            if place <= self._last:
                self.give_up()
            self._last = place
        return self.going

    def _is_there(self, folder: Entry) -> bool:
        path = os.fsencode(self._tree) + b"/" + folder.name
        return entry_of(folder.name, path, os.lstat(path), None) == folder


def make(
    packed: bool, name: str, source: str, kept: bool, is_small: bool, bits: int | None, into: Into
) -> Made:
    """link_or_copy(), and what that made as the tar's, as small() gives it, where it is to be `packed`.

    `is_small`: when it was seen it was a regular file of at most SMALL bytes.  A helper can be asked for it
    (wherry.helper).
    """
    tree, _, owner, mtime, xattrs = into
    path = f"{tree}/{name}"
    raw = name.encode("utf-8", "surrogateescape")
    if is_small and not kept:
        try:
            copied = copy_small(source, path, owner, mode_of(bits), mtime, xattrs)
        except FileExistsError:
            return False, None
        if copied is not None:
            now, data, status = copied
            if not packed:
                return now, None
            if data and WHITEOUT not in raw:
                return now, plain(raw, data, status)
            return now, small(raw, os.fsencode(path), True, alone=True)
    made = link_or_copy(name, source, kept, bits, into)
    if not packed or made is False:
        return made, None
    try:
        return made, small(raw, os.fsencode(path), made is not None, alone=True)
    except FileNotFoundError:  # sockets, and devices that cannot be made, are left out
        return made, (b"", 0, 0)
