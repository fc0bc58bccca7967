"""--chmod, compared with chmod(1)."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wherry.dockerfile.chmod import parse_chmod

WHAT = st.one_of(st.text("rwxXst", max_size=3), st.sampled_from("ugo"))
ACTIONS = st.lists(st.tuples(st.sampled_from("+-="), WHAT).map("".join), min_size=1, max_size=2).map(
    "".join
)
CLAUSE = st.tuples(st.text("ugoa", max_size=2), ACTIONS).map("".join)
SYMBOLS = st.lists(CLAUSE, min_size=1, max_size=2).map(",".join)


@pytest.mark.parametrize("text, mode", [("0", 0), ("644", 0o644), ("0755", 0o755), ("7777", 0o7777)])
def test_an_octal_mode_is_the_mode(text: str, mode: int) -> None:
    assert parse_chmod(text).apply(0o123, folder=False) == mode


@pytest.mark.parametrize(
    "text", ["", "8", "10000", "rwx", "u", "u+", "z+x", "u+q", "u+x,", "u+ug", "-1", " +x"]
)
def test_what_is_no_mode(text: str) -> None:
    if text == "u+":
        assert parse_chmod(text).apply(0o644, folder=False) == 0o644, "as chmod: nothing is added"
        return
    with pytest.raises(ValueError):
        parse_chmod(text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=SYMBOLS, mode=st.integers(0, 0o7777), folder=st.booleans())
def test_symbols_do_what_chmod_does(tmp_path: Path, text: str, mode: int, folder: bool) -> None:
    path = tmp_path / "x"
    path.mkdir() if folder else path.touch()
    os.chmod(path, mode)
    subprocess.run(["bash", "-c", 'umask 0; chmod -- "$0" "$1"', text, str(path)], check=True)
    got = stat.S_IMODE(path.stat().st_mode)
    path.rmdir() if folder else path.unlink()
    assert parse_chmod(text).apply(mode, folder=folder) == got
