"""--cache-to …,checkpoint=true: what a build has made is kept before it ends."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from builder.cache.test_shared import context, second, steps
from support.registry import Registry
from support.wherry import Wherry
from wherry.builder.cache.checkpoints import Checkpoints
from wherry.errors import RegistryError

__all__ = ["second"]
FAILS = "FROM bb\nRUN cat /proc/sys/kernel/random/uuid > /chance\nRUN exit 7\n"


@pytest.mark.root
@pytest.mark.runtime
@pytest.mark.registry
def test_a_build_that_fails_leaves_the_steps_before(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    cache = f"type=registry,ref={registry.host}/cache/early"
    for number, how in enumerate(("", ",checkpoint=true")):
        bb("builder", "prune", "-f")
        folder = context(tmp_path / str(number), FAILS)
        assert bb.run("build", "--cache-to", cache + how, folder).returncode == 1
        found = steps(
            second, "--cache-from", cache, context(tmp_path / "fine", FAILS.replace("exit 7", "true"))
        )
        assert found["[2/3] RUN cat /proc/sys/kernel/random/uuid > /chance"] == (
            "CACHED" if how else "DONE"
        )
        second("builder", "prune", "-f")


@pytest.mark.root
@pytest.mark.runtime
@pytest.mark.registry
def test_what_others_had_stays_until_the_build_has_come_to_its_end(
    bb: Wherry, second: Wherry, registry: Registry, tmp_path: Path
) -> None:
    """Stages that a build has not reached are not lost with it."""
    cache = f"type=registry,ref={registry.host}/cache/kept"
    text = (
        "FROM bb AS first\nRUN echo FIRST; cat /proc/sys/kernel/random/uuid > /chance\nRUN END\n"
        "FROM bb AS last\nCOPY --from=first /chance /first\nRUN echo last > /last\n"
    )
    good = context(tmp_path / "good", text.replace("END", "true"))
    bb("build", "-q", "--cache-to", f"{cache},mode=max", good)
    bad = context(tmp_path / "bad", text.replace("FIRST", "other").replace("END", "exit 7"))
    done = second.run(
        "build", "--cache-from", cache, "--cache-to", f"{cache},mode=max,checkpoint=true", bad
    )
    assert done.returncode == 1 and "DONE" in done.stderr
    second("builder", "prune", "-f")
    found = steps(second, "--cache-from", cache, good)
    assert set(found) > {"[last 3/3] RUN echo last > /last"}
    found.pop("said")
    assert set(found.values()) <= {"CACHED", ""}, found


def test_all_that_was_made_while_it_wrote_is_written_together() -> None:
    begun, go = threading.Semaphore(0), threading.Semaphore(0)
    written: list[int] = []

    def write() -> None:
        begun.release()
        go.acquire()
        written.append(1)

    checkpoints = Checkpoints(write, lambda text: None)
    checkpoints.made()
    begun.acquire()
    for _ in range(5):
        checkpoints.made()
    go.release()
    begun.acquire()
    go.release()
    checkpoints.close(last=False)
    assert len(written) == 2


def test_a_registry_that_refuses_is_noted_once_and_fails_nothing() -> None:
    notes: list[str] = []
    tried = threading.Semaphore(0)

    def write() -> None:
        tried.release()
        raise RegistryError("it is full")

    checkpoints = Checkpoints(write, notes.append)
    for _ in range(3):
        checkpoints.made()
        tried.acquire()
    checkpoints.close(last=False)
    assert notes == ["warning: the cache is not written while the build runs: it is full"]
