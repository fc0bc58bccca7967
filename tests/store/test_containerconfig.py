"""What containers were made with is read whoever wrote it, and refused where it is newer."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

import pytest

from support.image import build_two_layers
from support.wherry import Wherry
from wherry.errors import NewerRecordError, StorageError
from wherry.store import Store
from wherry.store.containerconfig import (
    ContainerConfig,
    ExtraHost,
    Port,
    ProcessConfig,
    VolumeMount,
    from_json,
    to_json,
)

FIXTURES = Path(__file__).parent / "fixtures"
SHOWN: dict[str, Any] = json.loads((FIXTURES / "store-2.inspect.json").read_text())
FULL = ContainerConfig(
    layers=("sha256:a", "sha256:b"),
    network="private",
    ports=(Port("127.0.0.1", 0, 80, "tcp"),),
    published=(Port("127.0.0.1", 40000, 80, "tcp"),),
    volumes=(VolumeMount("pages", "/pages"), VolumeMount("", "/anon", readonly=True)),
    image_volumes=("/data",),
    hosts=(ExtraHost("db", "10.0.0.1"),),
    rm=True,
    read_only=True,
    stop_timeout=3,
    process=ProcessConfig(
        entrypoint=("/a",),
        command=("b", "ü"),
        env=("A=1",),
        workdir="/w",
        user="7:8",
        hostname="box",
        image="img",
        labels=(("k", "v"),),
        tty=True,
        open_stdin=True,
    ),
)


@pytest.fixture
def old(tmp_path: Path) -> Wherry:
    """A store of schema 2, with containers of version 1 and a volume without a record."""
    with tarfile.open(FIXTURES / "store-2.tar.gz") as tar:
        tar.extractall(tmp_path, filter="fully_trusted")
    return Wherry(tmp_path / "store")


@pytest.mark.parametrize("config", [ContainerConfig(ProcessConfig()), FULL])
def test_what_is_written_is_read_again(config: ContainerConfig) -> None:
    value = json.loads(json.dumps(to_json(config)))
    again = from_json(value, "box")
    assert again._replace(process=config.process) == config
    assert again.process._replace(rest=config.process.rest) == config.process
    assert to_json(again) == value


def test_the_written_form_is_the_documented_one() -> None:
    value = to_json(FULL)
    assert value["version"] == 2 and "process" not in value
    assert value["published"] == [
        {"address": "127.0.0.1", "host": 40000, "container": 80, "protocol": "tcp"}
    ]
    assert value["volumes"][1] == {"source": "", "target": "/anon", "readonly": True}
    assert value["hosts"] == [{"name": "db", "address": "10.0.0.1"}]


def test_what_nobody_knows_of_in_an_images_configuration_stays_as_it_was() -> None:
    rest = '{"Zeta": {"b": 1.50, "a": [null, 12345678901234567890]}, "User": "0", "Healthcheck": {}}'
    config = FULL._replace(process=FULL.process._replace(rest=rest))
    shown = from_json(json.loads(json.dumps(to_json(config))), "box").process.to_docker()
    assert list(shown)[:3] == ["Zeta", "User", "Healthcheck"]
    assert shown["Zeta"] == json.loads(rest)["Zeta"] and shown["User"] == "7:8"


def test_a_newer_one_is_refused_by_name() -> None:
    for version in (3, "2", None, 2.5):
        with pytest.raises(NewerRecordError, match=f"container box .*record {version}"):
            from_json({**to_json(FULL), "version": version}, "box")


@pytest.mark.parametrize("name", [*to_json(FULL), "unknown"])
@pytest.mark.parametrize("value", [None, 7, "x", [7], [[7]], {"a": 1}])
def test_a_damaged_one_is_refused_by_name_or_read_never_a_fault(name: str, value: Any) -> None:
    damaged = {**to_json(FULL), name: value}
    try:
        from_json(damaged, "box")
    except StorageError as error:
        assert "container box" in error.message


@pytest.mark.parametrize("value", [None, [], "", 3])
def test_what_is_no_object_is_damaged(value: Any) -> None:
    with pytest.raises(StorageError, match="the record of container box is damaged"):
        from_json(value, "box")


@pytest.mark.parametrize("name", SHOWN)
def test_containers_of_the_version_before_are_shown_byte_for_byte(old: Wherry, name: str) -> None:
    shown = json.loads(old("inspect", name))[0]
    for part, value in SHOWN[name].items():
        if part != "Mounts":
            assert json.dumps(shown[part]) == json.dumps(value), part
    # Mounts are told in more detail now, and with the image's volumes: where they are, and of which kind.
    mounts = {mount["Destination"]: (mount["Type"], mount["RW"]) for mount in shown["Mounts"]}
    before = {mount["Destination"]: (mount["Type"], mount["RW"]) for mount in SHOWN[name]["Mounts"]}
    assert before.items() <= mounts.items()
    config = Store.open(str(old.root)).containers.by_name(name)
    assert config is not None and len(config.config.layers) == 2


def test_ports_of_the_version_before_are_known(old: Wherry) -> None:
    store = Store.open(str(old.root))
    record = store.containers.by_name("full")
    assert record is not None
    assert record.config.published == (Port("127.0.0.1", 8080, 80, "tcp"), Port("", 40053, 53, "udp"))
    assert record.config.hosts == (ExtraHost("db", "10.0.0.1"),)
    store.containers.update(record.id, exit_code=4)  # the file beside it is written in the new form
    saved = store.containers.saved(record.id)
    assert saved is not None and saved.config == record.config
    file = json.loads((old.root / "containers" / record.id / "record.json").read_text())
    assert file["config"]["version"] == 2


def test_a_database_is_made_again_from_record_files_of_both_versions(old: Wherry) -> None:
    store = Store.open(str(old.root))
    record = store.containers.by_name("plain")
    assert record is not None
    store.containers.save(record.id)
    store.database.close()
    for end in ("", "-wal", "-shm"):
        (old.root / f"wherry.db{end}").unlink(missing_ok=True)
    assert "3 containers, 1 volume" in old.run("system", "check", "--repair").stdout
    for name, parts in SHOWN.items():
        assert json.loads(old("inspect", name))[0]["Config"] == parts["Config"]


def test_repair_leaves_all_as_it_is_where_a_newer_version_recorded_a_container(
    wherry: Wherry, tmp_path: Path
) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "box", "img", "/one")
    box = wherry("ps", "-aq", "--no-trunc")
    file = wherry.root / "containers" / box / "record.json"
    value = json.loads(file.read_text())
    value["config"]["version"] = 99
    file.write_text(json.dumps(value))
    found = wherry.run("system", "check")
    assert found.returncode == 1 and "newer version of wherry" in found.stdout
    for end in ("", "-wal", "-shm"):
        (wherry.root / f"wherry.db{end}").unlink(missing_ok=True)
    error = wherry.fails("system", "check", "--repair", code=1)
    assert "container box was recorded by another version of wherry (record 99)" in error
    assert file.exists() and not (wherry.root / "lost").exists()


def test_nothing_is_collected_where_a_container_is_not_understood(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "box", "img", "/one")
    connection = sqlite3.connect(wherry.root / "wherry.db")
    connection.execute("UPDATE containers SET config=?", ('{"version": 99}',))
    connection.commit()
    connection.close()
    before = sorted((wherry.root / "layers").iterdir())
    assert "container box" in wherry.fails("prune", "-af", code=1)
    assert sorted((wherry.root / "layers").iterdir()) == before
