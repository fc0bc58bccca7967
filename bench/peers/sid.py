"""Programs of Debian sid, in a root directory of its own that `scripts/peers_of_sid` makes.

What lies in the bench's folder is there, too, under the same name, with the disks that are mounted later.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.programs import NotHere

SCRIPT = Path(__file__).parents[2] / "scripts/peers_of_sid"
SHOWN = ("/proc", "/sys", "/dev")


class Sid:
    def __init__(self, folder: Path) -> None:
        """Show `folder` in it.  Belongs into a mount namespace of its own.  Raises NotHere."""
        made = subprocess.run([SCRIPT], stdout=subprocess.PIPE, text=True, check=False)
        if made.returncode:
            raise NotHere("programs of Debian sid")
        self._root = made.stdout.strip()
        _mount("--bind", str(folder), str(folder))
        _mount("--make-rshared", str(folder))
        for place in (*SHOWN, str(folder)):
            inside = Path(self._root + place)
            inside.mkdir(parents=True, exist_ok=True)
            _mount("--rbind", place, str(inside))

    @property
    def prefix(self) -> tuple[str, ...]:
        """How the command line of one of its programs begins."""
        return ("chroot", self._root)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)
