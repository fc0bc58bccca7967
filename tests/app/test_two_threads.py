"""Use cases from one process: two stores at once, from two threads, and nothing is printed."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.waiting import wait_until
from wherry.app import containers
from wherry.app.build import build
from wherry.app.images import history, images, remove, tag
from wherry.app.prune import prune_cache, prune_containers
from wherry.containers.create import CreateOptions
from wherry.runtime import Runtime
from wherry.store import Store

pytestmark = [pytest.mark.root, pytest.mark.mounts, pytest.mark.runtime]

DOCKERFILE = """FROM bb
RUN echo {name} > /made && sleep 0.3
COPY given /given
RUN cat /given >> /made
"""


def everything(root: Path, context: Path, name: str) -> list[str]:
    store = Store.open(Runtime(str(root)))  # SQLite's connections stay in their thread
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE.format(name=name))
    (context / "given").write_text(f"given to {name}\n")
    image = build(store, str(context), ["one"])
    again = build(store, str(context), ["two"])
    assert again.id == image.id
    tag(store, "one", "three")
    assert remove(store, "two") == ["Untagged: two:latest"]
    assert {row.repository for row in images(store)} == {"bb", "one", "three"}
    assert len(history(store, "one")) >= 3
    box = containers.create(store, CreateOptions("one", ("cat", "/made"), name="box"))
    containers.start(store, "box")
    wait_until(lambda: not containers.containers(store))
    lines = [line.text.strip() for line in containers.logs(store, box.id)]
    assert [record.name for record in containers.containers(store, everything=True)] == ["box"]
    assert prune_containers(store, keep=lambda _: False).names == (box.id,)
    remove(store, "three")
    remove(store, "one")
    assert prune_cache(store, everything=True, before=None, waiting=lambda: None)
    return lines


def test_a_life_of_images_and_containers_in_two_threads_on_two_stores(
    busybox_store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        shutil.copytree(busybox_store, tmp_path / f"store-{name}", symlinks=True)
    mounted = Path("/proc/self/mountinfo").read_text()
    with ThreadPoolExecutor(2) as pool:
        lives = [
            pool.submit(everything, tmp_path / f"store-{name}", tmp_path / f"context-{name}", name)
            for name in ("a", "b")
        ]
        found = [life.result() for life in lives]
    assert found == [["a", "given to a"], ["b", "given to b"]]
    assert capfd.readouterr() == ("", "")
    assert Path("/proc/self/mountinfo").read_text() == mounted
