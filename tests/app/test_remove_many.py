"""Removing and listing many images: the work grows with the images, not with their square."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.growth.curves import store_of

from wherry.app.images import removing
from wherry.errors import NotFoundError
from wherry.images.index import index_json
from wherry.images.listing import list_images
from wherry.store import images as store_images
from wherry.store.blobs import Blobs
from wherry.store.database import Database


class Work:
    """How often blobs were read, and ``index.json`` written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read = self.written = 0
        read, write = Blobs.read, store_images.write_file

        def counted_read(blobs: Blobs, digest: str) -> bytes:
            self.read += 1
            return read(blobs, digest)

        def counted_write(temporary: str, path: str, data: bytes) -> None:
            self.written += path.endswith("/index.json")
            write(temporary, path, data)

        monkeypatch.setattr(Blobs, "read", counted_read)
        monkeypatch.setattr(store_images, "write_file", counted_write)


def test_many_images_are_removed_with_one_look_at_what_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(tmp_path, 60)
    work = Work(monkeypatch)
    with removing(store) as remove:
        lines = [line for number in range(40) for line in remove(f"i{number}")]
    assert len(lines) == 80 and len(store.images.all()) == 20
    assert len(list(Path(store.blobs.folder).iterdir())) == 40  # a config and a manifest each
    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 20
    assert work.written == 1
    assert work.read == 40


def test_what_fails_in_the_middle_takes_nothing_with_it(tmp_path: Path) -> None:
    store = store_of(tmp_path, 3)
    with removing(store) as remove:
        remove("i0")
        with pytest.raises(NotFoundError):
            remove("i0")
        remove("i1")
    assert set(store.names.all()) == {"docker.io/library/i2:latest"}


def test_one_that_fails_half_way_is_left_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(tmp_path, 2)
    record = store.images.all()[0]
    index = store.blobs.put(index_json([{"mediaType": "m", "digest": record.manifest, "size": 1}]))
    store.names.set("docker.io/library/both:latest", index)

    def broken(*_: object) -> list[str]:
        raise NotFoundError("lost meanwhile")

    monkeypatch.setattr("wherry.images.index.remove_index", broken)
    with removing(store) as remove:
        remove("i0")
        with pytest.raises(NotFoundError):
            remove("both")
    assert set(store.names.all()) == {"docker.io/library/both:latest", "docker.io/library/i1:latest"}


def test_an_exception_leaves_all_of_them(tmp_path: Path) -> None:
    store = store_of(tmp_path, 2)
    before = (tmp_path / "index.json").read_bytes()
    with pytest.raises(KeyboardInterrupt), removing(store) as remove:
        remove("i0")
        raise KeyboardInterrupt
    assert len(store.images.all()) == 2 and (tmp_path / "index.json").read_bytes() == before
    with removing(store) as remove:
        remove("i0")
    assert len(json.loads((tmp_path / "index.json").read_text())["manifests"]) == 1


def test_many_images_are_listed_with_as_many_statements_as_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(tmp_path, 60)
    statements = []
    execute = Database.execute

    def counted(database: Database, statement: str, *values: object) -> list[tuple[object, ...]]:
        statements.append(statement)
        return execute(database, statement, *values)

    monkeypatch.setattr(Database, "execute", counted)
    rows = list_images(store)
    assert [row.repository for row in rows] == [f"i{number}" for number in reversed(range(60))]
    # One that is not found by its key looks at every row.
    assert sum(" FROM names" in each for each in statements) <= 3
    assert len(statements) <= 60 + 5
