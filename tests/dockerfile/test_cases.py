"""Golden cases: ``cases/<name>/Dockerfile`` and what it means, ``expected.json``.

A case whose name begins with ``bad-`` expects an error: its place, its message, its hint.  After a change
that is meant, ``WHERRY_WRITE_CASES=1 pytest tests/dockerfile/test_cases.py`` writes the files anew; read
the difference before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from wherry.dockerfile import parse
from wherry.dockerfile.ast import Dockerfile, Location
from wherry.errors import DockerfileError

CASES = sorted((Path(__file__).parent / "cases").iterdir())


def plain(value: Any) -> Any:
    """Tuples as JSON: an instruction is its kind, its lines, and every field that is not the default."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        shown: dict[str, Any] = {}
        for name in value._fields:
            field = getattr(value, name)
            if isinstance(field, Location):
                shown["lines"] = [field.line, field.end_line]
            elif name not in value._field_defaults or field != value._field_defaults[name]:
                shown[name] = plain(field)
        return {"kind": type(value).__name__, **shown}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def meaning(text: bytes) -> dict[str, Any]:
    try:
        found: Dockerfile = parse(text)
    except DockerfileError as error:
        return {
            "error": error.message,
            "lines": [error.line, error.end_line],
            "column": error.column,
            "shown": list(error.source),
            "hint": error.hint,
        }
    shown: dict[str, Any] = plain(found._replace(text=""))
    return shown


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    actual = meaning((case / "Dockerfile").read_bytes())
    expected = case / "expected.json"
    if os.environ.get("WHERRY_WRITE_CASES") == "1":
        expected.write_text(json.dumps(actual, indent=1, ensure_ascii=True) + "\n")
    assert json.loads(expected.read_text()) == actual
    assert ("error" in actual) == case.name.startswith("bad-")


def test_there_are_cases_of_both_kinds() -> None:
    bad = sum(case.name.startswith("bad-") for case in CASES)
    assert bad >= 20 and len(CASES) - bad >= 35
