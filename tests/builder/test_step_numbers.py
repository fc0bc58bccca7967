"""Steps are counted as BuildKit counts them: FROM, and what makes a layer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.wherry import Wherry

TEXT = """\
FROM scratch AS files
ENV A=1
COPY f /f
LABEL l=1
WORKDIR /w
ARG B
FROM scratch
USER 7
COPY --from=files /f /g
EXPOSE 80
"""


def numbers(wherry: Wherry, folder: Path, text: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    (folder / "Dockerfile").write_text(text)
    (folder / "f").write_text("f")
    done = wherry.run("build", "--progress", "plain", str(folder))
    assert done.returncode == 0, done.stderr
    return re.findall(r"^#[0-9]+ \[([a-z0-9-]* ?[0-9]+/[0-9]+)\]", done.stderr, re.MULTILINE)


@pytest.mark.root
def test_their_numbers_have_no_holes(wherry: Wherry, tmp_path: Path) -> None:
    assert numbers(wherry, tmp_path / "c", TEXT) == ["files 2/3", "files 3/3", "stage-1 2/2"]
    alone = "FROM scratch\nENV A=1\nCOPY f /f\nENV B=1\nCOPY f /g\n"
    assert numbers(wherry, tmp_path / "c", alone) == ["2/3", "3/3"]


@pytest.mark.root
def test_explain_counts_them_alike(wherry: Wherry, tmp_path: Path) -> None:
    numbers(wherry, tmp_path / "c", TEXT)
    explained = wherry("explain")
    for label in ("files 1/3", "files 2/3", "files 3/3", "stage-1 1/2", "stage-1 2/2"):
        assert f"[{label}]" in explained


@pytest.mark.root
def test_nothing_of_a_first_build_is_cached(bb: Wherry, tmp_path: Path) -> None:
    """As in BuildKit, WORKDIR of the root only configures; of a folder that is there it is a step."""
    text = "FROM bb\nWORKDIR /tmp\nWORKDIR ..\nWORKDIR /\nENV A=/\nWORKDIR $A\nWORKDIR /new\n"
    context = tmp_path / "c"
    assert numbers(bb, context, text) == ["1/6", "2/6", "3/6"]
    again = bb.run("build", "--progress", "plain", str(context))
    assert again.stderr.count("CACHED") == 2, again.stderr
    afresh = bb.run("build", "--no-cache", "--progress", "plain", str(context))
    assert "CACHED" not in afresh.stderr, afresh.stderr
