"""Other programs that move images, each asked the same: from a file or folder to a registry, and back.

A place is written as skopeo writes it: ``docker-archive:FILE``, ``oci-archive:FILE``, ``oci:DIR``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from bench.peers.go_programs import CRANE, REGCTL, GoPrograms
from bench.programs import NotHere

from support.machine import require

DOCKER_ARCHIVE, OCI_ARCHIVE, LAYOUT = "docker-archive", "oci-archive", "oci"
KINDS = (DOCKER_ARCHIVE, OCI_ARCHIVE, LAYOUT)
OUTSIDE = dict(os.environ)
"""The environment before any test gives itself a home."""


class Peer(ABC):
    """`sends` and `fetches` are kinds of places that it knows; an `exact` one changes no manifest."""

    sends: tuple[str, ...] = KINDS
    fetches: tuple[str, ...] = KINDS
    exact = True

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.env = {**os.environ, **(env or {})}
        self.prefix = self.command()

    @abstractmethod
    def command(self) -> list[str]:
        """How its command lines begin.  Skips the test where it cannot be had."""

    @abstractmethod
    def send(self, place: str, name: str) -> None:
        """Bring the image of a place to a registry without TLS."""

    @abstractmethod
    def fetch(self, name: str, place: str) -> None:
        """Bring an image of a registry without TLS to a place."""

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.prefix, *words],
            input=stdin, env=self.env, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"{' '.join(done.args)}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()


class Skopeo(Peer):
    def command(self) -> list[str]:
        return [_on_path("skopeo")]

    def send(self, place: str, name: str) -> None:
        # Layers of a docker-archive are plain, so what a registry gets is another manifest.
        exact = [] if place.startswith(DOCKER_ARCHIVE) else ["--preserve-digests"]
        self("copy", "-q", *exact, "--dest-tls-verify=false", place, f"docker://{name}")

    def fetch(self, name: str, place: str) -> None:
        exact = [] if place.startswith(DOCKER_ARCHIVE) else ["--preserve-digests"]
        self("copy", "-q", *exact, "--src-tls-verify=false", f"docker://{name}", place)


class Buildah(Peer):
    """A store of images, which compresses their layers again when they leave."""

    exact = False
    program = "buildah"

    def command(self) -> list[str]:
        places = ["--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]
        return [_on_path(self.program), *places, "--storage-driver", "vfs"]

    def send(self, place: str, name: str) -> None:
        self.push(self("pull", "-q", place), name)

    def push(self, image: str, name: str, *options: str) -> None:
        self("push", "-q", "--tls-verify=false", *options, image, f"docker://{name}")

    def fetch(self, name: str, place: str) -> None:
        image = self("pull", "-q", "--tls-verify=false", f"docker://{name}")
        self("push", "-q", image, place)


class Podman(Buildah):
    program = "podman"

    def command(self) -> list[str]:
        quiet = ["--events-backend", "none", "--cgroup-manager", "cgroupfs", "--runtime", "runc"]
        return [*super().command(), *quiet]

    def sh(self, image: str, script: str) -> str:
        """What a shell in a container of an image prints."""
        return self(
            "run",
            "--rm",
            "--network",
            "host",
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=1024:1024",
            image,
            "sh",
            "-c",
            script,
        )


def of_sid() -> list[str]:
    """How the command lines of Debian sid's programs begin: in a root directory of its own, in which this
    machine's temporary files are."""
    made = subprocess.run(
        ["scripts/peers_of_sid"], capture_output=True, text=True, check=False, env=OUTSIDE
    )
    require(made.returncode == 0, f"needs programs of Debian sid: {made.stderr[-500:]}")
    # runc wants its root to be a mount.
    inside = (
        'root=$1; shift; mount --bind "$root" "$root"; for d in "$@"; do shift; [ "$d" = -- ] && break; '
    )
    inside += 'mount --rbind "$d" "$root$d"; done; exec chroot "$root" "$@"'
    shown = ["/proc", "/sys", "/dev", tempfile.gettempdir()]
    return ["unshare", "--mount", "sh", "-c", inside, "sh", made.stdout.strip(), *shown, "--"]


class _OfSid(Peer):
    """The program as Debian sid has it."""

    def command(self) -> list[str]:
        return [*of_sid(), *super().command()]  # type: ignore[safe-super]


class SkopeoOfSid(_OfSid, Skopeo):
    pass


class BuildahOfSid(_OfSid, Buildah):
    pass


class PodmanOfSid(_OfSid, Podman):
    pass


class Crane(Peer):
    sends = (DOCKER_ARCHIVE, LAYOUT)
    fetches = (DOCKER_ARCHIVE, LAYOUT)

    def command(self) -> list[str]:
        return [_built(CRANE)]

    def send(self, place: str, name: str) -> None:
        self("push", "--insecure", _path(place), name)

    def fetch(self, name: str, place: str) -> None:
        written = "oci" if place.startswith("oci:") else "tarball"
        self("pull", "--insecure", "--format", written, name, _path(place))


class Regctl(Peer):
    """Its archives are an OCI layout and docker's in one."""

    fetches = (OCI_ARCHIVE, LAYOUT)

    def command(self) -> list[str]:
        self.env["HOME"] = str(self.folder)
        return [_built(REGCTL)]

    def send(self, place: str, name: str) -> None:
        if place.startswith("oci:"):
            self("image", "copy", *self.plain(name), f"ocidir://{_path(place)}:1", name)
        else:
            self("image", "import", *self.plain(name), name, _path(place))

    def fetch(self, name: str, place: str) -> None:
        if place.startswith("oci:"):
            self("image", "copy", *self.plain(name), name, f"ocidir://{_path(place)}:1")
        else:
            self("image", "export", *self.plain(name), name, _path(place))

    @staticmethod
    def plain(name: str) -> list[str]:
        """That a registry has no TLS."""
        return ["--host", f"reg={name.partition('/')[0]},tls=disabled"]


def _path(place: str) -> str:
    return place.split(":")[1]


def _on_path(program: str) -> str:
    require(shutil.which(program) is not None, f"needs {program} on PATH")
    return program


def _built(programs: GoPrograms) -> str:
    try:
        return str(programs.folder() / programs.names[0])
    except NotHere as error:
        require(False, f"needs {error}")
        raise
