"""Where COPY takes files from: the context or another image's file system, behind one small interface."""

from __future__ import annotations

import os
import posixpath
import stat

from wherry.builder.context.file_index import hash_file
from wherry.builder.context.folder import Found, other_mark
from wherry.dockerfile import glob
from wherry.errors import ContextError
from wherry.sha256 import hex_of
from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wherry.builder.context.folder import Context
    from wherry.helper import Helper
    from wherry.layers.view import Node, View


class Source(Protocol):
    is_dateless: bool  # whether its files' times say nothing of what they are
    has_owners: bool  # whether its files belong to users of an image; those of others become root's

    def find(self, pattern: str) -> list[Found]:
        """The files that a source word names, wildcards expanded, symlinks followed.

        None for wildcards that match nothing.  Raises ContextError for a name that is not there.
        """

    def missing(self, pattern: str) -> ContextError:
        """Why a word with wildcards matches nothing."""

    def below(self, folder: Found) -> list[Found]:
        """Everything below a folder, folders before what they hold; names relative to the source."""

    def digests(self, files: Sequence[Found], helper: Helper) -> list[str]:
        """What files are, for a cache key."""

    def ready(self) -> None:
        """Files that were found are going to be read now: those that are not there yet are fetched."""


class ContextSource:
    is_dateless = True
    has_owners = False

    def __init__(self, context: Context) -> None:
        self._context = context

    def find(self, pattern: str) -> list[Found]:
        name = inside(pattern)
        plain = glob.plain(name)
        names = _matches(name, self._names) if plain is None else [plain]
        return [self._one(name, pattern) for name in names]

    def kept(self, what: str) -> str | None:
        """As Context.kept()."""
        return self._context.kept(what)

    def missing(self, pattern: str) -> ContextError:
        return ContextError(
            f'"{pattern}" matches no file in the build context', hint=self._why_hidden(pattern)
        )

    def ready(self) -> None: ...

    def below(self, folder: Found) -> list[Found]:
        return self._context.scan(folder.name)

    def digests(self, files: Sequence[Found], helper: Helper) -> list[str]:
        return self._context.digests(files, helper)

    def _names(self, folder: str) -> list[str]:
        try:
            names = os.listdir(os.path.join(self._context.root, folder))
        except (FileNotFoundError, NotADirectoryError):
            return []
        prefix = folder + "/" if folder else ""
        return [name for name in names if not self._hidden(prefix + name)]

    def _hidden(self, name: str) -> bool:
        return bool(name) and self._context.verdict(name).excluded and self._context.ignore.may_skip(name)

    def _one(self, name: str, written: str) -> Found:
        real = self._follow(name, written)
        path = os.path.join(self._context.root, real) if real else self._context.root
        verdict = self._context.verdict(real) if real else None
        try:
            status = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            raise self._dangling(name, written) or self._absent(written) from None
        excluded = verdict is not None and verdict.excluded
        if excluded and (not stat.S_ISDIR(status.st_mode) or not self._context.scan(real)):
            assert verdict is not None  # noqa: S101
            raise ContextError(
                f'"{written}" is excluded by .dockerignore line {verdict.line}: {verdict.pattern}',
                hint=f"remove that line, or add !{real} after it",
            )
        return Found(real, path, status, posixpath.basename(name))

    def _dangling(self, name: str, written: str) -> ContextError | None:
        """Why a symlink that a word names leads to nothing; None for what is no symlink."""
        try:
            target = os.readlink(os.path.join(self._context.root, name))
        except OSError:
            return None
        what = f'"{written}"' if name == inside(written) else f'"{written}": {name}'
        return ContextError(
            f"{what} is a symbolic link to {target}, which is not in the build context",
            hint="copy its folder, which keeps the link as it is, or make what it leads to",
        )

    def _absent(self, written: str) -> ContextError:
        from wherry.errors import nearest

        if _leads_out(written):
            return ContextError(
                f"forbidden path outside the build context: {written}",
                hint="use a larger folder as the context, or copy the file into it",
            )
        folder, _, base = inside(written).rpartition("/")
        near = nearest(base, self._names(folder))
        prefix = folder + "/" if folder else ""
        return ContextError(
            f'"{written}" is not in the build context',
            hint=f"did you mean {prefix}{near}?" if near else f"the context is {self._context.root}",
        )

    def _follow(self, name: str, written: str) -> str:
        """Follow the symlinks of a path inside the context.  Raises ContextError for one that leads out."""
        done: list[str] = []
        parts = list(reversed(name.split("/"))) if name else []
        for _ in range(256):
            if not parts:
                return "/".join(done)
            part = parts.pop()
            if part == "..":
                if not done:
                    raise self._outside(written)
                done.pop()
                continue
            if part in ("", "."):
                continue
            try:
                target = os.readlink("/".join([self._context.root, *done, part]))
            except OSError:
                done.append(part)
                continue
            if target.startswith("/"):
                raise self._outside(written)
            parts += reversed(target.split("/"))
        raise ContextError(f'"{written}": too many symbolic links')

    def _outside(self, written: str) -> ContextError:
        return ContextError(
            f'"{written}" is a symbolic link that leads out of the build context',
            hint="copy the file into the context, or use a larger folder as the context",
        )

    def _why_hidden(self, pattern: str) -> str | None:
        """Whether .dockerignore hid what a wildcard would have matched."""
        name = inside(pattern)
        folder = posixpath.dirname(name)
        if glob.has_wildcards(folder):
            return None
        try:
            names = os.listdir(os.path.join(self._context.root, folder))
        except OSError:
            return None
        for entry in names:
            full = f"{folder}/{entry}" if folder else entry
            verdict = self._context.verdict(full)
            if verdict.excluded and glob.match(posixpath.basename(name), entry):
                return f".dockerignore line {verdict.line} ({verdict.pattern}) excludes {full}"
        return None


