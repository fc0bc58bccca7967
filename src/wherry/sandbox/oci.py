"""Isolation by an OCI runtime: crun, or runc."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from wherry import linux
from wherry.errors import SandboxError
from wherry.sandbox.files import container_files
from wherry.sandbox.programs import find_program
from wherry.sandbox.spec import runtime_config
from wherry.sandbox.supervise import Supervised, in_pid_namespace

if TYPE_CHECKING:
    from wherry.sandbox.process import Process, Running

RUNTIMES = ("crun", "runc")
# wherry -> supervisor -> runtime -> the container's first process.
DEPTH = 2
CGROUPS = "/sys/fs/cgroup"
HYBRID = CGROUPS + "/unified"


def find_runtime() -> str | None:
    """The runtime to use: WHERRY_RUNTIME, else crun (9 ms a start here), else runc (38 ms)."""
    chosen = os.environ.get("WHERRY_RUNTIME")
    for name in (chosen,) if chosen else RUNTIMES:
        path = shutil.which(name)
        if path:
            return path
    return None


class Oci:
    """See sandbox.process.Isolation.  To be used in a private mount namespace."""

    name = "oci"

    def __init__(self, runtime: str, *, rootless: bool) -> None:
        self.runtime = runtime
        self.rootless = rootless

    def start(self, root: str, process: Process, *, stdin: int, stdout: int, stderr: int) -> Running:
        find_program(root, process.args, process.env, process.cwd)
        # Beside the root, in a folder that the store sweeps: nothing is left if we are killed.
        bundle = tempfile.mkdtemp(prefix="bundle-", dir=os.path.dirname(root))
        try:
            config = runtime_config(root, process, container_files(bundle, process), rootless=self.rootless)
            with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
                json.dump(config, file)
            supervisor = in_pid_namespace(
                self._command(bundle, process),
                {"PATH": os.environ.get("PATH", os.defpath)},
                (stdin, stdout, stderr),
                _prepare,
                join=process.join,
                tty=process.tty,
            )
        except BaseException:
            shutil.rmtree(bundle, ignore_errors=True)
            raise
        return _Container(supervisor, bundle)

    def _command(self, bundle: str, process: Process) -> list[str]:
        state = os.path.join(bundle, "state")
        if os.path.basename(self.runtime).startswith("crun"):
            options = ["--cgroup-manager=disabled"]
        else:
            options = ["--rootless=true"] if self.rootless else []
        return [self.runtime, *options, "--root", state, "run", "--bundle", bundle, "wherry"]


class _Container(Supervised):
    """A container, and the folder with its configuration, which goes with it."""

    def __init__(self, supervisor: int, bundle: str) -> None:
        super().__init__(supervisor, DEPTH)
        self._bundle = bundle

    def wait(self) -> int:
        try:
            return super().wait()
        finally:
            shutil.rmtree(self._bundle, ignore_errors=True)


def _prepare() -> None:
    """Hide hybrid cgroups, which crun before 1.9 refuses even when it is told to use none.

    Covered rather than unmounted: in a user namespace the mounts of the host are locked.
    """
    if os.path.ismount(HYBRID):
        linux.mount("tmpfs", CGROUPS, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)


def require_runtime() -> str:
    runtime = find_runtime()
    if runtime is None:
        raise SandboxError(
            "no OCI runtime is on PATH (looked for crun, then runc)",
            hint="apt-get install crun, or use --isolation chroot as root",
        )
    return runtime
