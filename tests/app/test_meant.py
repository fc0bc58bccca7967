"""What words mean: names of the store, places that say so themselves, paths."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.app.compare import compare
from wherry.app.meant import Asked, Meant, meant
from wherry.copying.places import Place
from wherry.errors import InvalidReferenceError, NeedsNamespace, NotFoundError, UsageError
from wherry.runtime import PLAIN, Runtime
from wherry.store import Store


def test_names_come_before_paths_unless_they_begin_as_paths(
    bb: Wherry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = Store.open(Runtime(str(bb.root)))
    os.mkdir("bb")
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout/index.json").touch()
    (tmp_path / "Archive.tar").touch()
    for word in ("bb", "wherry:bb", "bb:latest"):
        image = meant(store, word, None).image
        assert image is not None and image.names() == ["bb:latest"]
    assert meant(store, "./bb", None) == Meant(path="./bb")
    assert meant(store, f"{tmp_path}/bb", None) == Meant(path=f"{tmp_path}/bb")
    assert meant(store, "dir:bb", None) == Meant(path="bb")
    assert meant(store, "layout", None) == Meant(place=Place("oci", "layout"))
    assert meant(store, "Archive.tar", None) == Meant(path="Archive.tar")
    assert meant(store, "docker://a/b", None) == Meant(place=Place("docker", "a/b"))
    assert meant(store, "oci-archive:x:y", None) == Meant(place=Place("oci-archive", "x", "y"))
    with pytest.raises(NotFoundError) as error:
        meant(store, "nothing", None)
    assert error.value.hint is not None and "docker://NAME asks a registry" in error.value.hint
    with pytest.raises(InvalidReferenceError):
        meant(store, "Not here", None)
    with pytest.raises(UsageError):
        meant(store, "docker:bb", None)


def test_a_plain_user_compares_in_a_namespace_once_there_is_something_to_compare(bb: Wherry) -> None:
    store = Store.open(Runtime(str(bb.root), PLAIN))
    asked = Asked(lambda: pytest.fail("no registry is asked"), None, None)  # type: ignore[arg-type]
    with pytest.raises(NotFoundError):
        compare(store, ["bb", "nothing"], asked)
    with pytest.raises(NeedsNamespace):
        compare(store, ["bb"], asked)
