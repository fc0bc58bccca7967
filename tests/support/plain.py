"""wherry run by a plain user with subordinate ids, whom only a private mount namespace knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.checkout import ROOT
from support.machine import require
from support.wherry import Wherry

PYTHON = "/usr/bin/python3"
PLAIN = 41234  # a user id that no package uses
FIRST_SUBORDINATE = 2_000_000_000


def plain_user(folder: Path) -> Wherry:
    """The command as that user, on a store in `folder`, which others may enter; ``folder/home`` is theirs.

    The command is this checkout's, run by Debian's python: the virtual environment's own may lie where
    other users cannot go.
    """
    require(os.path.exists("/usr/bin/newuidmap"), "needs newuidmap (Debian's uidmap)")
    require(_same_python(), f"needs {PYTHON} of the version that the tests run on")
    home = folder / "home"
    home.mkdir()
    os.chown(home, PLAIN, PLAIN)
    (folder / "checkout").mkdir()
    rows = {"passwd": f"plain:x:{PLAIN}:{PLAIN}::{home}:/bin/sh"}
    rows |= dict.fromkeys(("subuid", "subgid"), f"plain:{FIRST_SUBORDINATE}:65536")
    for name, row in rows.items():
        (folder / name).write_text(Path(f"/etc/{name}").read_text() + row + "\n")
    binds = [f"mount --bind {folder}/{name} /etc/{name}" for name in rows]
    script = " && ".join(
        [
            *binds,
            f"mount --bind {ROOT} {folder}/checkout",
            f'exec setpriv --reuid={PLAIN} --regid={PLAIN} --clear-groups --inh-caps=-all "$@"',
        ]
    )
    packages = (
        f"{folder}/checkout/.venv/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    )
    wherry = Wherry(home / "store")
    wherry.env |= {"HOME": str(home), "USER": "plain", "PYTHONPATH": f"{folder}/checkout/src:{packages}"}
    wherry.prefix = [
        *("unshare", "--mount", "--propagation", "private", "bash", "-c", script, "-"),
        *(PYTHON, "-P", "-m", "wherry", "--root", str(wherry.root)),
    ]
    return wherry


def _same_python() -> bool:
    script = "import sys; print(*sys.version_info[:2])"
    done = subprocess.run([PYTHON, "-c", script], capture_output=True, text=True, check=False)
    return done.stdout.split() == [str(part) for part in sys.version_info[:2]]
