"""docs/limits.md says what the code does."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs/limits.md").read_text()
ROWS = re.findall(r"^\|.*\| (\d+) \| `([a-z._]+)\.([A-Z_]+)` \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("number", "module", "name"), ROWS, ids=[f"{row[1]}.{row[2]}" for row in ROWS])
def test_the_page_has_the_numbers_of_the_code(number: str, module: str, name: str) -> None:
    assert getattr(importlib.import_module(f"wherry.{module}"), name) == int(number)


def test_the_page_has_rows() -> None:
    assert len(ROWS) == len([line for line in PAGE.splitlines() if line.startswith("|")]) - 2
