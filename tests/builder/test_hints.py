"""What a build says of bytes that its layers carry for nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.programs import compile_
from support.wherry import Wherry

pytestmark = pytest.mark.root
MADE = "head -c 200000 /dev/urandom >"


def warnings(wherry: Wherry, folder: Path, dockerfile: str, *args: str) -> list[str]:
    """Each rule's name and message, with its fix."""
    folder.mkdir(exist_ok=True)
    for name, size in (("app", 200_000), ("small", 50)):
        if not (folder / name).exists():
            (folder / name).write_bytes(os.urandom(size))
            (folder / name).chmod(0o644)
    (folder / "Dockerfile").write_text("FROM bb\n" + dockerfile)
    done = wherry.run("build", *args, str(folder))
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    found = [number for number, line in enumerate(lines) if line.startswith(" - ")]
    return [lines[number][3:] + " |" + lines[number + 1] for number in found]


def with_symbols(place: Path) -> Path:
    """A static program with a debug section of 150 kB."""
    program = compile_(place, "int main(void){return 0;}", "-static")
    section = place.with_name("section")
    section.write_bytes(os.urandom(150_000))
    subprocess.run(["objcopy", f"--add-section=.debug_str={section}", program], check=True)
    section.unlink()
    return program


def test_chmod_after_a_copy_repeats_the_bytes(bb: Wherry, tmp_path: Path) -> None:
    text = "COPY app small /\nRUN chmod +x /app /small\n"
    (found,) = warnings(bb, tmp_path / "c", text)
    assert found.startswith("RepeatedFiles: RUN brings 200kB again that COPY of line 2 brought")
    assert "(line 3)" in found and "fix: COPY --chmod=MODE" in found
    assert warnings(bb, tmp_path / "c", text) == [found]  # the verdict is kept
    assert warnings(bb, tmp_path / "c", "COPY --chmod=755 app small /\nRUN true\n") == []
    assert warnings(bb, tmp_path / "c", "COPY small /\nRUN chmod +x /small\n") == []


def test_other_bytes_are_no_repetition(bb: Wherry, tmp_path: Path) -> None:
    assert warnings(bb, tmp_path / "c", f"COPY app /\nRUN {MADE} /app\n") == []


def test_the_nearest_layer_with_the_file_counts(bb: Wherry, tmp_path: Path) -> None:
    text = f"COPY app /\nRUN {MADE} /app\nRUN chown 5 /app\n"
    (found,) = warnings(bb, tmp_path / "c", text)
    assert (
        "RUN of line 3" in found and "(line 4)" in found and "in the instruction that makes them" in found
    )


def test_what_a_later_step_removes_stays(bb: Wherry, tmp_path: Path) -> None:
    text = f"COPY app /d/app\nRUN {MADE} /d/made; {MADE} /one\nRUN rm -r /d; rm /one\n"
    found = warnings(bb, tmp_path / "c", text)
    assert sorted(line.partition(" brought")[0] for line in found) == [
        "RemovedLater: RUN removes 200kB that COPY of line 2",
        "RemovedLater: RUN removes 400kB that RUN of line 3",
    ]
    assert any("fix: remove them in the RUN that makes them" in line for line in found)
    assert warnings(bb, tmp_path / "c", f"RUN {MADE} /one; rm /one\n") == []


def test_package_lists_are_left(bb: Wherry, tmp_path: Path) -> None:
    lists = f"mkdir -p /var/lib/apt/lists; {MADE} /var/lib/apt/lists/x"
    (found,) = warnings(bb, tmp_path / "c", f"RUN {lists}\n")
    assert found.startswith("PackageListsLeft: RUN leaves 200kB of package lists in /var/lib/apt/lists")
    assert warnings(bb, tmp_path / "c", f"RUN {lists}; rm -rf /var/lib/apt/lists/*\n") == []
    assert warnings(bb, tmp_path / "c", f"RUN --mount=type=cache,target=/var/lib/apt/lists {lists}\n") == []


def test_the_program_that_is_started_has_debug_symbols(bb: Wherry, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    program = with_symbols(folder / "program")
    started = 'CMD ["program"]\n'
    text = "COPY program /usr/local/bin/\nCOPY small /\nENV PATH=/usr/local/bin\n"
    (found,) = warnings(bb, folder, text + started)
    assert found.startswith("DebugSymbols: COPY brings ") and "(line 2)" in found
    assert "of debug symbols in /usr/local/bin/program" in found and "fix: link with -s" in found
    assert warnings(bb, folder, f"COPY program /bin/other\n{started.replace('program', 'sh')}") == []
    subprocess.run(["strip", program], check=True)
    assert warnings(bb, folder, f"COPY program /bin/\n{started}") == []


def test_of_a_program_of_the_base_image_nothing_is_said(bb: Wherry, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    with_symbols(folder / "program")
    bb.build(folder, "FROM bb\nCOPY program /bin/\n", "-t", "base")
    text = '\nFROM base\nCOPY small /\nCMD ["/bin/program"]\n'
    assert warnings(bb, folder, text) == []


def test_a_stage_that_the_image_begins_with_counts_and_another_does_not(bb: Wherry, tmp_path: Path) -> None:
    chmod = "RUN chmod +x /app\n"
    stages = f"COPY app /\nFROM bb AS other\nCOPY app /\n{chmod}FROM bb\nCOPY --from=other app /a\n"
    assert warnings(bb, tmp_path / "c", stages) == []
    (found,) = warnings(bb, tmp_path / "c", f"FROM bb AS first\nCOPY app /\nFROM first\n{chmod}")
    assert "COPY of line 3" in found and "(line 5)" in found


def test_a_rule_can_be_skipped(bb: Wherry, tmp_path: Path) -> None:
    folder = tmp_path / "c"
    folder.mkdir()
    (folder / "app").write_bytes(os.urandom(200_000))
    text = "# check=skip=RepeatedFiles\nFROM bb\nCOPY app /\nRUN chmod +x /app\n"
    (folder / "Dockerfile").write_text(text)
    assert "RepeatedFiles" not in bb.run("build", str(folder)).stderr


def test_links_of_a_layer_do_not_lead_to_the_machine(bb: Wherry, tmp_path: Path) -> None:
    """/x is a link to the machine's own folder in one layer, and a folder in the next."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "app").write_bytes(os.urandom(200_000))
    text = f"RUN ln -s {outside} /x\nRUN rm /x; mkdir /x; {MADE} /x/app\nRUN rm /x/app\n"
    (found,) = warnings(bb, tmp_path / "c", text)
    assert "RUN of line 3" in found
