"""What a plain user's layers must be verified by is known in their user namespace only."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.plain import PLAIN, plain_user
from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.rootless]


@pytest.fixture
def plain(open_folder: Path) -> Iterator[Wherry]:
    folder = open_folder / "after-boot"
    folder.mkdir()
    yield plain_user(folder)
    shutil.rmtree(folder)


def marks(wherry: Wherry, change: str = "") -> set[str]:
    connection = sqlite3.connect(wherry.root / "wherry.db")
    if change:
        connection.execute("UPDATE layers SET mark=?", (change,))
        connection.commit()
    found = {row[0] for row in connection.execute("SELECT mark FROM layers")}
    connection.close()
    for end in ("", "-wal", "-shm"):
        if (path := wherry.root / f"wherry.db{end}").exists():
            os.chown(path, PLAIN, PLAIN)
    return found


def checked(wherry: Wherry) -> str:
    wherry("images")  # sweeps the temporary folder of the build that started again in the namespace
    return wherry("system", "check")


def test_a_plain_users_cached_build_after_a_boot_verifies_its_layers_and_gives_the_same_image(
    plain: Wherry,
) -> None:
    context = plain.root.parent / "c"
    context.mkdir()
    (context / "f").write_text("secret")
    (context / "Dockerfile").write_text("FROM scratch\nCOPY --chown=5:6 --chmod=600 f /f\n")
    image = plain("build", "-q", "-t", "img", str(context))
    marks(plain, "another-boot 1 2")
    assert plain("build", "-q", "-t", "img", str(context)) == image
    assert all(mark.startswith("tree ") for mark in marks(plain))
    assert checked(plain) == "nothing is wrong"
    file = next((plain.root / "layers").glob("*/f"))
    marks(plain, "another-boot 1 2")
    file.write_text("public")
    plain("build", "-q", "-t", "img", str(context))
    assert next((plain.root / "layers").glob("*/f")).read_text() == "secret"
    assert checked(plain) == "nothing is wrong"
