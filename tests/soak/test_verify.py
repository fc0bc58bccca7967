"""The walk through a store finds what lies there without a reason, and nothing in a clean one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.soak.verify import left_behind

from support.wherry import Wherry


def some(folder: Path) -> Path:
    return sorted(folder.iterdir())[0]


def unlink(folder: Path) -> None:
    some(folder).unlink()


LEFT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a layer": (lambda root: (root / "layers" / ("a" * 64)).mkdir(), "layers/ keeps 1"),
    "a lost layer": (
        lambda root: some(root / "layers").rename(root / "layers" / ("b" * 64)),
        "layers/ lacks 1",
    ),
    "a dangling link": (lambda root: (root / "l/aaaa").symlink_to("../layers/none"), "l/ keeps 1"),
    "a lost link": (lambda root: unlink(root / "l"), "l/ lacks 1"),
    "a container": (lambda root: (root / "containers/abc").mkdir(), "containers/ keeps 1"),
    "a temporary file": (lambda root: (root / "tmp/1-2.lock").touch(), "tmp/ keeps 1"),
    "half an index": (lambda root: (root / "index.json.new").touch(), "the store keeps 1"),
    "a blob": (lambda root: (root / "blobs/sha256/abc").touch(), "blobs/ keeps 1"),
    "a changed blob": (lambda root: some(root / "blobs/sha256").write_bytes(b"{}"), "cannot be followed"),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_left_or_lost_is_found(bb: Wherry, what: str) -> None:
    assert left_behind(bb.root) == []
    do, expected = LEFT[what]
    do(bb.root)
    assert any(expected in fault for fault in left_behind(bb.root)), left_behind(bb.root)
