"""The measurements run in a process namespace and a mount namespace of their own.

Whatever happens to them (ctrl-C, a crash, kill -9), the kernel then ends every process that was started,
daemons and their children included, and every mount is gone with them.  What a kill -9 of the outermost
process leaves is files: one temporary folder.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

# A shell as the first process: it waits for every orphan, as an init must.  Python would not.
GRACE = 20.0
INIT = ("sh", "-c", '"$@"; exit $?', "sh")


def run_apart(words: Sequence[str], module: str = "bench") -> int:
    """Run ``python -m MODULE --inside FOLDER WORDS`` apart from everything else; its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    # A short path: the sockets of daemons lie below it, and their names end at 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="wb-"))
    inside = [sys.executable, "-m", module, "--inside", str(folder), *words]
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *INIT, *inside]
    process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *apart])
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal told those inside as well: a moment for them to end in order.
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(GRACE)
        return 130
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
