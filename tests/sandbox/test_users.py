"""USER, -u and --chown against the files of an image: numbers are ids, names are names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.errors import SandboxError
from wherry.sandbox.users import read_below, resolve_owner, resolve_user

FILES = {
    "/etc/passwd": "root:x:0:0::/root:/bin/sh\n"
    "1000:x:0:0::/evil:/bin/sh\n"
    "app:x:1000:3000::/home/app:/bin/sh\n"
    "twin:x:1000:4000::/twin:/bin/sh\n"
    "short:x:7\n"
    "words:x:seven:7::/:/bin/sh\n",
    "/etc/group": "root:x:0:\n2000:x:0:1000\nstaff:x:2000:app,x\nmore:x:2001:app\nevil:x:2002:1000\n",
}


def read(path: str) -> str:
    return FILES.get(path, "")


def nothing(_path: str) -> str:
    return ""


@pytest.mark.parametrize(
    ("value", "uid", "gid", "groups", "home"),
    [
        ("", 0, 0, (0,), "/root"),
        ("root", 0, 0, (0,), "/root"),
        ("app", 1000, 3000, (2000, 2001, 3000), "/home/app"),
        # The number 1000 is user 1000, of whom the first row tells, and not the user who is called 1000.
        ("1000", 1000, 3000, (2000, 2001, 3000), "/home/app"),
        ("01000", 1000, 3000, (2000, 2001, 3000), "/home/app"),
        ("1000:2000", 1000, 2000, (2000,), "/home/app"),
        ("app:2000", 1000, 2000, (2000,), "/home/app"),
        ("app:staff", 1000, 2000, (2000,), "/home/app"),
        ("12", 12, 0, (0,), "/"),
        ("12:34", 12, 34, (34,), "/"),
        (":staff", 0, 2000, (2000,), "/root"),
        (":34", 0, 34, (34,), "/root"),
    ],
)
def test_what_user_means(value: str, uid: int, gid: int, groups: tuple[int, ...], home: str) -> None:
    assert resolve_user(value, read) == (uid, gid, groups, home)


@pytest.mark.parametrize(
    ("value", "owner"),
    [
        ("1000", (1000, 1000)),
        ("app", (1000, 3000)),
        ("1000:2000", (1000, 2000)),
        ("app:staff", (1000, 2000)),
        (":staff", (0, 2000)),
        ("0:root", (0, 0)),
        ("root", (0, 0)),
    ],
)
def test_what_chown_means(value: str, owner: tuple[int, int]) -> None:
    assert resolve_owner(value, read) == owner


def test_root_is_0_where_no_file_says_so() -> None:
    assert resolve_user("root", nothing)[:2] == (0, 0)
    assert resolve_user("root:root", nothing)[:2] == (0, 0)
    assert resolve_owner("0:root", nothing) == (0, 0)


@pytest.mark.parametrize("resolve", [resolve_user, resolve_owner])
@pytest.mark.parametrize(
    "value",
    [
        *("nobody-here", "app:nobody-here", "short", "words", "²", "1000:²", "+1", "-1", " 1"),
        *("1_0", "0x1", "4294967295", "1:4294967295", "99999999999999999999999", "9" * 5000),
    ],
)
def test_what_is_neither_a_name_nor_an_id_is_refused(resolve: object, value: str) -> None:
    assert callable(resolve)
    with pytest.raises(SandboxError):
        resolve(value, read)


def test_a_row_with_an_id_out_of_range_is_no_row() -> None:
    def odd(path: str) -> str:
        return "app:x:4294967296:0::/:\n" if path == "/etc/passwd" else ""

    with pytest.raises(SandboxError):
        resolve_user("app", odd)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    """To open a device or a fifo of an image is already to use it."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/fifo")
    (tmp_path / "folder").mkdir()
    for name in ("fifo", "link", "folder", "nothing"):
        assert read_below(str(tmp_path))(name) == ""
