"""A folder of manifests, whose files are saved while they are read."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.nofiles import a_device, a_huge_file, a_pipe, a_socket
from support.waiting import wait_until
from wherry.proxy.graph.graph import GraphBuilder
from wherry.proxy.graph.options import Options
from wherry.proxy.resources.service import SERVICES
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.sources.directory import Directory, Held, until_next_look

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: %s, annotations: {wherry.dev/host: %s.example}}
spec: {ports: [{port: 80}]}
"""


class Sink:
    def __init__(self) -> None:
        self.names: list[list[str]] = []

    def snapshot(self, snapshot: Snapshot) -> None:
        self.names.append(
            sorted(object_.name for objects in snapshot.objects.values() for object_ in objects)
        )

    def heartbeat(self) -> None: ...


class Slow(Directory):
    """One whose files change at the moment at which they are read."""

    meanwhile: Callable[[str], None] = staticmethod(lambda name: None)

    def _read(self, name: str, before: Held | None, *, changed: bool) -> Held | None:
        self.meanwhile(name)
        return super()._read(name, before, changed=changed)


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Callable[[Directory], Sink]]:
    stop, threads = threading.Event(), []

    def begin(directory: Directory) -> Sink:
        sink = Sink()
        thread = threading.Thread(target=directory.run, args=(sink, stop))
        thread.start()
        threads.append(thread)
        wait_until(lambda: len(sink.names) == 1)
        return sink

    yield begin
    stop.set()
    (tmp_path / "wake.yaml").write_text("")
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_a_file_that_is_cut_off_while_it_is_read_keeps_what_it_said(
    tmp_path: Path, follow: Callable[[Directory], Sink]
) -> None:
    (tmp_path / "one.yaml").write_text(SERVICE % ("one", "one"))
    directory = Slow(str(tmp_path))
    sink = follow(directory)
    held = []

    def cut_off(name: str) -> None:
        """The next save has begun: nothing is in the file yet."""
        if name == "one.yaml" and not held:
            held.append(open(tmp_path / name, "w"))  # noqa: SIM115

    directory.meanwhile = cut_off
    (tmp_path / "one.yaml").write_text(SERVICE % ("one", "one") + "# saved once\n")
    wait_until(lambda: bool(held))
    (tmp_path / "two.yaml").write_text(SERVICE % ("two", "two"))
    wait_until(lambda: sink.names[-1] == ["one", "two"])
    held[0].write(SERVICE % ("three", "three"))
    held[0].close()
    wait_until(lambda: sink.names[-1] == ["three", "two"])
    assert all("one" in names for names in sink.names[:-1])


def test_a_file_that_was_saved_again_while_it_was_read_is_read_again(
    tmp_path: Path, follow: Callable[[Directory], Sink]
) -> None:
    (tmp_path / "one.yaml").write_text(SERVICE % ("one", "one"))
    directory = Slow(str(tmp_path))
    sink = follow(directory)
    left = [3]

    def save(name: str) -> None:
        if name == "one.yaml" and left[0]:
            left[0] -= 1
            (tmp_path / name).write_text(SERVICE % (f"again{left[0]}", "one"))

    directory.meanwhile = save
    (tmp_path / "one.yaml").write_text(SERVICE % ("last", "one"))
    wait_until(lambda: sink.names[-1] == ["again0"])


def test_the_longer_a_look_takes_the_seldomer_it_is() -> None:
    assert [until_next_look(took) for took in (0.0, 0.05, 0.4, 9.0)] == [5.0, 5.0, 40.0, 60.0]


def test_of_a_file_that_is_edited_what_did_not_change_is_the_very_same(tmp_path: Path) -> None:
    """So nobody has to compare ten thousand objects."""
    directory, file = Directory(str(tmp_path)), tmp_path / "all.yaml"
    file.write_text("---\n".join(SERVICE % (name, name) for name in "abc"))
    before = directory.list().of(SERVICES)
    file.write_text("---\n".join(SERVICE % (name, name) for name in ("a", "new", "c")))
    after = directory.list().of(SERVICES)
    assert [one.created for one in (*before, *after)] == ["~000000001"] * 6
    assert [now is then for now, then in zip(after, before, strict=True)] == [True, False, True]


