"""Paths inside a directory that is some container's root: symlinks are followed inside it, never out."""

from __future__ import annotations

import os

from wherry.errors import ContextError

MOST_SYMLINKS = 255


def resolve(root: str, path: str, *, follow_last: bool = True) -> str:
    """The host path that `path` means inside `root`.  It need not exist.

    ``..`` stops at the root and absolute symlinks start there, as for a process in it.  What changes
    between this and the use of its result is the caller's risk: containers that run are reached through
    ``openat2(RESOLVE_IN_ROOT)`` instead.  Raises ContextError for a loop of symlinks.
    """
    if "\0" in path:
        raise ContextError(f"a NUL byte in the path {path!r}")
    root = root.rstrip("/") or "/"
    parts = [part for part in reversed(path.split("/")) if part not in ("", ".")]
    done: list[str] = []
    followed = 0
    while parts:
        part = parts.pop()
        if part == "..":
            if done:
                done.pop()
            continue
        host = "/".join([root, *done, part])
        if not parts and not follow_last:
            done.append(part)
            break
        try:
            target = os.readlink(host)
        except OSError:
            done.append(part)
            continue
        followed += 1
        if followed > MOST_SYMLINKS:
            raise ContextError(f"too many symbolic links in {path}")
        if target.startswith("/"):
            done.clear()
        parts += [part for part in reversed(target.split("/")) if part not in ("", ".")]
    return "/".join([root, *done])
