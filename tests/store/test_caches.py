"""The listing of cache mounts beside others who remove them."""

from __future__ import annotations

from pathlib import Path

from wherry.store.caches import CacheMounts


def test_one_that_is_removed_between_two_looks_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / "caches/there").mkdir(parents=True)
    (tmp_path / "caches/gone").symlink_to("nowhere")  # a name that leads to nothing any more
    assert [each.id for each in CacheMounts(str(tmp_path), str(tmp_path)).all()] == ["there"]
