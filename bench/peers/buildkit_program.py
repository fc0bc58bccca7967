"""buildkitd and buildctl, built once from the Go module proxy and kept outside the checkout."""

from __future__ import annotations

import json
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
# From this Go on, it fetches the newer one that a module asks for; an older one is given it.
FETCHES_NEWER = [1, 21]
TOOLCHAIN = "golang.org/toolchain@v0.0.1-go1.26.8"
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
    go = _go(work)
    (work / "go.mod").write_text(GO_MOD)
    (work / "tools.go").write_text(TOOLS)
    programs = work / "bin"
    paths = [f"{MODULE}/cmd/{program}" for program in PROGRAMS]
    for words in (
        ["get", f"{MODULE}@{VERSION}"],
        ["mod", "tidy"],
        ["build", "-trimpath", "-tags=tools", f"-o={programs}/", *paths],
    ):
        _run(work, go, *words)
    return programs


def _go(work: Path) -> str:
    """The newest ``go`` of this machine; one that is too old to fetch a newer one by itself does it so."""
    found = [shutil.which("go"), "/usr/local/go/bin/go", *map(str, Path("/usr/lib").glob("go-*/bin/go"))]
    versions = {path: _version(path) for path in found if path and os.access(path, os.X_OK)}
    if not versions:
        raise NotHere(f"BuildKit {VERSION}: go, to build it (apt-get install golang-go)")
    go = max(versions, key=lambda path: versions[path])
    return go if versions[go] >= FETCHES_NEWER else _newer(work / "toolchain", go)


def _version(go: str) -> list[int]:
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"go(\d+)\.(\d+)", said)
    return [int(match[1]), int(match[2])] if match else [0]


def _newer(work: Path, go: str) -> str:
    """Go's own tools are a module, too.  A module's files come without the right to be run."""
    work.mkdir()
    (work / "go.mod").write_text("module toolchain\n")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
    said = _run(work, go, "mod", "download", "-json", f"{TOOLCHAIN}.linux-{machine}")
    tools = work / "go"
    shutil.copytree(json.loads(said)["Dir"], tools, copy_function=shutil.copyfile)
    for folder in (tools / "bin", tools / "pkg/tool"):
        for path in folder.rglob("*"):
            path.chmod(0o755)
    return str(tools / "bin/go")


def _run(work: Path, go: str, *words: str) -> str:
    done = subprocess.run(
        ["nice", "-n", "15", go, *words],
        cwd=work,
        env={**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotHere(f"BuildKit {VERSION}: go {words[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
