"""What `explain` compares: how many are kept, and what keeping them costs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wherry.store import filemanifest
from wherry.store.filemanifest import FileManifests


def test_adding_one_looks_at_few_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filemanifest, "MOST", 40)
    monkeypatch.setattr(filemanifest, "SPARE", 10)
    looks = []
    getmtime = os.path.getmtime
    monkeypatch.setattr(os.path, "getmtime", lambda path: looks.append(path) or getmtime(path))
    (tmp_path / "tmp").mkdir()
    kept = FileManifests(str(tmp_path), str(tmp_path / "tmp"))
    for number in range(200):
        kept.add(str(number), [("f", 1, "x")])
        os.utime(kept.path(str(number)), (number, number))
        assert len(kept.all()) <= 50
    assert len(looks) / 200 <= 6
    assert {str(number) for number in range(160, 200)} <= set(kept.all())
    assert kept.get("199") == {"f": ("f", 1, "x")} and kept.get("0") is None
