"""--progress rawjson: BuildKit's form, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

from support.wherry import Wherry
from wherry.builder.rawjson import PIECE, RawJson, Replay


class Told:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def note(self, text: str) -> None:
        self.told.append(("note", text))

    def begin(self, label: str) -> ToldStep:
        self.told.append(("begin", label))
        return ToldStep(self, label)

    def close(self) -> None: ...


class ToldStep:
    def __init__(self, progress: Told, label: str) -> None:
        self._told, self._label = progress.told, label

    def working(self) -> None:
        self._told.append(("working", self._label))

    def output(self, data: bytes) -> None:
        self._told.append(("output", self._label, data))

    def end(self, *, cached: bool) -> None:
        self._told.append(("end", self._label, cached))

    def fail(self) -> None:
        self._told.append(("fail", self._label))

    def cancel(self) -> None:
        self._told.append(("cancel", self._label))


def tell(progress: Told | RawJson) -> None:
    """Everything that a build may tell, two steps of one name at once."""
    progress.note("isolation \udcff")
    one, two = progress.begin("[1/2] RUN a"), progress.begin("[1/2] RUN a")
    one.working()
    two.end(cached=True)
    one.output(b"\xff\x00 bytes\n")
    one.end(cached=False)
    for end in ("fail", "cancel"):
        step = progress.begin(end)
        step.working()
        getattr(step, end)()


def test_what_lines_say_is_what_was_told() -> None:
    lines: list[str] = []
    expected, told = Told(), Told()
    tell(expected)
    tell(RawJson(lines.append))
    replay = Replay(told)
    assert all(replay.line(line.encode()) for line in lines)
    assert told.told == expected.told


def test_a_line_is_no_longer_than_what_passes_logs_on_may_bear() -> None:
    lines: list[str] = []
    step = RawJson(lines.append).begin("x")
    step.output(bytes(10 * PIECE))
    assert len(lines) == 11 and max(map(len, lines)) < 16 << 10
    told = Told()
    replay = Replay(told)
    for line in lines:
        replay.line(line.encode())
    assert b"".join(words[2] for words in told.told if words[0] == "output") == bytes(10 * PIECE)  # type: ignore[misc]


def test_what_is_no_progress_is_left_to_whoever_reads() -> None:
    told = Told()
    replay = Replay(told)
    for line in (
        b"error: RUN did not complete",
        b"",
        b"{",
        b"{}",
        b"[]",
        b'{"a":1}',
        b'{"vertexes":[1]}',
        b'{"logs":[{"vertex":"x"}]}x',
        b'{"vertexes":5}',
        b'{"logs":[{}]}',
    ):
        assert not replay.line(line), line
    assert told.told == []


def test_steps_of_a_program_that_is_gone_are_canceled_once() -> None:
    lines: list[str] = []
    RawJson(lines.append).begin("x").working()
    told = Told()
    replay = Replay(told)
    for line in lines:
        replay.line(line.encode())
    replay.cancel()
    replay.cancel()
    assert told.told == [("begin", "x"), ("working", "x"), ("cancel", "x")]


def test_a_build_tells_json_and_its_result_at_the_end(bb: Wherry, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM bb\nRUN echo said\n")
    output = f"type=oci,dest={tmp_path / 'image.tar'}"
    done = bb.run("build", "--progress", "rawjson", "-o", output, str(folder))
    assert done.returncode == 0, done.stderr
    told = Told()
    replay = Replay(told)
    rest = [line for line in done.stderr.splitlines() if not replay.line(line.encode())]
    assert ("output", "[2/2] RUN echo said", b"said\n") in told.told
    assert replay.answer is not None and replay.answer["containerimage.config.digest"] in rest[-1]
    assert '"exporterResponse"' in done.stderr.splitlines()[-2]
    (record,) = replay.records
    assert [(step["source"], step["outcome"]) for step in record["steps"]] == [
        ("FROM bb", "base"), ("RUN echo said", "ran"),
    ]  # fmt: skip
    vertex = json.loads(next(line for line in done.stderr.splitlines() if '"completed"' in line))[
        "vertexes"
    ][0]
    assert vertex["digest"].startswith("sha256:") and vertex["started"] <= vertex["completed"]


def test_a_build_that_fails_says_in_json_which_step_did(bb: Wherry, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM bb\nRUN exit 3\n")
    done = bb.run("build", "--progress", "rawjson", str(folder))
    assert done.returncode == 1
    replay = Replay(Told())
    for line in done.stderr.splitlines():
        replay.line(line.encode())
    (record,) = replay.records
    assert (record["outcome"], record["steps"][-1]["outcome"]) == ("failed", "failed")
