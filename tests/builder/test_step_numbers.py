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
