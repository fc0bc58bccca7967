"""The file system that a stack of layers makes, read without mounting anything.

The rules are overlayfs': the uppermost entry of a name counts, a whiteout hides what lies below, folders
merge down to the first opaque one.  Symlinks are resolved inside the view.
"""

from __future__ import annotations

import errno
import os
import stat

from wherry.errors import ContextError
from wherry.layers.whiteout import is_opaque, is_whiteout
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_SYMLINKS = 255
DEEPEST = 4096
"""Parts of a path, once a symlink on it is replaced by its target."""


class Node(NamedTuple):
    """One file of a view.

    `name` is its path inside ("" for the root, no leading slash), `path` the uppermost file on the host,
    `folders` all host folders that merge into it, uppermost first (empty unless it is a folder).
    """

    name: str
    path: str
    status: os.stat_result
    folders: tuple[str, ...]

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)


class Look(NamedTuple):
    """What one tree has under a name.  Opaque is a folder that hides those below it."""

    status: os.stat_result
    is_whiteout: bool
    is_opaque: bool


def look_at(host: str, name: str) -> Look | None:
    """The entry `name` of a folder of a tree; None for what cannot be the name of anything, too."""
    path = host + "/" + name
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        return None  # no name holds a NUL byte
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return None
    if stat.S_ISDIR(status.st_mode):
        return Look(status, False, is_opaque(path))
    return Look(status, is_whiteout(path, status), False)


class Seen:
    """What was seen of trees that do not change: whoever looks through hundreds of layers at every step
    asks the disk once.

    A folder in which a second name is looked for is listed, so that names that it has not cost nothing.
    Threads may share it.
    """

    def __init__(self) -> None:
        self._looks: dict[str, Look | None] = {}
        self._names: dict[str, frozenset[str] | None] = {}

    def look(self, host: str, name: str) -> Look | None:
        """As look_at()."""
        path = host + "/" + name
        if path in self._looks:
            return self._looks[path]
        names = self._names.get(host)
        if names is None and host in self._names:
            names = self._names[host] = frozenset(os.listdir(host))
        if names is None:
            self._names[host] = None
        elif name not in names:
            return None
        found = self._looks[path] = look_at(host, name)
        return found