def winner(directory: Directory) -> str:
    """Whose the host is that several ask for."""
    graph = GraphBuilder(Options()).build(directory.list())
    (claim,) = graph.claims
    assert len(graph.rejected) == len(list(Path(directory._path).iterdir())) - 1
    return claim.name.removeprefix("default/").partition(":")[0]


def test_a_file_that_comes_later_takes_nothing_whatever_its_name(tmp_path: Path) -> None:
    directory = Directory(str(tmp_path))
    (tmp_path / "shop.yaml").write_text(SERVICE % ("shop", "shop"))
    assert winner(directory) == "shop"
    (tmp_path / "dup.yaml").write_text(SERVICE % ("another", "shop"))
    os.utime(tmp_path / "dup.yaml", (1, 1))
    assert winner(directory) == "shop"
    (tmp_path / "shop.yaml").write_text("# edited\n" + SERVICE % ("shop", "shop"))
    assert winner(directory) == "shop"
    (tmp_path / "next").write_text("# replaced\n" + SERVICE % ("shop", "shop"))
    (tmp_path / "next").rename(tmp_path / "shop.yaml")
    assert winner(directory) == "shop"
    (tmp_path / "shop.yaml").unlink()
    assert winner(directory) == "another"
    (tmp_path / "shop.yaml").write_text(SERVICE % ("shop", "shop"))
    assert winner(directory) == "another"


def test_of_files_that_are_there_at_the_start_the_one_that_was_written_first_is_older(
    tmp_path: Path,
) -> None:
    for moment, name in ((30, "a"), (10, "b"), (20, "c")):
        (tmp_path / f"{name}.yaml").write_text(SERVICE % (name, "shop"))
        os.utime(tmp_path / f"{name}.yaml", (moment, moment))
    assert winner(Directory(str(tmp_path))) == "b"


def test_a_creation_timestamp_counts_before_the_age_of_files(tmp_path: Path) -> None:
    directory = Directory(str(tmp_path))
    (tmp_path / "a.yaml").write_text(SERVICE % ("a", "shop"))
    assert winner(directory) == "a"
    dated = (SERVICE % ("b", "shop")).replace(
        "{name: b", "{name: b, creationTimestamp: '2026-01-01T00:00:00Z'"
    )
    (tmp_path / "b.yaml").write_text(dated)
    assert winner(directory) == "b"


def test_a_file_that_is_broken_keeps_its_place(tmp_path: Path) -> None:
    directory = Directory(str(tmp_path))
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(SERVICE % (name, "shop"))
        assert directory.list()
    (tmp_path / "b.yaml").write_text("{")
    broken = GraphBuilder(Options()).build(directory.list())
    assert [claim.name for claim in broken.claims] == ["default/b:80"]
    (tmp_path / "b.yaml").write_text(SERVICE % ("b", "shop"))
    assert winner(directory) == "b"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_pipe, "it is a named pipe, not a file"),
        (a_socket, "it is a socket, not a file"),
        (Path.mkdir, "it is a folder, not a file"),
        (a_device, "it is a device, not a file"),
        (a_huge_file, "it is larger than 16 MiB"),
    ],
)
def test_what_is_no_file_is_reported_and_never_waited_for(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    (tmp_path / "good.yaml").write_text(SERVICE % ("good", "good"))
    make(tmp_path / "odd.yaml")
    found = Directory(str(tmp_path)).list()
    assert [object_.name for objects in found.objects.values() for object_ in objects] == ["good"]
    assert [rejected.message for rejected in found.rejected] == [f"odd.yaml: {words}"]


def test_a_link_that_leads_nowhere_any_more_serves_nothing_and_is_reported(
    tmp_path: Path, follow: Callable[[Directory], Sink]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/one").write_text(SERVICE % ("one", "one"))
    (tmp_path / "one.yaml").symlink_to("data/one")
    sink = follow(directory := Directory(str(tmp_path)))
    assert sink.names[-1] == ["one"]
    (tmp_path / "data/one").unlink()
    (tmp_path / "other.yaml").write_text(SERVICE % ("other", "other"))
    os.utime(tmp_path / "one.yaml", follow_symlinks=False)
    wait_until(lambda: sink.names[-1] == ["other"])
    rejected = directory._snapshot().rejected
    assert [one.message for one in rejected] == ["one.yaml: the link leads nowhere"]
