"""Docker's USER and --chown values against the passwd and group files of an image."""

from __future__ import annotations

from wherry.digits import whole
from wherry.errors import SandboxError
from wherry.sandbox.process import User
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    # Gives the text of a file of the image ("/etc/passwd"), "" where it is absent.
    ReadFile = Callable[[str], str]

LARGEST_ID = 0xFFFFFFFE


def read_below(root: str) -> ReadFile:
    """A reader for files below a folder; symlinks are followed inside it, never out."""
    import os
    import stat

    from wherry.layers.rootpath import resolve

    def read(path: str) -> str:
        place = resolve(root, path)
        try:
            # To open a device is already to use it.
            if not stat.S_ISREG(os.lstat(place).st_mode):
                return ""
            file = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return ""
        with open(file, encoding="utf-8", errors="replace") as text:
            # A passwd file of megabytes is no passwd file.
            return text.read(1 << 22)

    return read


def resolve_user(value: str, read: ReadFile) -> User:
    """``uid``, ``name``, ``uid:gid``, ``name:group`` -> numbers, supplementary groups and home.

    A number is an id and never a name (CVE-2016-3697); the row of that id tells the group, the groups and
    the home.  The primary group is a supplementary one too (CVE-2022-36109: else set-group-ID programs
    could shed it).

    Raises SandboxError in Docker's words for a name that the image does not have, and for a number that is
    no id.
    """
    name, _, group = value.partition(":")
    row = _user(name or "0", read)
    uid = row.id if row is not None else _id(name)
    gid, home = (row.gid, row.home) if row is not None else (0, "/")
    if group:
        gid = _group(group, read)
        return User(uid, gid, (gid,), home)
    login = row.name if row is not None else ""
    extra = [r.id for r in _groups(read) if login and login in r.members]
    return User(uid, gid, tuple(sorted({gid, *extra})), home)


def resolve_owner(value: str, read: ReadFile) -> tuple[int, int]:
    """COPY --chown: ``user[:group]``; without a group a name's own, or the number again.  Raises
    SandboxError, see resolve_user."""
    name, _, group = value.partition(":")
    if not name or _is_number(name) or name == "root":
        uid = gid = _id(name)
    else:
        row = _user(name, read)
        assert row is not None  # noqa: S101
        uid, gid = row.id, row.gid
    return uid, _group(group, read) if group else gid


def id_number(text: str) -> int:
    """The id that a decimal number is.  Raises SandboxError for another text, or one out of range."""
    value = whole(text, LARGEST_ID)
    if value is None:
        raise SandboxError(f"{text} is not a user or group id: they are below {LARGEST_ID + 1}")
    return value


def ids(read: ReadFile) -> tuple[dict[str, int], dict[str, int]]:
    """The users and the groups that an image knows, by their names; of a name the first row counts."""
    users = {row[0]: int(row[2]) for row in reversed(_rows(read("/etc/passwd"), 7, (2, 3)))}
    groups = {row[0]: int(row[2]) for row in reversed(_rows(read("/etc/group"), 4, (2,)))}
    return users, groups


class _User(NamedTuple):
    name: str
    id: int
    gid: int
    home: str


class _Group(NamedTuple):
    name: str
    id: int
    members: list[str]


def _user(name: str, read: ReadFile) -> _User | None:
    """The first row of a name, or of a number; a number and root need none."""
    users = [_User(r[0], int(r[2]), int(r[3]), r[5] or "/") for r in _rows(read("/etc/passwd"), 7, (2, 3))]
    if _is_number(name):
        number = id_number(name)
        return next((user for user in users if user.id == number), None)
    found = next((user for user in users if user.name == name), None)
    if found is None and name != "root":
        raise SandboxError(f"unable to find user {name}: no matching entries in passwd file")
    return found


def _group(name: str, read: ReadFile) -> int:
    if _is_number(name):
        return id_number(name)
    found = next((group.id for group in _groups(read) if group.name == name), None)
    if found is None and name != "root":
        raise SandboxError(f"unable to find group {name}: no matching entries in group file")
    return found or 0


def _groups(read: ReadFile) -> list[_Group]:
    return [_Group(r[0], int(r[2]), r[3].split(",")) for r in _rows(read("/etc/group"), 4, (2,))]


def _rows(text: str, fields: int, numbers: tuple[int, ...]) -> list[list[str]]:
    """The rows that have enough fields, and ids where ids belong."""
    rows = [line.split(":") for line in text.split("\n")]
    return [row for row in rows if len(row) >= fields and all(_is_id(row[at]) for at in numbers)]


def _id(name: str) -> int:
    """Of a number, of root, or of nothing."""
    return id_number(name) if _is_number(name) else 0


def _is_id(text: str) -> bool:
    return whole(text, LARGEST_ID) is not None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
