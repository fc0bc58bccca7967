"""An image with a program that hides what it reads."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.slimmed import debian_with
from support.wherry import Wherry

# A program that reads one file by a name that stands nowhere as a whole, and says what is in it.
READS = """
#include <stdio.h>
#include <string.h>
int main(void) {
  char path[64] = "/da", text[64] = "";
  strcat(path, "ta/secret"); FILE *file = fopen(path, "r");
  if (!file || !fgets(text, sizeof text, file)) { puts("nothing"); return 3; }
  puts(text); return 0;
}
"""


@pytest.fixture
def fat(bb: Wherry, tmp_path: Path) -> Wherry:
    """The image ``fat``: busybox, a script that is its program, and a program that hides what it reads."""
    folder = tmp_path / "fat"
    folder.mkdir()
    subprocess.run(
        ["gcc", "-static", "-x", "c", "-", "-o", folder / "reads"], input=READS.encode(), check=True
    )
    (folder / "start.sh").write_text("#!/bin/sh\necho hello; cat /etc/motd\n")
    (folder / "start.sh").chmod(0o755)
    (folder / "waste").write_bytes(os.urandom(2_000_000))
    (folder / "motd").write_text("good morning\n")
    bb.build(
        folder,
        "FROM bb\nCOPY motd /etc/motd\nCOPY waste /usr/lib/waste\nCOPY start.sh reads /app/\n"
        "COPY motd /data/secret\nENV A=1\nLABEL of=fat\nWORKDIR /tmp\nCMD [\"/app/start.sh\"]\n",
        "-t", "fat",
    )  # fmt: skip
    return bb


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wherry]:
    """The image ``debian``, with two programs."""
    with debian_with(tmp_path_factory, "nginx-light", "ca-certificates", "python3-flask") as wherry:
        yield wherry
