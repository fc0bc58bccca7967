"""Drive the harnesses by coverage, with atheris: ``make fuzz MINUTES=n``.

Each parser gets the same share of the time, in a process of its own with bounded memory.  What is found is
kept in tests/fuzz/found/<parser>/, where a plain test tries it again.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MEMORY = 2048
"""MiB of a parser's process."""
SLOWEST = 20
"""Seconds for one input."""
LONGEST = 1 << 15
"""Bytes of one input."""


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10, help="for all parsers together")
    options.add_argument("--corpus", help="keep what reaches new code in this folder")
    options.add_argument("--only", help="one parser")
    options.add_argument("--drive", help=argparse.SUPPRESS)
    given, rest = options.parse_known_args()
    if given.drive:
        return _drive(given.drive, rest)
    sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
    from tests.fuzz.harnesses import HARNESSES

    names = [given.only] if given.only else list(HARNESSES)
    seconds = max(1, round(given.minutes * 60 / len(names)))
    with tempfile.TemporaryDirectory() as scratch:
        corpus = given.corpus or scratch
        found = sum(_one(name, seconds, os.path.join(corpus, name)) for name in names)
    print(f"{found} findings")
    return 1 if found else 0


def _one(name: str, seconds: int, corpus: str) -> int:
    """Fuzz one parser; the number of findings, which end its run."""
    os.makedirs(corpus, exist_ok=True)
    from tests.fuzz.seeds import seeds

    kept = os.path.join(HERE, "found", name)
    os.makedirs(kept, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        with open(os.path.join(corpus, f"seed-{number}"), "wb") as file:
            file.write(seed)
    words = [
        f"-max_total_time={seconds}", f"-rss_limit_mb={MEMORY}", f"-timeout={SLOWEST}",
        f"-max_len={LONGEST}", f"-artifact_prefix={kept}/", "-print_final_stats=1", "-verbosity=0", corpus,
        kept,
    ]  # fmt: skip
    before = set(os.listdir(kept))
    done = subprocess.run(
        [sys.executable, __file__, "--drive", name, *words],
        capture_output=True, text=True, errors="replace", check=False, timeout=seconds + 300,
        env={**os.environ, "TMPDIR": os.environ.get("TMPDIR", "/dev/shm")},
    )  # fmt: skip
    new = sorted(set(os.listdir(kept)) - before)
    runs = re.search(r"number_of_executed_units: *(\d+)", done.stderr)
    print(f"{name:<12} {runs[1] if runs else '?':>10} executions  {len(new)} findings", flush=True)
    if new or done.returncode:
        print("\n".join(f"    {line}" for line in _told(done.stderr)), flush=True)
    return len(new) or bool(done.returncode)


def _told(said: str) -> list[str]:
    """The traceback, or what libFuzzer says instead."""
    lines = [line for line in said.splitlines() if line.strip() and not line.startswith(("INFO", "stat::"))]
    start = next((number for number, line in enumerate(lines) if "Uncaught" in line), -12)
    return lines[start:][:30]


def _drive(name: str, words: list[str]) -> int:
    import atheris

    sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
    with atheris.instrument_imports(include=["wherry"]):
        from tests.fuzz import harnesses

        # What is imported when it is first needed is to be instrumented, too.
        for seed in (b"", b"\x1f\x8b\x08"):
            try:
                harnesses.try_one(name, seed)
            except Exception:
                pass
    atheris.Setup([name, *words], lambda data: harnesses.try_one(name, data))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
