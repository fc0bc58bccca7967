"""buildkitd and buildctl, built once from the Go module proxy and kept outside the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.programs import NotHere

VERSION = "v0.34.2"
PROGRAMS = ("buildkitd", "buildctl")
MODULE = "github.com/moby/buildkit"
# `go install …@version` refuses a module with exclude directives, so a module of our own asks for it.
GO_MOD = "module bench\n\ngo 1.24\n"
TOOLS = "//go:build tools\n\npackage bench\n\nimport (\n{}\n)\n".format(
    "\n".join(f'\t_ "{MODULE}/cmd/{program}"' for program in PROGRAMS)
)


def buildkit_programs() -> Path:
    """The folder that holds both programs, built first where it is absent (about two minutes).

    Is atomic: the folder appears by one rename.  Raises NotHere.
    """
    folder = cache_folder() / f"buildkit-{VERSION}"
    if not all((folder / program).exists() for program in PROGRAMS):
        print(f"building BuildKit {VERSION} once, into a cache; this takes minutes", file=sys.stderr)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            built = _build(Path(work))
            shutil.rmtree(folder, ignore_errors=True)
            built.rename(folder)
    return folder


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "wherry/bench"


def _build(work: Path) -> Path:
    go = _go()
    (work / "go.mod").write_text(GO_MOD)
    (work / "tools.go").write_text(TOOLS)
    programs = work / "bin"
    paths = [f"{MODULE}/cmd/{program}" for program in PROGRAMS]
    for words in (
        ["get", f"{MODULE}@{VERSION}"],
        ["mod", "tidy"],
        ["build", "-trimpath", "-tags=tools", f"-o={programs}/", *paths],
    ):
        done = subprocess.run(
            ["nice", "-n", "15", go, *words],
            cwd=work,
            env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotHere(f"BuildKit {VERSION}: go {words[0]} failed: {done.stderr.strip()[-300:]}")
    return programs


def _go() -> str:
    """``go`` on PATH, or the newest that Debian installed beside it."""
    found = shutil.which("go")
    if found is None:
        debian = sorted(Path("/usr/lib").glob("go-*/bin/go"), key=_numbers)
        found = str(debian[-1]) if debian else None
    if found is None:
        raise NotHere(f"BuildKit {VERSION}: go, to build it (apt-get install golang-go)")
    return found


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]
