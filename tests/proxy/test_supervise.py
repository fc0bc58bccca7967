"""The pod's generator and its end: a container that goes on, and a status that tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy.test_standalone import manifest
from support.waiting import PATIENCE, wait_until
from wherry.proxy import status
from wherry.proxy.metrics import Metrics
from wherry.proxy.model import Rejected, Route, Table
from wherry.proxy.monitor import STALE, Monitor

WHERRY = [sys.executable, "-m", "wherry", "proxy"]
FIRST = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def children(pid: int) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(word) for word in found.split()]


@pytest.mark.root
def test_a_generator_that_is_killed_is_begun_again_in_its_container(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "services").mkdir()
    (tmp_path / "services/one.yaml").write_text(manifest("one", 7))
    words = ["generate", "--dir", str(tmp_path / "conf.d"), "--from-dir", str(tmp_path / "services")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*FIRST, *WHERRY, *words], stderr=log)
    written = tmp_path / "conf.d/default.conf"
    try:
        wait_until(lambda: written.exists() and "one.example" in written.read_text())
        (first,) = children(process.pid)
        (worker,) = children(first)
        os.kill(worker, signal.SIGKILL)
        (tmp_path / "services/two.yaml").write_text(manifest("two", 8))
        wait_until(lambda: "two.example" in written.read_text())
        assert "was killed by SIGKILL; begun again" in (tmp_path / "log").read_text()
        os.kill(first, signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.root
def test_a_generator_that_was_told_nonsense_ends_with_its_container(tmp_path: Path) -> None:
    words = [*FIRST, *WHERRY, "generate", "--dir", str(tmp_path / "absent"), "--from-dir", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1 and done.stderr.count("is not a directory") == 1


SLOWEST = 30
"""Seconds within which a command is started and looks at its clock."""


def shown(folder: Path, *words: str) -> str:
    command = [*WHERRY, "status", "--dir", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("heard", "written", "stale", "seconds"),
    [
        (3.0, 1.0, "", None),
        (None, 1.0, "cluster: nothing heard yet", None),
        (STALE + 5, 1.0, "cluster: nothing heard for {} s", STALE + 5),
        (3.0, 120.0, "the generator has been silent for {} s", 120),
    ],
)
def test_status_and_metrics_tell_a_source_that_is_stale(
    tmp_path: Path, heard: float | None, written: float, stale: str, seconds: float | None
) -> None:
    table = Table((Route("d/a:80", "a.example", "/", ()),), (Rejected("d/b", "bad-host", "no"),))
    status.write_routes(str(tmp_path), table)
    now = time.time()
    at = None if heard is None else now - heard
    document = {"written": now - written, "sources": {"cluster": at}, "fault": None}
    (tmp_path / status.SOURCES).write_text(json.dumps(document))
    text = shown(tmp_path)
    passed = range(SLOWEST) if seconds is not None else (0,)  # between our look at the clock and status's
    assert ("stale " in text) == bool(stale)
    assert any(stale.format(int(seconds or 0) + more) in text for more in passed), text
    found = json.loads(shown(tmp_path, "--format", "json"))
    assert bool(found["stale"]) == bool(stale) and found["sources"] == {"cluster": at}
    monitor = Monitor(("file",))
    monitor.folder = str(tmp_path)
    scraped = Metrics(monitor).text().decode()
    assert f"wherry_proxy_stale {1.0 if stale else 0.0}" in scraped
    assert "wherry_proxy_generator_age_seconds " in scraped


def test_serve_counts_the_routes_that_the_generator_wrote(tmp_path: Path) -> None:
    """And says nothing of them where nobody wrote any."""
    monitor = Monitor(("file",))
    monitor.folder = str(tmp_path)
    metrics = Metrics(monitor)
    assert "wherry_proxy_routes" not in metrics.text().decode()
    for count in (2, 3):
        routes = tuple(Route(f"d/{n}:80", f"h{n}.example", "/", ()) for n in range(count))
        status.write_routes(str(tmp_path), Table(routes, (Rejected("d/b", "bad-host", "no"),)))
        text = metrics.text().decode()
        assert f"wherry_proxy_routes {count}.0" in text
        assert 'wherry_proxy_rejected_routes{reason="bad-host"} 1.0' in text


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"sources": 5}', '{"sources": {"a": "x"}, "written": 1}']
)
def test_a_file_that_is_not_ours_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / status.SOURCES).write_text(text)
    assert status.read_sources(str(tmp_path)) is None
