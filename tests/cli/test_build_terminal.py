"""A build on a terminal: what stands there at its end, with wide characters, and without colours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.terminal import on_a_terminal, shown_on
from support.wherry import Wherry

pytestmark = pytest.mark.root

WIDE = "日本語のとても長い行です👍👍🏽é\\t─…"


def build(bb: Wherry, tmp_path: Path, dockerfile: str, columns: int = 50, **env: str) -> str:
    """What was written to the terminal."""
    (tmp_path / "Dockerfile").write_text(dockerfile)
    bb.env.update({"NO_COLOR": ""} | env)
    return on_a_terminal(bb, "build", "--no-cache", str(tmp_path), rows=12, columns=columns).text


def test_lines_of_wide_characters_are_drawn_in_place(bb: Wherry, tmp_path: Path) -> None:
    lines = f"for i in $(seq 40); do printf '\\033[31m{WIDE * 4}\\033[0m\\n'; sleep 0.02; done"
    text = build(bb, tmp_path, f"FROM bb\nRUN {lines}\nRUN true # {WIDE * 4}\n")
    assert re.search(r"\x1b\[\d+A", text), "something was drawn anew"
    assert " => => # 日本語" in text and "[31m" not in text.replace("\x1b[31m", ""), "no remains of colours"
    shown = [line for line in shown_on(text, 50) if line]
    assert [line.split()[:2] for line in shown[:4]] == [
        ["=>", "[1/3]"],
        ["=>", "[2/3]"],
        ["=>", "[3/3]"],
        ["[+]", "Building"],
    ]
    assert "(3/3) FINISHED" in shown[3] and shown[4].startswith("image sha256:") and len(shown) == 6
    times = {len(line.expandtabs()) for line in shown[:1]}
    assert times == {49} and shown[0].endswith("0.0s")


def test_a_step_s_time_stands_in_the_same_columns_while_it_runs_and_after(
    bb: Wherry, tmp_path: Path
) -> None:
    text = build(bb, tmp_path, "FROM bb\nRUN sleep 0.5\n")
    rows = re.findall(r" => \[2/2\] RUN sleep 0\.5 +\d\.\ds", text)
    assert len(rows) > 2 and {len(row) for row in rows} == {49}


def test_no_color_is_heeded(bb: Wherry, tmp_path: Path) -> None:
    dockerfile = "FROM bb\nRUN echo x; sleep 0.3\nRUN false\n"
    assert re.search(r"\x1b\[[\d;]*m", build(bb, tmp_path, dockerfile))
    plain = build(bb, tmp_path, dockerfile, NO_COLOR="1")
    assert "\x1b[" in plain and not re.search(r"\x1b\[[\d;]*m", plain)


def test_a_failure_shows_its_command_as_it_is_written_and_how_far_the_build_came(
    bb: Wherry, tmp_path: Path
) -> None:
    text = build(bb, tmp_path, 'FROM bb\nRUN true\nRUN echo "it\'s" && exit 3\n', columns=100)
    shown = "\n".join(shown_on(text, 100))
    assert re.search(r"\[\+\] Building \d+\.\ds \(2/3\)\n", shown)
    error = shown[shown.index("error:") :]
    assert error.startswith("error: RUN did not complete successfully: exit code: 3")
    assert error.count("exit 3") == 1 and '     3 | RUN echo "it\'s" && exit 3' in error


def test_of_a_trigger_the_failure_names_the_command(bb: Wherry, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM bb\nONBUILD RUN exit 4\n")
    bb("build", "-t", "base", str(tmp_path))
    (tmp_path / "Dockerfile").write_text("FROM base\n")
    said = bb.fails("build", str(tmp_path), code=1)
    assert "error: process '/bin/sh -c exit 4' did not complete successfully: exit code: 4" in said
