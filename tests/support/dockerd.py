"""Debian's dockerd on a socket of its own, for as long as a test session lasts; or that of Debian sid, with
containerd's image store."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

DOCKER = "/usr/bin/docker"


class Dockerd:
    """`docker(...)` runs the client against it."""

    def __init__(self, socket: Path, before: Sequence[str] = ()) -> None:
        self.prefix = [*before, DOCKER, "-H", f"unix://{socket}"]

    def run(self, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        options.setdefault("timeout", 120)
        return subprocess.run([*self.prefix, *args], capture_output=True, text=True, check=False, **options)

    def __call__(self, *args: str, **options: Any) -> str:
        done = self.run(*args, **options)
        assert done.returncode == 0, f"docker {' '.join(args)}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def load(self, archive: Path) -> str:
        return self("load", "-i", str(archive))


@contextlib.contextmanager
def running_dockerd(folder: Path, before: Sequence[str] = ()) -> Iterator[Dockerd]:
    """Start it below `folder` (a short path: sockets have 108 bytes) and end it, containerd too.

    `before` is how command lines of programs of sid begin.
    """
    folder.mkdir(exist_ok=True)
    socket, log = folder / "s", folder / "log"
    options = ["--data-root", folder / "d", "--exec-root", folder / "e", "-p", folder / "pid"]
    options += ["-H", f"unix://{socket}", "--bridge=none", "--iptables=false"]
    if before:
        options += ["--feature", "containerd-snapshotter=true"]
    with log.open("wb") as out:
        daemon = start([*before, "dockerd", *map(str, options)], out)
    try:
        docker = Dockerd(socket, before)
        deadline = time.monotonic() + 60
        while docker.run("version").returncode != 0:
            assert daemon.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.1)
        yield docker
        for container in docker("ps", "-aq").split():
            docker("rm", "-f", container)
    finally:
        daemon.terminate()
        try:
            daemon.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(daemon.pid, signal.SIGKILL)
            daemon.wait()
        unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)


def start(words: list[str], out: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True)


def unmount_below(folder: Path) -> None:
    """What a killed daemon left mounted."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in sorted((m for m in mounts if m.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "-l", place], check=False)
