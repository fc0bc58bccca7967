"""The builders, each behind the same few verbs: wherry, Debian's docker, BuildKit through buildctl."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "WHERRY_ROOT")}


class Peer(Protocol):
    name: str

    def version(self) -> str: ...

    def load(self, archive: Path) -> None:
        """Take the image ``bb`` from a docker-archive."""

    def build(self, context: Path, *options: str) -> list[str]:
        """The command that builds `context`; `options` are those that all of them share."""

    def stop(self) -> None: ...


class Failed(Exception):
    pass


def seconds(words: Sequence[str]) -> float:
    """Wall time of a whole command.  Raises Failed with its output."""
    began = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=ENVIRONMENT)
    spent = time.perf_counter() - began
    if done.returncode:
        raise Failed(f"{' '.join(words)}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return spent


def output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout.strip()


class Wherry:
    name = "wherry"

    def __init__(self, state: Path) -> None:
        program = Path(sys.executable).with_name("wherry")
        self.words = [str(program), "--root", str(state / "wherry")]

    def version(self) -> str:
        return output(*self.words, "version", "--format", "{{.Version}}")

    def load(self, archive: Path) -> None:
        seconds([*self.words, "load", "-q", "-i", str(archive)])

    def build(self, context: Path, *options: str) -> list[str]:
        return [*self.words, "build", "--progress", "plain", "-t", "bench", *options, str(context)]

    def run_true(self) -> list[str]:
        return [*self.words, "run", "--rm", "bb", "true"]

    def stop(self) -> None:
        """Nothing runs."""


class _Daemon:
    def __init__(self, words: Sequence[str], log: Path, probe: Sequence[str]) -> None:
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                words, stdout=out, stderr=out, env=ENVIRONMENT, start_new_session=True
            )
        deadline = time.monotonic() + 60
        while subprocess.run(probe, capture_output=True, check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{words[0]} did not start: {log.read_text()[-2000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Docker:
    name = "docker"

    def __init__(self, state: Path) -> None:
        self.words = ["/usr/bin/docker", "-H", f"unix://{state}/d.sock"]
        options = [
            "--data-root",
            f"{state}/docker",
            "--exec-root",
            f"{state}/d.run",
            "-p",
            f"{state}/d.pid",
        ]
        options += ["-H", f"unix://{state}/d.sock", "--bridge=none", "--iptables=false"]
        self._daemon = _Daemon(["dockerd", *options], state / "d.log", [*self.words, "version"])

    def version(self) -> str:
        return output(*self.words, "version", "--format", "{{.Server.Version}}")

    def load(self, archive: Path) -> None:
        seconds([*self.words, "load", "-q", "-i", str(archive)])

    def build(self, context: Path, *options: str) -> list[str]:
        return [*self.words, "build", "--network", "host", "-t", "bench", *options, str(context)]

    def run_true(self) -> list[str]:
        return [*self.words, "run", "--rm", "--network", "host", "bb", "true"]

    def stop(self) -> None:
        self._daemon.stop()


class BuildKit:
    """The result stays in BuildKit's cache: it is not exported, which spares it time."""

    name = "BuildKit"

    def __init__(self, state: Path, programs: Path) -> None:
        address = f"unix://{state}/b.sock"
        self._state = state
        self._version = output(str(programs / "buildkitd"), "--version")
        self.words = [str(programs / "buildctl"), "--addr", address]
        options = ["--addr", address, "--root", f"{state}/buildkit", "--oci-worker-binary=runc"]
        options += ["--oci-worker-net=host", "--allow-insecure-entitlement=network.host"]
        self._daemon = _Daemon(
            [str(programs / "buildkitd"), *options], state / "b.log", [*self.words, "debug", "workers"]
        )
        self._base: list[str] = []

    def version(self) -> str:
        words = self._version.split()
        return next((word for word in words if word.startswith("v0")), words[2])

    def load(self, archive: Path) -> None:
        layout = self._state / "layout"
        subprocess.run(
            ["skopeo", "copy", "-q", f"docker-archive:{archive}", f"oci:{layout}:bb"],
            check=True,
            env=ENVIRONMENT,
        )
        digest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
        self._base = ["--oci-layout", f"bb={layout}", "--opt", f"context:bb=oci-layout://bb@{digest}"]

    def build(self, context: Path, *options: str) -> list[str]:
        words = [*self.words, "build", "--progress", "plain", "--frontend", "dockerfile.v0"]
        words += ["--local", f"context={context}", "--local", f"dockerfile={context}", *self._base]
        words += ["--allow", "network.host", "--opt", "force-network-mode=host"]
        rest = list(options)
        while rest:
            name, value = rest.pop(0), rest.pop(0)
            words += ["--opt", f"{name.removeprefix('--')}:{value}"]
        return words

    def stop(self) -> None:
        self._daemon.stop()
