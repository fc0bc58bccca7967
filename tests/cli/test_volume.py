"""``wherry volume …``, in Docker's words."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.image import build_two_layers
from support.ways import by_plain_user
from support.wherry import Wherry
from wherry.store import Store


def test_a_volume_is_created_listed_shown_and_removed(wherry: Wherry) -> None:
    assert wherry("volume", "create", "--label", "a=b", "--label", "c", "data") == "data"
    assert wherry("volume", "create", "data") == "data"  # as docker: it is there
    assert wherry("volume", "ls") == "DRIVER   VOLUME NAME\nlocal    data"
    assert wherry("volume", "list", "-q") == "data"
    (shown,) = json.loads(wherry("volume", "inspect", "data"))
    assert shown["Labels"] == {"a": "b", "c": ""} and shown["CreatedBy"] == "volume create"
    assert shown["Mountpoint"] == str(wherry.root / "volumes/data")
    assert list(shown) == sorted(shown)
    assert wherry("volume", "inspect", "-f", "{{.Name}} {{.Driver}}", "data") == "data local"
    assert wherry("volume", "rm", "data") == "data"
    assert wherry("volume", "ls", "-q") == ""


def test_what_is_not_there_is_said_by_name_and_the_rest_is_done(wherry: Wherry) -> None:
    wherry("volume", "create", "data")
    done = wherry.run("volume", "rm", "nothing", "data")
    assert done.returncode == 1 and done.stdout == "data\n"
    assert "error: get nothing: no such volume" in done.stderr
    assert wherry("volume", "rm", "-f", "nothing") == "nothing"
    done = wherry.run("volume", "inspect", "nothing")
    assert done.returncode == 1 and done.stdout == "[]\n"
    wherry("volume", "create", "database")
    assert "did you mean database?" in wherry.fails("volume", "inspect", "databse", code=1)


@pytest.mark.parametrize("name", ["/etc", "../x", ".x", "a/b", "a\nb", "ü", "-"])
def test_a_name_leads_nowhere(wherry: Wherry, name: str) -> None:
    assert "invalid characters" in wherry.fails("volume", "create", "--", name, code=125)
    assert "no such volume" in wherry.fails("volume", "rm", "--", name, code=1)
    assert not (wherry.root / "volumes").exists()


def test_a_name_that_no_folder_can_have_is_refused(wherry: Wherry) -> None:
    assert "at most 255" in wherry.fails("volume", "create", "a" * 256, code=125)
    assert wherry("volume", "create", "a" * 255) == "a" * 255


def test_drivers_and_their_options_are_refused_by_name(wherry: Wherry) -> None:
    assert '"nfs"' in wherry.fails("volume", "create", "-d", "nfs", "x", code=1)
    assert "type=tmpfs" in wherry.fails("volume", "create", "-o", "type=tmpfs", "x", code=1)
    assert wherry("volume", "ls", "-q") == ""


def test_filters_and_formats(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("volume", "create", "--label", "k=v", "one")
    wherry("volume", "create", "two")
    wherry("create", "--name", "box", "-v", "two:/two", "img", "/one")
    ls = ("volume", "ls", "-q", "-f")
    assert wherry(*ls, "dangling=true") == "one"
    assert wherry(*ls, "dangling=false") == "two"
    assert wherry(*ls, "label=k") == wherry(*ls, "label=k=v") == wherry(*ls, "name=on") == "one"
    assert wherry(*ls, "label=k=w") == wherry(*ls, "driver=nfs") == ""
    assert wherry("volume", "ls", "--format", "{{.Name}}:{{.Labels}}") == "one:k=v\ntwo:"
    assert "invalid filter" in wherry.fails(*ls, "size=1", code=125)


def test_a_volume_in_use_is_kept_whether_its_container_runs_or_not(wherry: Wherry, tmp_path: Path) -> None:
    build_two_layers(wherry, tmp_path / "c")
    wherry("create", "--name", "box", "-v", "data:/data", "img", "/one")
    box = wherry("ps", "-aq", "--no-trunc")
    wherry("volume", "create", "data")
    for force in ([], ["-f"]):
        assert f"remove data: volume is in use - [{box}]" in wherry.fails("volume", "rm", *force, "data")
    wherry("volume", "prune", "-af")
    assert wherry("volume", "ls", "-q") == "data"
    wherry("rm", "box")
    wherry("volume", "rm", "data")


def test_prune_takes_the_nameless_ones_and_with_all_the_others(wherry: Wherry) -> None:
    nameless = wherry("volume", "create")
    assert len(nameless) == 64
    for name in ("keep", "labelled"):
        wherry("volume", "create", *(["--label", "k=v"] if name == "labelled" else []), name)
    (wherry.root / "volumes/keep").mkdir(parents=True)
    (wherry.root / "volumes/keep/file").write_bytes(b"x" * 100_000)
    assert "cannot ask for confirmation" in wherry.fails("volume", "prune", code=125)
    shown = wherry("volume", "prune", "-f")
    assert shown == f"Deleted Volumes:\n{nameless}\n\nTotal reclaimed space: 0B"
    assert wherry("volume", "prune", "-af", "--filter", "label!=k").startswith("Deleted Volumes:\nkeep\n\n")
    assert wherry("volume", "ls", "-q") == "labelled"
    assert "labelled" in wherry("volume", "prune", "-af", "--filter", "label=k=v")
    assert wherry("volume", "prune", "-af") == "Total reclaimed space: 0B"
    assert os.listdir(wherry.root / "volumes") == []


@pytest.mark.mounts
def test_a_created_volume_begins_with_what_the_image_has_there(bb: Wherry) -> None:
    bb("volume", "create", "--label", "k=v", "data")
    assert bb("run", "--rm", "-v", "data:/bin2", "-v", "copy:/bin", "bb", "sh", "-c", "ls /bin2") == ""
    bb("volume", "create", "begun")
    assert "sh" in bb("run", "--rm", "-v", "begun:/bin", "bb", "ls", "/bin").split()
    (shown,) = json.loads(bb("volume", "inspect", "data"))
    assert shown["Labels"] == {"k": "v"} and shown["CreatedBy"] == "volume create"
    (copy,) = json.loads(bb("volume", "inspect", "copy"))
    assert len(copy["CreatedBy"]) == 64


@pytest.mark.mounts
def test_of_a_removal_and_a_container_at_once_one_is_earlier(bb: Wherry) -> None:
    for _ in range(10):
        bb("run", "--rm", "-v", "data:/d", "bb", "sh", "-c", "echo mine > /d/file")
        creation = bb.start("create", "--name", "box", "-v", "data:/d", "bb", "cat", "/d/file")
        removal = bb.run("volume", "rm", "data")
        creation.communicate()
        assert creation.returncode == 0
        started = bb.run("start", "-a", "box")
        assert (removal.returncode, started.stdout) in ((0, ""), (1, "mine\n"))
        bb("rm", "box")


@pytest.mark.root
@pytest.mark.rootless
def test_a_plain_user_removes_what_subordinate_ids_own(bb: Wherry, entered_by_all: Path) -> None:
    plain = by_plain_user(entered_by_all, bb, "crun")
    plain("run", "--rm", "-v", "data:/d", "bb", "sh", "-c", "touch /d/x; chown 7:7 /d/x /d; chmod 700 /d")
    plain("system", "df")
    assert plain("volume", "rm", "data") == "data"
    assert not (plain.root / "volumes/data").exists()


def test_completion_names_volumes(wherry: Wherry) -> None:
    script = wherry("completion", "bash")
    assert '"volume rm") words=' in script and "wherry volume ls -q" in script
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_a_volume_is_listed_where_nothing_can_be_written(wherry: Wherry) -> None:
    store = Store.open(str(wherry.root))
    os.makedirs(store.volumes.path("found"))
    store.images.all()
    store.database.execute("PRAGMA query_only=ON")
    assert [record.name for record in store.volumes.all()] == ["found"]
    store.database.close()
