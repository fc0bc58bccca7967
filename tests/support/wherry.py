"""The wherry command as a user types it, on one store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Failed(AssertionError):
    pass


class Wherry:
    """Runs ``wherry --root ROOT …`` in a fresh process."""

    def __init__(self, root: Path, *, env: Mapping[str, str] | None = None) -> None:
        self.root = root
        self._started: list[subprocess.Popen[str]] = []
        self.env = {**os.environ, "NO_COLOR": "1", **(env or {})}
        self.prefix = [sys.executable, "-m", "wherry", "--root", str(root)]

    def run(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run it and capture both streams as text; never raises for its exit code."""
        options.setdefault("timeout", 120)
        environment = {**self.env, **options.pop("env", {})}
        return subprocess.run(
            [*self.prefix, *args], capture_output=True, text=True, check=False, env=environment, **options
        )

    def __call__(self, *args: str, **options: Any) -> str:
        """Its standard output, without the last newline; fails the test when it fails."""
        done = self.run(*args, **options)
        if done.returncode != 0:
            raise Failed(f"wherry {' '.join(args)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout.removesuffix("\n")

    def fails(self, *args: str, code: int | None = None, **options: Any) -> str:
        """Its standard error; fails the test when it succeeds, or shows a traceback."""
        done = self.run(*args, **options)
        assert done.returncode != 0, f"wherry {' '.join(args)} succeeded\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        assert "a fault of wherry's own" not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, (done.returncode, done.stderr)
        return done.stderr

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """Run it in the background, both streams as pipes of text; the end of the test ends it."""
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen([*self.prefix, *args], text=True, env=self.env, **options)
        self._started.append(process)
        return process

    def end_started(self) -> None:
        """End what start() started."""
        for process in self._started:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def end(self) -> None:
        """End what was started and remove all containers, each of which has a folder."""
        self.end_started()
        if containers := [folder.name for folder in (self.root / "containers").glob("*")]:
            self.run("rm", "-f", *containers)

    def build(self, context: Path, dockerfile: str | None = None, *args: str, **options: Any) -> str:
        """Build `context` (with this Dockerfile) and give the image ID; progress goes to stderr."""
        if dockerfile is not None:
            context.mkdir(parents=True, exist_ok=True)
            (context / "Dockerfile").write_text(dockerfile)
        return self("build", "-q", *args, str(context), **options)
