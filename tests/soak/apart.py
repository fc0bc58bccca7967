"""Namespaces for the processes and the mounts of a soak: whatever happens, the kernel ends them all.

What a kill -9 of the outermost process leaves is one temporary folder.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

# A shell as the first process: it waits for every orphan, as an init must.  Python would not.
INIT = ("sh", "-c", '"$@"; exit $?', "sh")
PRIVATE = (
    "unshare",
    "--mount",
    "--propagation",
    "private",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
)


def run_apart(words: Sequence[str]) -> int:
    """Run ``python -m tests.soak --inside FOLDER WORDS`` apart from everything else; its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    folder = Path(tempfile.mkdtemp(prefix="wherry-soak-"))
    folder.chmod(0o755)
    inside = [sys.executable, "-m", "tests.soak", "--inside", str(folder), *words]
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *PRIVATE, *INIT, *inside])
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def own_run_folder() -> None:
    """An empty /run: what is left there is ours."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", "/run"], check=True)