class View:
    """A read-only view of trees in overlay form, given lowest first."""

    def __init__(
        self, trees: Sequence[str], mounts: Mapping[str, str] | None = None, seen: Seen | None = None
    ) -> None:
        """`mounts` are files of the host by the names that they hide, which have no symlinks.  With `seen`
        the trees do not change."""
        self._trees = tuple(reversed(trees))
        self._seen = seen
        self._mounts = mounts or {}

    def root(self) -> Node | None:
        """The root folder, or None where there are no layers."""
        if not self._trees:
            return None
        return Node("", self._trees[0], os.stat(self._trees[0]), self._trees)

    def find(self, path: str, *, follow_last: bool = True, links: list[Node] | None = None) -> Node | None:
        """What `path` is, or None; the symlinks on the way are added to `links`.  Raises ContextError for a
        loop of symlinks."""
        root = self.root()
        if root is None:
            return None
        trail = [root]
        parts = _parts(path)
        links = [] if links is None else links
        while parts:
            part = parts.pop()
            if part == "..":
                if len(trail) > 1:
                    trail.pop()
                continue
            node = self.child(trail[-1], part)
            if node is None:
                return None
            if node.is_symlink and (parts or follow_last):
                if len(links) >= MOST_SYMLINKS:
                    raise ContextError(f"too many symbolic links in {path}")
                links.append(node)
                target = os.readlink(node.path)
                if target.startswith("/"):
                    del trail[1:]
                parts += _parts(target)
                if len(parts) > DEEPEST:
                    raise ContextError(f"too many symbolic links in {path}")
            elif parts and not node.is_folder:
                return None
            else:
                trail.append(node)
        return trail[-1]

    def resolve(self, path: str, *, dangling: bool = True) -> str:
        """`path` with the symlinks of all its folders followed, whether its end exists or not.

        The last part is followed too where it is a symlink.  No leading slash; "" is the root.  Raises
        ContextError for a loop of symlinks, and without `dangling` for one that leads nowhere.
        """
        done: list[str] = []
        parts = _parts(path)
        followed = 0
        while parts:
            part = parts.pop()
            if part == "..":
                if done:
                    done.pop()
                continue
            node = self.find("/".join([*done, part]), follow_last=False)
            if node is None or not node.is_symlink:
                done.append(part)
                continue
            followed += 1
            if followed > MOST_SYMLINKS:
                raise ContextError(f"too many symbolic links in {path}")
            if not dangling and self.find(node.name) is None:
                raise ContextError(f"the symbolic link {node.name} leads nowhere")
            target = os.readlink(node.path)
            if target.startswith("/"):
                done.clear()
            parts += _parts(target)
        return "/".join(done)

    def rooted(self, folder: Node) -> View:
        """The same, with one of its folders as the root."""
        return View(folder.folders[::-1], seen=self._seen)

    def followed(self, path: str) -> str:
        """`path` without symlinks, for what is to be written there.  Raises ContextError as `resolve`."""
        return self.resolve(path, dangling=False)

    def mounted(self, name: str, path: str) -> View:
        """The same with a file or folder of the host, itself no symlink, in the place of `name`, which may
        be absent."""
        return View(self._trees[::-1], {**self._mounts, name: path}, self._seen)

    def under(self, tree: str) -> View:
        """The same with one more tree on top."""
        return View([*reversed(self._trees), tree], self._mounts)

    def child(self, folder: Node, name: str) -> Node | None:
        """The entry `name` of a folder, or None."""
        full = _below(folder, name)
        if not self._mounts:
            return self._child(folder, name, full)
        if full in self._mounts:
            path = self._mounts[full]
            status = os.stat(path)
            return Node(full, path, status, (path,) if stat.S_ISDIR(status.st_mode) else ())
        node = self._child(folder, name, full)
        if node is None and any(mount.startswith(full + "/") for mount in self._mounts):
            # As a runtime makes the folders above a mount.
            return Node(full, self._trees[0], os.stat(self._trees[0]), ())
        return node

    def _child(self, folder: Node, name: str, full: str) -> Node | None:
        look = self._seen.look if self._seen is not None else look_at
        upper: tuple[str, os.stat_result] | None = None
        folders: list[str] = []
        for host in folder.folders:
            found = look(host, name)
            if found is None:
                continue
            if found.is_whiteout:
                break
            path = host + "/" + name
            upper = upper or (path, found.status)
            if not stat.S_ISDIR(found.status.st_mode):
                break
            folders.append(path)
            if found.is_opaque:
                break
        if upper is None:
            return None
        return Node(full, upper[0], upper[1], tuple(folders))

    def list(self, folder: Node) -> list[str]:
        """The names in a folder, in byte order."""
        above = _below(folder, "")
        seen = {name[len(above) :].split("/")[0] for name in self._mounts if name.startswith(above)}
        hidden: set[str] = set()
        for host in folder.folders:
            whiteouts = set()
            with os.scandir(host) as entries:
                for entry in entries:
                    if entry.name in seen or entry.name in hidden:
                        continue
                    if _may_be_whiteout(entry) and is_whiteout(
                        entry.path, entry.stat(follow_symlinks=False)
                    ):
                        whiteouts.add(entry.name)
                    else:
                        seen.add(entry.name)
            hidden |= whiteouts
        return sorted(seen, key=os.fsencode)

    def walk(self, top: Node) -> Iterator[Node]:
        """Everything below a folder, folders before what they hold, in the order of `list`."""
        stack = [iter(self.list(top))]
        trail = [top]
        while stack:
            name = next(stack[-1], None)
            if name is None:
                stack.pop()
                trail.pop()
                continue
            node = self.child(trail[-1], name)
            if node is None:
                continue
            yield node
            if node.is_folder:
                stack.append(iter(self.list(node)))
                trail.append(node)


def _below(folder: Node, name: str) -> str:
    return f"{folder.name}/{name}" if folder.name else name


def _parts(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _may_be_whiteout(entry: os.DirEntry[str]) -> bool:
    return not entry.is_dir(follow_symlinks=False) and not entry.is_symlink()
