"""Counts what a command of wherry does, not how long it takes: files opened, links made, looks at files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

# What a child process does is its own: a build of COPY alone has none.
SCRIPT = """
import json, os, sys
seen = []
place, first, wherry = sys.argv[1], sys.argv[2], sys.argv[3:]
exec(first)
WATCHED = ("open", "os.link", "os.scandir")
sys.addaudithook(lambda event, args: seen.append((event, args[0])) if event in WATCHED else None)
real = os.lstat
def lstat(path, **more):
    seen.append(("lstat", path))
    return real(path, **more)
os.lstat = lstat
from wherry.cli.main import main
try:
    code = main(wherry)
finally:
    with open(place, "w") as file:
        named = [(event, path) for event, path in seen if isinstance(path, (str, bytes))]
        json.dump([[event, os.fsdecode(path)] for event, path in named], file)
sys.exit(code)
"""


class Work(NamedTuple):
    """What was done, as (event, path)."""

    events: list[tuple[str, str]]
    output: str

    def count(self, event: str, below: Path | str, ending: str = "") -> int:
        """How often, of paths below a folder that end so."""
        return sum(
            kind == event and path.startswith(f"{below}/") and path.endswith(ending)
            for kind, path in self.events
        )

    def by_file(self, event: str, below: Path | str, ending: str = "") -> Counter[str]:
        return Counter(
            path.rpartition("/")[2]
            for kind, path in self.events
            if kind == event and path.startswith(f"{below}/") and path.endswith(ending)
        )


def work_of(scratch: Path, *words: str, first: str = "") -> Work:
    """Run a command in a process of its own, which has to succeed, after the Python of `first`."""
    place = scratch / "work.json"
    command = [sys.executable, "-c", SCRIPT, str(place), first, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return Work([(event, path) for event, path in json.loads(place.read_text())], done.stdout.strip())
