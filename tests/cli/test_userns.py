"""A plain user's command begins in a user namespace where it needs layers, and tells nothing twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.plain import PYTHON, plain_user
from support.wherry import Wherry
from wherry.cli.core.surroundings import runtime
from wherry.errors import NeedsNamespace
from wherry.runtime import NAMESPACE, PLAIN, ROOT, Runtime

pytestmark = [pytest.mark.rootless, pytest.mark.mounts]


@pytest.fixture
def plain(entered_by_all: Path) -> Wherry:
    return plain_user(entered_by_all)


@pytest.fixture
def context(plain: Wherry) -> Path:
    folder = plain.root.parent / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\nENV A=1\nCOPY file /\nENV B=2\n")
    (folder / "file").write_text("file")
    return folder


def test_a_step_found_missing_late_begins_again_and_every_step_is_told_once(
    plain: Wherry, context: Path
) -> None:
    first = plain.run("build", "-t", "i", "--progress", "plain", str(context))
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("COPY file /") == 1
    assert len(os.listdir(plain.root / "builds")) == 1
    (context / "file").write_text("another")
    again = plain.run("build", "-t", "i", "--progress", "plain", str(context))
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("COPY file /") == 1
    assert again.stderr.count("naming to i") == 1
    assert len(os.listdir(plain.root / "builds")) == 2
    assert not os.listdir(plain.root / "tmp")


def test_a_cached_build_stays_outside(plain: Wherry, context: Path) -> None:
    made = plain.build(context)
    # Without newuidmap on PATH there is no way into a namespace.
    start = plain.prefix.index(PYTHON)
    plain.prefix[start:start] = ["/usr/bin/env", "PATH=/nowhere"]
    assert plain.build(context) == made
    (context / "file").write_text("another")
    assert "newuidmap is not on PATH" in plain.fails("build", str(context))


def test_who_is_asked_is_asked_once_and_inside(plain: Wherry, context: Path) -> None:
    plain.build(context)
    assert "cannot ask for confirmation" in plain.fails("prune")
    assert "Total:" in plain("prune", "-f", "-a")


def test_the_umask_of_the_caller_reaches_the_files_that_they_name(plain: Wherry, context: Path) -> None:
    plain.build(context, None, "-t", "i")
    archive = plain.root.parent / "i.tar"
    plain("save", "-o", str(archive), "i", umask=0o077)
    assert archive.stat().st_mode & 0o777 == 0o600


def test_the_runtime_is_what_was_asked_for_before_what_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WHERRY_ROOT", "WHERRY_ISOLATION", "WHERRY_RUNTIME", "WHERRY_USERNS"):
        monkeypatch.delenv(name, raising=False)
    who = runtime(None, None)
    assert (who.store, who.identity, who.isolation) == ("/var/lib/wherry", ROOT, "auto")
    monkeypatch.setenv("WHERRY_ROOT", "here")
    monkeypatch.setenv("WHERRY_ISOLATION", "chroot")
    monkeypatch.setenv("WHERRY_RUNTIME", "runc")
    who = runtime(None, None)
    assert (who.store, who.isolation, who.oci_runtime) == (f"{tmp_path}/here", "chroot", "runc")
    assert runtime("there", "oci")[:3] == (f"{tmp_path}/there", ROOT, "oci")
    monkeypatch.delenv("WHERRY_ROOT")
    monkeypatch.setenv("WHERRY_USERNS", "1")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert runtime(None, None)[:2] == ("/data/wherry", NAMESPACE)


def test_only_a_plain_user_has_to_begin_again() -> None:
    for identity in (ROOT, NAMESPACE):
        Runtime("/s", identity).need_layers()
    with pytest.raises(NeedsNamespace):
        Runtime("/s", PLAIN).need_layers()


@pytest.mark.parametrize("name", ["wherry/__init__.py", "sqlite3.py", "json.py"])
def test_a_project_has_no_say_in_what_is_imported(plain: Wherry, context: Path, name: str) -> None:
    """It may be somebody else's: what is built runs in a sandbox, its Python files nowhere."""
    trap = context / name
    trap.parent.mkdir(exist_ok=True)
    trap.write_text("raise SystemExit('the project was imported')\n")
    done = plain.run("build", ".", cwd=context)
    assert done.returncode == 0, done.stderr
