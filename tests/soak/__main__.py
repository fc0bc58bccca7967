"""``python -m tests.soak [--minutes N] [--seed N] [--only PART[:SUBJECT[:NUMBER]]]``

Progress and faults on stdout as they come, a table at the end; exits 1 where a fault was found.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import time
from pathlib import Path

from tests.soak.apart import own_run_folder, run_apart
from tests.soak.parts import PARTS, Session

NEEDED = (
    "strace",
    "docker-registry",
    "unshare",
    "setpriv",
    "mkfs.ext4",
    "e2fsck",
    "losetup",
    "busybox",
    "newuidmap",
)


def main(words: list[str]) -> int:
    arguments = _parser().parse_args(words)
    problem = _problem()
    if problem:
        print(f"soak: {problem}", file=sys.stderr)
        return 1
    if arguments.inside is None:
        return run_apart(words)
    own_run_folder()
    seed = arguments.seed if arguments.seed is not None else random.randrange(1_000_000)
    session = Session(Path(arguments.inside), seed)
    print(f"soak: {arguments.minutes:g} minutes, seed {seed}", flush=True)
    only = arguments.only.split(":") if arguments.only else []
    chosen = [part for part in PARTS if not only or part.name == only[0]]
    if not chosen:
        print(
            f"soak: no part {only[0]!r}; one of {', '.join(part.name for part in PARTS)}", file=sys.stderr
        )
        return 2
    end = time.monotonic() + arguments.minutes * 60
    for number, part in enumerate(chosen):
        # Of what is left: a part that took longer, because its last step did, takes from all that follow.
        left = max(0.0, end - time.monotonic())
        seconds = left * part.share / sum(each.share for each in chosen[number:])
        session.report.say(f"part {part.name}, {seconds:.0f} s")
        part.run(session, time.monotonic() + seconds, only[1:])
    print(session.report.table())
    return 1 if session.report.faults else 0


def _problem() -> str | None:
    """Why it cannot be done here."""
    if os.geteuid() != 0:
        return "needs root: it kills, mounts and fills disks in namespaces of its own"
    lacking = [
        name for name in NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None
    ]
    return f"needs {', '.join(lacking)}; make setup installs them" if lacking else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="wherry against the truth")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", help="kills, kills:load, kills:load:147, kills:load:rename:3, …")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
