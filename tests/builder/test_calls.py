"""The calls that a build from the cache makes grow no faster than what its Dockerfile says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from bench.growth.slope import slope

# Each call of a function, Python's own ones too.
SCRIPT = """
import sys
from wherry.cli.main import main
calls = 0
def count(frame, event, what):
    global calls
    calls += event in ("call", "c_call")
main(sys.argv[1:])
sys.setprofile(count)
main(sys.argv[1:])
sys.setprofile(None)
print(calls, file=sys.stderr)
"""
SIZES = (250, 500, 1000)
LINES = {
    "ENV": "ENV V{n}=x{n}\n",
    "ENV that repeats": "ENV V=$V{n}\n",
    "LABEL": "LABEL l{n}=x\n",
    "ARG": "ARG A{n}=x\n",
    "EXPOSE": "EXPOSE {n}\n",
    "stages": "FROM scratch AS s{n}\nENV A=1\n",
}


def calls(tmp_path: Path, line: str, number: int) -> int:
    text = "FROM scratch\n" + "".join(line.replace("{n}", str(n + 1)) for n in range(number))
    (tmp_path / "Dockerfile").write_text(text)
    words = ("--root", str(tmp_path / "s"), "build", "-q", str(tmp_path))
    command = [sys.executable, "-c", SCRIPT, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return int(done.stderr.split()[-1])


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_a_cached_build_makes_no_more_calls_than_its_lines(tmp_path: Path, line: str) -> None:
    nothing = calls(tmp_path, line, 0)
    points = [(float(number), float(calls(tmp_path, line, number) - nothing)) for number in SIZES]
    assert slope(points) < 1.1, points
