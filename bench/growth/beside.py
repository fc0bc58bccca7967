"""Curves of builds, wherry and BuildKit beside each other: seconds from a command's start to its end.

Each builder has a fresh disk of its own.  A point is the median of the rounds; another builder begins each
of them.  What the smallest cached build of the same builder takes is taken off before the exponent is
found: it does not grow, and would hide what does.
"""

from __future__ import annotations

import contextlib
import statistics
from typing import TYPE_CHECKING, NamedTuple

from bench import machine
from bench.disks import fresh_disk
from bench.growth.slope import slope
from bench.peers.buildkit import BuildKit
from bench.peers.wherry import Wherry
from bench.programs import run
from bench.session import tell
from bench.trees import name_of, settle, write_file, write_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bench.peers import Peer

SIZE = 4096
LEAST = 0.001
NOTHING = "nothing"
COPY = "FROM scratch\nCOPY . /files/\n"


class Case(NamedTuple):
    """What is built, and timed under each of the names that are not empty: once, again, and after one file
    was changed.  `prepare` writes the context of a size anew for each round, and gives the Dockerfile.
    """

    sizes: tuple[int, ...]
    first: str
    again: str
    changed: str
    prepare: Callable[[Path, int, str], str]


def _files(context: Path, count: int, mark: str) -> str:
    write_files(context, count, SIZE, mark)
    return COPY


def _ignored(context: Path, count: int, mark: str) -> str:
    lines = [f"**/x{number}*y*z*.tmp" for number in range(50)]
    context.joinpath(".dockerignore").write_text("\n".join([*lines, "!kept", ""]))
    return _files(context, count, mark)


def _env(context: Path, count: int, mark: str) -> str:
    write_files(context, 1, SIZE, mark)
    return "".join(["FROM scratch\n", *(f"ENV V{number}=x{number}\n" for number in range(count))])


def _stages(context: Path, count: int, mark: str) -> str:
    write_files(context, 1, SIZE, mark)
    name = name_of(context, 0).relative_to(context)
    lines = [f"FROM scratch AS s{number}\nCOPY {name} /g{number}\n" for number in range(count)]
    lines += ["FROM scratch\n", *(f"COPY --from=s{number} /g{number} /h/\n" for number in range(count))]
    return "".join(lines)


FILES = (1_000, 4_000, 16_000)
CASES = (
    Case((1,), "", NOTHING, "", _files),
    Case(FILES, "COPY of N files, first", "the same, unchanged", "the same, one of them changed", _files),
    Case(FILES, "", "N files below 50 patterns with three stars and a `!`, unchanged", "", _ignored),
    Case((250, 1_000, 4_000), "", "N times ENV, cached", "", _env),
    Case((20, 60, 180), "N stages, and COPY --from of each, first", "the same, cached", "", _stages),
)
Samples = dict[tuple[str, int, str], list[float]]


def measure(folder: Path, rounds: int) -> str:
    """The page, as Markdown.  Raises NotHere and CommandFailed."""
    samples: Samples = {}
    with _builders(folder) as builders, fresh_disk(folder, "work") as work:
        about = machine.describe() | {peer.title.split()[0]: peer.version() for peer in builders}
        for number, case in enumerate(CASES):
            for size in case.sizes:
                for turn in range(rounds):
                    tell(f"{case.first or case.again}: {size}, round {turn + 1} of {rounds}")
                    place = work / f"{number}-{size}"
                    order = [*builders[turn % 2 :], *builders[: turn % 2]]
                    _round(case, size, turn, place, order, folder / "output", samples)
    return _page(about, rounds, [(peer.key, peer.title) for peer in builders], samples)


@contextlib.contextmanager
def _builders(folder: Path) -> Iterator[list[Peer]]:
    peers: list[Peer] = [Wherry(folder), BuildKit(folder)]
    with contextlib.ExitStack() as stack:
        for peer in peers:
            peer.require()
            disk = stack.enter_context(fresh_disk(folder, peer.key))
            stack.callback(peer.stop)
            peer.start(disk, folder)
        yield peers


def _round(
    case: Case, size: int, turn: int, place: Path, order: Sequence[Peer], log: Path, samples: Samples
) -> None:
    context, dockerfile = place / "context", place / "Dockerfile"
    context.mkdir(parents=True, exist_ok=True)
    dockerfile.write_text(case.prepare(context, size, f"round {turn} of {place.name}"))
    settle()

    def build(curve: str) -> None:
        for peer in order:
            seconds, _ = run(peer.build(context, dockerfile), log)
            if curve:
                samples.setdefault((curve, size, peer.key), []).append(seconds)

    build(case.first)
    if case.again:
        build(case.again)
    if case.changed:
        write_file(name_of(context, size // 2), SIZE, f"changed in round {turn}")
        settle()
        build(case.changed)


def _page(about: dict[str, str], rounds: int, builders: Sequence[tuple[str, str]], samples: Samples) -> str:
    date, *rest = about.items()
    floors = {key: statistics.median(samples[NOTHING, 1, key]) for key, _ in builders}
    least = ", ".join(f"{floors[key]:.3f} ({title})" for key, title in builders)
    table = "| curve | N | " + " | ".join(f"{title} | exponent" for _, title in builders) + " | ratio |"
    lines = [
        f"# How the cost of builds grows, measured on {date[1]}",
        "",
        ", ".join(f"{name} {value}" for name, value in rest) + ".",
        "",
        f"Seconds of the whole command; medians of {rounds} rounds. Exponents by least squares, of what is "
        f"beyond a cached build of one file: {least}.",
        "",
        table,
        "|---|---|---|---|---|---|---|",
    ]
    for case in CASES[1:]:
        for curve in filter(None, (case.first, case.again, case.changed)):
            lines.append(_row(curve, case.sizes, builders, floors, samples))
    return "\n".join([*lines, "", "The ratio is that of the whole commands at the largest N.", ""])


def _row(
    curve: str,
    sizes: Sequence[int],
    builders: Sequence[tuple[str, str]],
    floors: dict[str, float],
    samples: Samples,
) -> str:
    cells, largest = [], []
    for key, _ in builders:
        seconds = [statistics.median(samples[curve, size, key]) for size in sizes]
        grown = [(size, max(LEAST, each - floors[key])) for size, each in zip(sizes, seconds, strict=True)]
        cells += [", ".join(f"{each:.2f}" for each in seconds), f"{slope(grown):.2f}"]
        largest.append(seconds[-1])
    shown = ", ".join(f"{size:,}" for size in sizes)
    return f"| {curve} | {shown} | {' | '.join(cells)} | {largest[0] / largest[1]:.2f} |"
