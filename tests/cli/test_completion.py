"""What Tab asks for: names, at the cost of one look into the database."""

from __future__ import annotations

from pathlib import Path

from bench.growth.curves import store_of

from support.work import work_of


def test_names_of_images_are_given_without_a_look_at_any_image(tmp_path: Path) -> None:
    root = tmp_path / "store"
    store_of(root, 30).database.close()
    work = work_of(tmp_path, "--root", str(root), "completion", "images")
    assert set(work.output.split()) == {f"i{number}:latest" for number in range(30)}
    assert work.count("open", root / "blobs") == 0


def test_a_store_without_images_has_no_names(tmp_path: Path) -> None:
    assert work_of(tmp_path, "--root", str(tmp_path / "store"), "completion", "images").output == ""
