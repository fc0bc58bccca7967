"""Containers as a program asks for them: in one process, on two stores at once, with nothing printed."""

from __future__ import annotations

import io
import tarfile
import threading
from pathlib import Path

import pytest

from support.waiting import wait_until
from support.wherry import Wherry
from wherry.app import containers
from wherry.app.copy import CopySpec, copy_from, copy_into, stream_out
from wherry.app.prune import prune_containers
from wherry.app.usage import usage
from wherry.app.volumes import create_volume, volumes
from wherry.containers.create import CreateOptions
from wherry.errors import ConflictError, NotFoundError, UsageError
from wherry.oci.signals import parse_signal
from wherry.store import Store

SCRIPT = "echo out; echo err >&2; echo $NAME > /d/file; while :; do sleep 0.05; done"


def whole_life(root: Path, name: str, folder: Path, found: dict[str, object]) -> None:
    """Everything that may be asked of a container."""
    store = Store.open(str(root))
    create_volume(store, "data")
    options = CreateOptions(
        image="bb",
        command=("sh", "-c", SCRIPT),
        name=name,
        env=(f"NAME={name}",),
        volumes=("data:/d",),
        labels=(f"mine={name}",),
    )
    containers.create(store, options)
    containers.start(store, name)
    containers.start(store, name)
    wait_until(lambda: len(list(containers.logs(store, name))) >= 2)
    lines = {(line.stream, line.text) for line in containers.logs(store, name)}
    assert lines == {("stdout", "out\n"), ("stderr", "err\n")}
    assert [record.name for record in containers.containers(store)] == [name]
    with pytest.raises(ConflictError):
        containers.remove(store, name)
    containers.stop(store, name, 0)
    assert containers.containers(store) == []
    wanted = [containers.Filter("label", f"mine={name}"), containers.Filter("exited", "137")]
    (record,) = containers.containers(store, filters=wanted)
    sink = io.BytesIO()
    stream_out(store, CopySpec(name, "/bin/busybox"), sink)
    sink.seek(0)
    with tarfile.open(fileobj=sink) as tar:
        assert tar.getnames() == ["busybox"]
    copy_from(store, CopySpec(name, "/bin/busybox", str(folder / name)))
    found[name] = (folder / name).stat().st_size, record.config.process.labels
    assert Path(store.volumes.path("data"), "file").read_text() == f"{name}\n"
    (volume,) = volumes(store)
    assert volume.containers == (record.id,)
    assert [each.active for each in usage(store)[:3]] == [1, 0, 1]
    assert prune_containers(store, keep=lambda each: each.id != record.id).names == (record.id,)
    assert containers.remove(store, name, force=True) is False
    store.database.close()


@pytest.mark.mounts
def test_two_stores_are_used_from_two_threads_with_nothing_printed(
    bb: Wherry, busybox_store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    other = Wherry(tmp_path / "other")
    bb("save", "-o", str(tmp_path / "bb.tar"), "bb")
    other("load", "-q", "-i", str(tmp_path / "bb.tar"))
    capfd.readouterr()
    found: dict[str, object] = {}
    threads = [
        threading.Thread(target=whole_life, args=(root, name, tmp_path, found))
        for root, name in ((bb.root, "one"), (other.root, "two"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    size = Path("/bin/busybox").stat().st_size
    assert found == {name: (size, (("mine", name),)) for name in ("one", "two")}
    assert capfd.readouterr() == ("", "")


def test_what_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path / "s"))
    for ask in (
        lambda: containers.create(store, CreateOptions("nothing")),
        lambda: containers.start(store, "nothing"),
        lambda: containers.stop(store, "nothing"),
        lambda: containers.kill(store, "nothing", parse_signal("KILL")),
        lambda: containers.remove(store, "nothing"),
        lambda: list(containers.logs(store, "nothing")),
        lambda: copy_from(store, CopySpec("nothing", "/a", str(tmp_path / "a"))),
        lambda: copy_into(store, CopySpec("nothing", "/a", str(tmp_path))),
    ):
        with pytest.raises(NotFoundError):
            ask()
    with pytest.raises(UsageError, match="invalid filter"):
        containers.containers(store, filters=[containers.Filter("colour", "red")])
