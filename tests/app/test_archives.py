"""Archives, registries, builds and what is inspected, as a program asks for them, with nothing printed."""

from __future__ import annotations

import io
import tarfile
import threading
from pathlib import Path

import pytest

from wherry.app import containers
from wherry.app.archives import commit, export, import_image, load, save
from wherry.app.build import build
from wherry.app.builds import builds, context_view, explain, find_build
from wherry.app.caches import cache, caches, export_cache, import_cache, remove_cache
from wherry.app.check import check_store
from wherry.app.images import images
from wherry.app.inspect import inspect
from wherry.app.registry import tags_here
from wherry.app.volumes import create_volume
from wherry.containers.create import CreateOptions
from wherry.errors import DockerfileError, InvalidReferenceError, NeedsNamespace, NotFoundError
from wherry.oci.reference import parse
from wherry.runtime import PLAIN, Runtime
from wherry.store import Store

pytestmark = pytest.mark.root


def tar(name: str, content: bytes) -> io.BytesIO:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as out:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        out.addfile(info, io.BytesIO(content))
    sink.seek(0)
    return sink


def reader(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]


def names(data: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getnames()


def life(root: Path, name: str, faults: list[BaseException]) -> None:
    try:
        _life(root, name)
    except BaseException as error:
        faults.append(error)


def _life(root: Path, name: str) -> None:
    store = Store.open(Runtime(str(root / "one")))
    other = Store.open(Runtime(str(root / "two")))
    image = import_image(store, tar(name, b"x"), name, changes=['CMD ["x"]'], message="from afar")
    assert find(store, name)["Config"]["Cmd"] == ["x"] and find(store, name)["Comment"] == "from afar"
    containers.create(store, CreateOptions(name, name="box"))
    sink = io.BytesIO()
    export(store, "box", sink)
    assert names(sink.getvalue()) == [name]
    second = commit(store, "box", f"{name}:two", changes=["ENV A=b"], author="me")
    assert second != image and find(store, second)["Config"]["Env"] == ["A=b"]
    sink = io.BytesIO()
    save(store, [f"{name}:latest", second], sink)
    loaded = load(other, reader(sink.getvalue()))
    assert {one.id: [n.familiar() for n in one.names] for one in loaded} == {
        image: [f"{name}:latest"],
        second: [],
    }
    assert [each.tag for each in tags_here(store, parse(name))] == ["latest", "two"]
    create_volume(store, "data")
    kinds = {kind: inspect(store, each, kind) for kind, each in KINDS_OF(name)}
    assert kinds["container"]["Name"] == "/box" and kinds["volume"]["Name"] == "data"
    for kind, wrong in (("image", "box"), ("container", name), ("volume", name)):
        with pytest.raises(NotFoundError, match=f"[Nn]o such {kind}"):
            inspect(store, wrong, kind)
    with pytest.raises(NotFoundError, match="No such object"):
        inspect(store, "nothing")
    import_cache(store, "mine", reader(tar("kept", b"y").getvalue()))
    assert [mount.id for mount in caches(store)] == ["mine"] == [cache(store, "mine").id]
    sink = io.BytesIO()
    export_cache(store, "mine", sink)
    assert names(sink.getvalue()) == ["kept"]
    remove_cache(store, "mine")
    with pytest.raises(NotFoundError):
        cache(store, "mine")
    assert list(check_store(Store(store.runtime))) == []
    for each in (store, other):
        each.database.close()


def KINDS_OF(name: str) -> tuple[tuple[str, str], ...]:  # noqa: N802
    return ("container", "box"), ("image", name), ("volume", "data")


def find(store: Store, name: str) -> dict:
    return inspect(store, name, "image")


def test_lives_of_archives_in_two_threads_on_four_stores(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    faults: list[BaseException] = []
    threads = [
        threading.Thread(target=life, args=(tmp_path / name, name, faults)) for name in ("first", "second")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert capfd.readouterr() == ("", "")


def test_wrong_names_and_changes_are_said_before_anything_is_read(tmp_path: Path) -> None:
    store = Store.open(Runtime(str(tmp_path / "s")))
    source = tar("x", b"x")
    with pytest.raises(InvalidReferenceError):
        import_image(store, source, "A:b:c")
    with pytest.raises(DockerfileError):
        import_image(store, source, "x", changes=["NOTHING x"])
    with pytest.raises(NotFoundError):
        save(store, ["nothing"], source)
    assert source.tell() == 0 and images(store) == []
    plain = Store.open(Runtime(str(tmp_path / "p"), PLAIN))
    for ask in (
        lambda: import_image(plain, source),
        lambda: load(plain, source),
        lambda: save(plain, ["x"], source),
        lambda: export(plain, "x", source),
        lambda: commit(plain, "x"),
    ):
        with pytest.raises(NeedsNamespace):
            ask()


def test_builds_are_found_and_explained(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    store = Store.open(Runtime(str(tmp_path / "s")))
    with pytest.raises(NotFoundError, match="no build is remembered"):
        find_build(store)
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY given /\n")
    (context / ".dockerignore").write_text("left*\n")
    (context / "left out").write_text("12345")
    (context / "given").write_text("one\n")
    build(store, str(context), ["one"])
    (context / "given").write_text("another\n")
    image = build(store, str(context), ["one"])
    newest, first = builds(store)
    assert find_build(store) == find_build(store, image.id) == find_build(store, newest.id[:6]) == newest
    assert [step.outcome for step, _ in explain(store, first)] == ["base", "ran"]
    *_, (step, reasons) = explain(store, newest)
    assert step.outcome == "ran" and "given" in reasons[0].text
    seen = context_view(store.root, str(context))
    assert ("given", 8) in seen.files
    assert [one[:3] for one in seen.left_out] == [("left out", 5, 1)]
    assert capfd.readouterr() == ("", "")
