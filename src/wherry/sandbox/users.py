"""Docker's USER and --chown values against the passwd and group files of an image."""

from __future__ import annotations

from wherry.errors import SandboxError
from wherry.sandbox.process import User
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    # Gives the text of a file of the image ("/etc/passwd"), "" where it is absent.
    ReadFile = Callable[[str], str]

LARGEST_ID = 0xFFFFFFFE


def read_below(root: str) -> ReadFile:
    """A reader for files below a folder; symlinks are followed inside it, never out."""
    import os

    from wherry.layers.rootpath import resolve

    def read(path: str) -> str:
        try:
            file = os.open(resolve(root, path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return ""
        with open(file, encoding="utf-8", errors="replace") as text:
            # A passwd file of megabytes is no passwd file.
            return text.read(1 << 22)

    return read


def resolve_user(value: str, read: ReadFile) -> User:
    """``uid``, ``name``, ``uid:gid``, ``name:group`` -> numbers, supplementary groups and home.

    The primary group is a supplementary one too (CVE-2022-36109: else set-group-ID programs could shed it).

    Raises SandboxError in Docker's words for a name that the image does not have.
    """
    name, colon, group = (value or "0").partition(":")
    row = _find(read("/etc/passwd"), name, 7)
    if row is not None:
        uid, gid, home = _number(row[2]), _number(row[3]), row[5] or "/"
        login = row[0]
    elif name.isdigit():
        uid, gid, home, login = _number(name), 0, "/", ""
    else:
        raise SandboxError(f"unable to find user {name}: no matching entries in passwd file")
    groups = read("/etc/group")
    if colon and group:
        gid = _group(group, groups)
        return User(uid, gid, (gid,), home)
    extra = [_number(r[2]) for r in _rows(groups, 4) if login and login in r[3].split(",")]
    return User(uid, gid, tuple(sorted({gid, *extra})), home)


def resolve_owner(value: str, read: ReadFile) -> tuple[int, int]:
    """COPY --chown: ``user[:group]``; without a group it is the user's own, or the uid's number."""
    name, colon, group = value.partition(":")
    row = _find(read("/etc/passwd"), name, 7)
    if row is not None:
        uid, gid = _number(row[2]), _number(row[3])
    elif name.isdigit():
        uid = gid = _number(name)
    else:
        raise SandboxError(f"unable to find user {name}: no matching entries in passwd file")
    return uid, _group(group, read("/etc/group")) if colon and group else gid


def _group(name: str, groups: str) -> int:
    row = _find(groups, name, 4)
    if row is not None:
        return _number(row[2])
    if name.isdigit():
        return _number(name)
    raise SandboxError(f"unable to find group {name}: no matching entries in group file")


def _rows(text: str, fields: int) -> list[list[str]]:
    rows = [line.split(":") for line in text.split("\n")]
    return [row for row in rows if len(row) >= fields and row[2].isdigit()]


def _find(text: str, name: str, fields: int) -> list[str] | None:
    """The row of a name; of a number only where no name is written so."""
    rows = _rows(text, fields)
    for row in rows:
        if row[0] == name:
            return row
    return next((row for row in rows if name.isdigit() and row[2] == name), None)


def _number(text: str) -> int:
    value = int(text) if text.isdigit() and len(text) < 12 else LARGEST_ID + 1
    if value > LARGEST_ID:
        raise SandboxError(f"{text} is not a user or group id: they are below {LARGEST_ID + 1}")
    return value
