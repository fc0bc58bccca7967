from __future__ import annotations

import re
from pathlib import Path

import pytest

import wherry
from wherry.counted import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1000, "1,000 files")]
)
def test_one_is_not_many(number: int, text: str) -> None:
    assert counted(number, "file") == text


def test_no_message_counts_without_it() -> None:
    """A number that may be 1 before a word that says that there are several."""
    nouns = "routes|files|layers|images|steps|services|containers|volumes|names|builds|warnings|pods"
    found = [
        f"{path.name}: {line.strip()}"
        for path in Path(wherry.__file__).parent.rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(rf"\{{(?!MO?ST|FEW)[^{{}}]+\}} ({nouns})\b", line) and "if len(" not in line
    ]
    several = (
        "the layout has",
        "is more than any image has",
        "files {how}",
        "merge ",
        "are too many",
        "fail(",
        "may be open",
        "; at most {",
        ">files",
    )
    assert [line for line in found if not any(words in line for words in several)] == []
