"""Programs that a test session starts and ends, whatever happens to it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

BUILD = Path(__file__).parent / "kubernetes/build"
LIMIT = 60.0
"""Seconds that anything here may take before a test is told what it said last."""


def kubernetes() -> Path:
    """The folder with Kubernetes' programs; built when it is not there yet."""
    done = subprocess.run([str(BUILD)], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, "tests/cluster/kubernetes/build failed: see what it said above"
    return Path(done.stdout.strip())


class Program:
    """One that runs until stop(), or until this process ends however it does."""

    def __init__(
        self, words: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = os.path.basename(words[0])
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *map(str, words)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, **(env or {})},
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self, signal_: int = signal.SIGTERM) -> None:
        """Returns when it has ended.  Idempotent."""
        if self._process.poll() is None:
            self._process.send_signal(signal_)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def until(self, ready: Callable[[], object], within: float = LIMIT) -> None:
        """Returns when `ready()` gives something true; an OSError means not yet."""
        wait(
            ready,
            f"{self.name} is not ready",
            within,
            lambda: self._process.poll() is None,
            self.last_words,
        )

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


def wait(
    ready: Callable[[], object],
    otherwise: str,
    within: float = LIMIT,
    alive: Callable[[], bool] = lambda: True,
    last_words: Callable[[], str] = lambda: "",
) -> None:
    """Ask until it is true; fails with `otherwise`."""
    deadline = time.monotonic() + within
    reason: object = None
    while True:
        try:
            if ready():
                return
        except OSError as error:
            reason = error
        assert alive() and time.monotonic() < deadline, f"{otherwise}: {reason or ''}\n{last_words()}"
        time.sleep(0.02)