class ViewSource:
    """Another stage's or image's file system.  With `times` a file's digest counts its time."""

    is_dateless = False
    has_owners = True

    def __init__(self, view: View, label: str, *, times: bool = False) -> None:
        self._view = view
        self._label = label
        self._times = times

    def find(self, pattern: str) -> list[Found]:
        name = inside(pattern)
        plain = glob.plain(name)
        names = _matches(name, self._names) if plain is None else [plain]
        found = [(n, node) for n in names if (node := self._view.find(n)) is not None]
        if not found and plain is not None:
            raise self.missing(pattern)
        return [_found(node)._replace(named_as=posixpath.basename(n)) for n, node in found]

    def missing(self, pattern: str) -> ContextError:
        return ContextError(f'"{pattern}" is not in {self._label}', hint=self._near(inside(pattern)))

    def ready(self) -> None: ...

    def below(self, folder: Found) -> list[Found]:
        top = self._view.find(folder.name)
        return [] if top is None else [_found(node) for node in self._view.walk(top)]

    def digests(self, files: Sequence[Found], helper: Helper) -> list[str]:
        """With owner and attributes, which COPY --from keeps."""
        regular = ((file.path,) for file in files if stat.S_ISREG(file.status.st_mode))
        contents = helper.map(_content, regular)
        return [self._digest(file, contents) for file in files]

    def _digest(self, file: Found, contents: Iterator[str]) -> str:
        """`contents` gives that of the next regular file."""
        status = file.status
        when = f"{status.st_mtime_ns // 1_000_000_000}:" if self._times else ""
        if stat.S_ISREG(status.st_mode):
            what = f"f{stat.S_IMODE(status.st_mode):o}:{next(contents)}"
        else:
            what = other_mark(file)
        return f"{when}{status.st_uid}:{status.st_gid}:{what}"

    def _names(self, folder: str) -> list[str]:
        node = self._view.find(folder)
        return self._view.list(node) if node is not None and node.is_folder else []

    def _near(self, name: str) -> str | None:
        from wherry.errors import nearest

        folder, _, base = name.rpartition("/")
        near = nearest(base, self._names(folder))
        return f"did you mean /{folder + '/' if folder else ''}{near}?" if near else None


def _content(path: str) -> str:
    """Of a regular file, its attributes and its bytes."""
    from wherry.layers.tree import xattrs_of

    return f"{hex_of(repr(xattrs_of(path)).encode())[:16]}:{hash_file(path)}"


def _found(node: Node) -> Found:
    return Found(node.name, node.path, node.status, "")


def inside(path: str) -> str:
    """A source word as a path without leading slash; ``..`` does not lead out, as nothing leads above /."""
    return posixpath.normpath("/" + path).lstrip("/")


def _leads_out(path: str) -> bool:
    name = posixpath.normpath(path.lstrip("/"))
    return name == ".." or name.startswith("../")


def _matches(pattern: str, names_in: Callable[[str], list[str]]) -> list[str]:
    """All paths that a pattern matches, component by component, in byte order."""
    found = [""]
    for part in pattern.split("/"):
        found = [
            f"{folder}/{name}" if folder else name
            for folder in found
            for name in names_in(folder)
            if glob.match(part, name)
        ]
    return sorted(set(found), key=os.fsencode)


def literal(path: str) -> str:
    """A name as a source word: wildcards in it mean themselves."""
    return "".join("\\" + c if c in "*?[\\" else c for c in path)
