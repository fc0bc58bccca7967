"""A lost database is never taken for an empty store, and an old one is brought to this version."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.image import build_two_layers
from support.wherry import Wherry
from wherry.errors import StorageError
from wherry.store import Store
from wherry.store.database import Database
from wherry.store.schema import SCHEMA_VERSION

FIXTURES = Path(__file__).parent / "fixtures"
HINT = "wherry system check --repair"


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def other_program(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (name TEXT)")
    connection.commit()
    connection.close()


def without_a_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE images")
    connection.commit()
    connection.close()


LOSSES: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "half": half,
    "garbage": lambda path: path.write_bytes(os.urandom(32768)),
    "text": lambda path: path.write_bytes(b"this is no database" * 1000),
    "another program's": other_program,
    "without a table": without_a_table,
}


def contents(root: Path) -> dict[str, bytes | None]:
    return {
        str(p.relative_to(root)): p.read_bytes() if p.is_file() else None
        for folder in ("blobs", "layers", "containers", "volumes")
        for p in sorted((root / folder).rglob("*"))
    }


def lose(root: Path, how: str) -> None:
    for end in ("-wal", "-shm"):
        (root / f"wherry.db{end}").unlink(missing_ok=True)
    LOSSES[how](root / "wherry.db")


@pytest.mark.parametrize("how", [how for how in LOSSES if how != "without a table"])
def test_with_its_database_lost_every_command_refuses_and_removes_nothing(
    wherry: Wherry, tmp_path: Path, how: str
) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "box", "img", "/one")
    lose(wherry.root, how)
    before = contents(wherry.root)
    words = [
        "images",
        "ps -a",
        "prune -af",
        "rmi img",
        "history img",
        "rm box",
        "tag img b",
        "create img x",
    ]
    for each in [*words, f"build {tmp_path}/c", f"build -t other {tmp_path}/c"]:
        error = wherry.fails(*each.split(), code=1)
        said = [line for line in error.splitlines() if line and not line.startswith("#")]
        assert len(said) == 2 and HINT in said[1], error
    assert contents(wherry.root) == before


@pytest.mark.parametrize("how", LOSSES)
def test_repair_makes_a_lost_database_again(wherry: Wherry, tmp_path: Path, how: str) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("tag", "img", "example.com/other:1")
    wherry("create", "--name", "box", "-v", "/data", "img", "/one")
    box = wherry("ps", "-aq", "--no-trunc")
    upper = wherry.root / "containers" / box / "upper"
    upper.mkdir()
    (upper / "mine").write_text("mine")
    names = wherry("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}", "--no-trunc")
    lose(wherry.root, how)
    before = contents(wherry.root)
    found = wherry.run("system", "check")
    assert found.returncode == 1 and "database wherry.db" in found.stdout
    assert contents(wherry.root) == before
    assert "2 names, 1 image, 2 layers, 1 container" in wherry("system", "check", "--repair")
    assert contents(wherry.root) == before
    listed = wherry("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}} {{.Size}}", "--no-trunc")
    assert sorted(listed.splitlines()) == sorted(names.splitlines())
    assert wherry("ps", "-aq", "--no-trunc") == box
    assert wherry("system", "check") == "nothing is wrong"
    wherry("prune", "-af")
    assert contents(wherry.root) == before
    assert build_two_layers(wherry, tmp_path / "c")


def test_files_of_a_container_without_any_record_are_set_aside_and_not_swept(
    wherry: Wherry, tmp_path: Path
) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "box", "img", "/one")
    box = wherry("ps", "-aq", "--no-trunc")
    (wherry.root / "containers" / box / "record.json").unlink()
    (wherry.root / "containers" / box / "data").write_text("mine")
    lose(wherry.root, "gone")
    done = wherry.run("system", "check", "--repair")
    assert done.returncode == 0 and box[:12] in done.stderr
    for words in (("system", "check", "--repair"), ("prune", "-af"), ("ps", "-a")):
        wherry(*words)
    assert (wherry.root / "lost" / box / "data").read_text() == "mine"


def test_loaded_layers_come_back_from_their_blobs_where_trees_and_database_are_lost(
    wherry: Wherry, tmp_path: Path
) -> None:
    other = Wherry(tmp_path / "other")
    build_two_layers(other, tmp_path / "c")
    other("save", "-o", str(tmp_path / "x.tar"), "img")
    wherry("load", "-i", str(tmp_path / "x.tar"))
    shutil.rmtree(wherry.root / "layers")
    lose(wherry.root, "gone")
    wherry("system", "check", "--repair")
    wherry("save", "-o", str(tmp_path / "y.tar"), "img")
    assert (tmp_path / "y.tar").read_bytes() == (tmp_path / "x.tar").read_bytes()


def test_a_new_store_is_no_lost_one_whoever_of_many_makes_it(tmp_path: Path) -> None:
    script = "import sys; from wherry.store import Store; s = Store.open(sys.argv[1]); s.blobs.put(b'x')"
    script += "; s.images.all()"
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "s")], stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    assert [process.communicate()[1] for process in started] == [b""] * 8


@pytest.mark.parametrize("code", ["READONLY_RECOVERY", "IOERR_SHMMAP", "CANTOPEN", "PROTOCOL", "BUSY"])
def test_what_a_crowd_gives_each_other_for_an_instant_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    Store.open(str(tmp_path / "s")).database.close()
    opened, refusals = Database._opened, iter(range(3))

    def refused_three_times(database: Database) -> sqlite3.Connection:
        if next(refusals, None) is None:
            return opened(database)
        error = sqlite3.OperationalError("an instant")
        error.sqlite_errorcode = getattr(sqlite3, f"SQLITE_{code}")
        raise error

    monkeypatch.setattr(Database, "_opened", refused_three_times)
    database = Database(str(tmp_path / "s/wherry.db"))
    database.execute("CREATE TABLE written (n)")
    assert next(refusals, None) is None


def test_a_store_whose_making_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    Store.open(str(tmp_path / "s")).database.close()
    for name in ("wherry.db", "index.json", "oci-layout"):
        (tmp_path / "s" / name).unlink()
        store = Store.open(str(tmp_path / "s"))
        assert store.images.all() == []
        store.database.close()
        assert (tmp_path / "s/index.json").exists() and (tmp_path / "s/oci-layout").exists()


def test_a_repair_that_is_killed_at_any_instant_is_done_by_the_next(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "box", "img", "/one")
    before = contents(wherry.root)
    for instant in range(10):
        lose(wherry.root, "gone" if instant % 2 else "garbage")
        repair = wherry.start("system", "check", "--repair")
        time.sleep(0.08 + 0.012 * instant)
        repair.kill()
        repair.wait()
        wherry("system", "check", "--repair")
        assert contents(wherry.root) == before
        assert "img" in wherry("images") and "box" in wherry("ps", "-a")


def old_store(folder: Path) -> Path:
    with tarfile.open(FIXTURES / "store-1.tar.gz") as tar:
        tar.extractall(folder, filter="fully_trusted")
    return folder / "store"


def test_a_store_of_version_1_is_migrated_and_its_layers_used(tmp_path: Path) -> None:
    wherry = Wherry(old_store(tmp_path))
    (tmp_path / "c").mkdir()
    (tmp_path / "c/hello").write_text("hello\n")
    (tmp_path / "c/hello").chmod(0o644)
    old = wherry("images", "-q", "--no-trunc")
    before = {path.stat().st_ino for path in (wherry.root / "layers").iterdir()}
    dockerfile = 'FROM scratch\nCOPY hello /hello\nCMD ["/hello"]\n'
    if os.geteuid() == 0:
        # Keys are of another version by now, so the step is made again; what was there stays.
        wherry.build(tmp_path / "c", dockerfile)
        assert {path.stat().st_ino for path in (wherry.root / "layers").iterdir()} > before
        wherry("save", "-o", str(tmp_path / "old.tar"), old)
    connection = sqlite3.connect(wherry.root / "wherry.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


def test_two_processes_migrate_one_store_at_once(tmp_path: Path) -> None:
    root = old_store(tmp_path)
    script = "import sys; from wherry.store import Store; print(len(Store.open(sys.argv[1]).layers.all()))"
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE)
        for _ in range(6)
    ]
    assert [process.communicate()[0] for process in started] == [b"1\n"] * 6


def test_a_newer_store_is_refused_by_name_every_time(tmp_path: Path) -> None:
    root = old_store(tmp_path)
    connection = sqlite3.connect(root / "wherry.db")
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    connection.close()
    store = Store.open(str(root))
    for _ in range(2):
        with pytest.raises(
            StorageError, match=rf"another version of wherry \(schema {SCHEMA_VERSION + 1}\)"
        ):
            store.images.all()


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = old_store(tmp_path)
    statements = ("ALTER TABLE layers ADD COLUMN mark TEXT", "ALTER TABLE nonsense ADD COLUMN x TEXT")
    with monkeypatch.context() as patch:
        patch.setattr("wherry.store.schema.MIGRATIONS", {1: statements, 2: ()})
        with pytest.raises(StorageError):
            Database(str(root / "wherry.db")).execute("SELECT 1")
    assert len(Store.open(str(root)).layers.all()) == 1


def test_what_removed_records_took_is_given_back(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "s"))
    with store.database.transaction():
        for number in range(2000):
            store.database.execute("INSERT INTO names VALUES (?,?)", f"{number:05}" * 100, "sha256:0")
    store.database.close()
    large = os.path.getsize(store.database.path)
    store.database.execute("DELETE FROM names WHERE name>?", "00099")
    store.database.shrink()
    assert len(store.names.all()) == 99
    store.database.close()
    assert os.path.getsize(store.database.path) < large / 4
    small = os.stat(store.database.path)
    store.database.execute("DELETE FROM names WHERE name<?", "00005")
    store.database.shrink()  # too little to be worth it
    store.database.close()
    assert os.path.getsize(store.database.path) == small.st_size


def test_a_database_that_others_write_is_not_shrunk_and_nothing_is_said(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "s"))
    store.database.execute("CREATE TABLE much (text)")
    store.database.execute("INSERT INTO much VALUES (?)", "x" * 1_000_000)
    store.database.execute("DELETE FROM much")
    store.database.execute("PRAGMA busy_timeout=50")
    other = sqlite3.connect(store.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store.database.shrink()
    other.close()
    store.database.shrink()
    store.database.close()
    assert os.path.getsize(store.database.path) < 500_000
