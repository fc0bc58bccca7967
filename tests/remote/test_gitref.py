"""What names a git repository."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.errors import ContextError
from wherry.remote.git import shown
from wherry.remote.gitref import GitRef, parse_gitref


@pytest.mark.parametrize(
    "text, found",
    [
        ("https://h/x.git", GitRef("https://h/x.git")),
        ("https://h/x.git#main:a/b", GitRef("https://h/x.git", "main", "a/b")),
        ("https://h/x.git#:a", GitRef("https://h/x.git", "", "a")),
        ("git@h:o/x.git#v1", GitRef("git@h:o/x.git", "v1")),
        ("git@h:o/x", GitRef("git@h:o/x")),
        ("git://h/x", GitRef("git://h/x")),
        ("ssh://git@h:22/x#r", GitRef("ssh://git@h:22/x", "r")),
        ("github.com/o/x#r", GitRef("https://github.com/o/x", "r")),
        ("https://h/x.git?branch=b&subdir=/s/", GitRef("https://h/x.git", "refs/heads/b", "s")),
        ("https://h/x.git?tag=v&checksum=0123abc", GitRef("https://h/x.git", "refs/tags/v", "", "0123abc")),
        (
            "https://h/x.git?keep-git-dir=1&submodules=false",
            GitRef("https://h/x.git", keep=True, submodules=False),
        ),
        ("https://h/x.tar.gz", None),
        ("https://h/x.git/file", None),
        ("folder/x.git", None),
        (".", None),
        ("file:///x.git", None),
        ("ext::sh -c id", None),
        ("https://h/x.git\n", None),
    ],
)  # fmt: skip
def test_what_names_a_repository(text: str, found: GitRef | None) -> None:
    assert parse_gitref(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "https://h/x.git#--upload-pack=id",
        "https://h/x.git#main:../..",
        "https://h/x.git?what=1",
        "https://h/x.git?ref=a&branch=b",
        "https://h/x.git?checksum=zz",
        "https://h/x.git?ref=a#b",
    ],
)
def test_what_names_one_wrongly(text: str) -> None:
    with pytest.raises(ContextError):
        parse_gitref(text)


def test_a_password_is_not_shown() -> None:
    assert shown("https://me:secret@h/x.git") == "https://xxxxx:xxxxx@h/x.git"


@given(st.text())
def test_any_text_is_a_reference_or_none_or_refused(text: str) -> None:
    try:
        found = parse_gitref(text)
    except ContextError:
        return
    assert found is None or not (found.url.startswith("-") or ".." in found.folder.split("/"))
