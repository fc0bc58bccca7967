"""BuildKit's programs, built once from its Go module into a cache outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

VERSION = "v0.34.2"
# `go install …@version` refuses a module with exclude directives; a module that needs it does not.
TOOLS = """\
//go:build tools

package tools

import (
	_ "github.com/moby/buildkit/cmd/buildctl"
	_ "github.com/moby/buildkit/cmd/buildkitd"
)
"""


def buildkit() -> Path | None:
    """The folder with buildkitd and buildctl, or None where they cannot be built."""
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wherry" / f"buildkit-{VERSION}"
    )
    if (cache / "bin/buildctl").exists():
        return cache / "bin"
    if shutil.which("go") is None:
        return None
    source = cache / "src"
    source.mkdir(parents=True, exist_ok=True)
    (source / "tools.go").write_text(TOOLS)
    environment = {**os.environ, "CGO_ENABLED": "0"}
    packages = [f"github.com/moby/buildkit/cmd/{name}" for name in ("buildkitd", "buildctl")]
    for words in (
        ["go", "mod", "init", "wherry.bench/tools"],
        ["go", "get", f"github.com/moby/buildkit@{VERSION}"],
        ["go", "mod", "tidy"],
        ["go", "build", "-tags", "tools", "-o", f"{cache}/bin/", *packages],
    ):
        if words[2] == "init" and (source / "go.mod").exists():
            continue
        subprocess.run(words, cwd=source, env=environment, check=True)
    return cache / "bin"
