"""The ways of isolating a process, for the tests that all of them must pass."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ways import WAYS, by_plain_user, by_root
from support.wherry import Wherry


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, bb: Wherry) -> Wherry:
    """Root's."""
    return by_root(request.param, bb)


@pytest.fixture(params=[*WAYS, "plain user, crun", "plain user, runc"])
def every_way(request: pytest.FixtureRequest, bb: Wherry) -> Iterator[Wherry]:
    """Root's and a plain user's."""
    if request.param in WAYS:
        yield by_root(request.param, bb)
        return
    folder = Path(tempfile.mkdtemp(prefix="wl"))
    os.chmod(folder, 0o755)  # which pytest's own folders are not
    yield by_plain_user(folder, bb, request.param.split()[-1])
    shutil.rmtree(folder)


@pytest.fixture
def scratch(every_way: Wherry) -> Path:
    """A folder that whoever goes this way may enter, write into and mount."""
    folder = every_way.root.parent / "scratch"
    folder.mkdir()
    folder.chmod(0o777)
    return folder
