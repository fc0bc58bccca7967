"""What every test may ask for: a live part of the machine, a store, a way to run wherry.

A test that needs something this machine lacks says so through `require`; under
``WHERRY_REQUIRE_LIVE=1`` (CI) that is a failure instead of a skip.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

sys.path.insert(0, os.path.dirname(__file__))

from support.machine import mounts_work, namespaces_work, require
from support.wherry import Wherry

NEEDS_PROGRAM = {
    "nginx": "nginx",
    "dockerd": "dockerd",
    "registry": "docker-registry",
    "browser": "chromedriver",
}
# Files whose tests share what takes long to make: one process runs all of a line.
TOGETHER = (
    ("live/test_demo.py", "live/test_install.py"),
    ("slim/test_programs.py", "slim/test_suggest.py"),
)
# Long ones that would begin late, and be waited for while the other process is idle: they go first.
LONGEST = (*TOGETHER[0], *TOGETHER[1], "store/test_power.py", "store/test_readonly.py")


def pytest_configure() -> None:
    """Begun by nohup, or in the background of a script, we ignore these, and so does what tests start."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; else as they are."""
    items.sort(
        key=lambda item: LONGEST.index(name) if (name := file_of(item.nodeid)) in LONGEST else len(LONGEST)
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """With ``--dist loadfile``: one process runs all of a file, and of files that go together."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFiles(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((files[0] for files in TOGETHER if file_of(nodeid) in files), file_of(nodeid))

    return ByFiles(config, log)


def file_of(nodeid: str) -> str:
    """The name of a test's file below this folder."""
    return nodeid.partition("::")[0].removeprefix("tests/")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers():
        if mark.name == "root":
            require(os.geteuid() == 0 and mounts_work(), "needs root on a machine that may mount")
        elif mark.name == "mounts":
            require(mounts_work() if os.geteuid() == 0 else namespaces_work(), "needs mounts")
        elif mark.name == "runtime":
            require(bool(shutil.which("crun") or shutil.which("runc")), "needs crun or runc on PATH")
        elif mark.name in NEEDS_PROGRAM:
            program = NEEDS_PROGRAM[mark.name]
            require(shutil.which(program) is not None, f"needs {program} on PATH")


@pytest.fixture(autouse=True)
def _no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WHERRY_ROOT", "WHERRY_ISOLATION", "WHERRY_DEBUG", "SOURCE_DATE_EPOCH", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def wherry(tmp_path: Path) -> Iterator[Wherry]:
    """The command on an empty store of its own; the end of the test ends what it started."""
    command = Wherry(tmp_path / "store")
    yield command
    command.end_started()


@pytest.fixture(scope="session")
def busybox_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds the image ``bb`` (busybox and nothing else).  Copy it, do not change it."""
    require(os.path.exists("/bin/busybox"), "needs Debian's busybox-static")
    root = tmp_path_factory.mktemp("busybox") / "store"
    from support.busybox import import_busybox

    import_busybox(Wherry(root))
    return root


@pytest.fixture
def bb(busybox_store: Path, tmp_path: Path) -> Iterator[Wherry]:
    """The command on a store of its own that holds the image ``bb``; leaves no container running."""
    root = tmp_path / "bb-store"
    shutil.copytree(busybox_store, root, symlinks=True)
    command = Wherry(root)
    yield command
    command.end()


@pytest.fixture
def entered_by_all() -> Iterator[Path]:
    """A folder that other users may enter, for what they run."""
    folder = Path(tempfile.mkdtemp(prefix="wherry-entered-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
