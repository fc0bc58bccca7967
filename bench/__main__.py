"""`python -m bench [--runs N] [--only ROW]…`: measure, print the table, write bench/results/."""

from __future__ import annotations

import argparse
import compileall
import datetime
import json
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

import wherry
from bench.disk import fresh_disk
from bench.peers import BuildKit, Docker, Failed, Peer, Wherry, seconds
from bench.programs import buildkit
from bench.report import heading, table
from bench.rows import ROWS, Row

RESULTS = Path(__file__).parent / "results"
TESTS = Path(__file__).parents[1] / "tests"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="rounds of each row")
    parser.add_argument(
        "--only", action="append", choices=sorted(ROWS), help="only this row (repeat for more)"
    )
    options = parser.parse_args()
    if os.geteuid():
        parser.error("the disks and daemons that are compared need root")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # Users run wherry with its bytecode in place; a checkout may lack it.
    compileall.compile_dir(str(Path(wherry.__file__).parent), quiet=2)
    programs = buildkit()
    with fresh_disk() as disk:
        peers = started(disk, programs)
        try:
            rows = measured(peers, disk, options.only or list(ROWS), options.runs)
            facts = {peer.name: peer.version() for peer in peers}
        finally:
            for peer in peers:
                peer.stop()
    write(rows, peers, facts, options.runs)
    return 0


def started(disk: Path, programs: Path | None) -> list[Peer]:
    peers: list[Peer] = [Wherry(disk)]
    try:
        peers.append(Docker(disk))
    except (FileNotFoundError, Failed) as error:
        print(f"docker is left out: {error}", file=sys.stderr)
    if programs is None:
        print("BuildKit is left out: there is no go to build it with", file=sys.stderr)
    else:
        peers.append(BuildKit(disk, programs))
    return peers


def measured(peers: list[Peer], disk: Path, names: list[str], runs: int) -> list[Row]:
    sys.path.insert(0, str(TESTS))
    from support.busybox import busybox_tar

    archive = disk / "bb.tar"
    with tempfile.TemporaryDirectory() as folder:
        busybox_tar(Path(folder) / "root.tar")
        first = peers[0]
        assert isinstance(first, Wherry)
        seconds([*first.words, "import", f"{folder}/root.tar", "bb"])
        seconds([*first.words, "save", "-o", str(archive), "bb"])
    for peer in peers:
        peer.load(archive)
    rows = []
    for name in names:
        work = disk / f"work-{name}"
        work.mkdir()
        found = ROWS[name](peers, work, runs)
        for row in found:
            print(table([row], list(row.times)), file=sys.stderr)
        rows += found
    return rows


def write(rows: list[Row], peers: list[Peer], versions: dict[str, str], runs: int) -> None:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    facts = {
        "date": today,
        **versions,
        "Python": platform.python_version(),
        "kernel": platform.release().split("-")[0],
        "cores": str(os.cpu_count()),
        "rounds": str(runs),
    }
    builders = [row for row in rows if set(row.times) <= {peer.name for peer in peers}]
    others = [row for row in rows if row not in builders]
    text = table(builders, [peer.name for peer in peers]) if builders else ""
    for row in others:
        text += "\n\n" + table([row], list(row.times))
    text = f"{text.strip()}\n\n{heading(facts)}\n"
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{today}.md").write_text(text)
    (RESULTS / f"{today}.json").write_text(
        json.dumps({"facts": facts, "rows": [row._asdict() for row in rows]}, indent=1) + "\n"
    )


if __name__ == "__main__":
    sys.exit(main())
