"""Programs from the Go module proxy, built once and kept outside the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bench.programs import NotHere

# From this Go on, it fetches the newer one that a module asks for; an older one is given it.
FETCHES_NEWER = [1, 21]
TOOLCHAIN = "golang.org/toolchain@v0.0.1-go1.26.8"
# As it was when we began: a test may have another one.
HOME = os.path.expanduser("~")
GO_MOD = "module bench\n\ngo 1.24\n"


class GoPrograms(NamedTuple):
    """`packages` are folders below `module`; a program has the name of its package's folder.

    With `main`, a file of ours that uses them as a library, the program is that one, without its suffix.
    """

    title: str
    module: str
    version: str
    packages: tuple[str, ...]
    minutes: str
    main: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        if self.main is not None:
            return (self.main.stem,)
        return tuple(package.rpartition("/")[2] for package in self.packages)

    def folder(self) -> Path:
        """The folder that holds the programs, built first where it is absent.

        Is atomic: the folder appears by one rename.  Raises NotHere.
        """
        folder = cache_folder() / f"{self.title.lower()}-{self.version}"
        if not all((folder / name).exists() for name in self.names):
            said = f"building {self.title} {self.version} once, into a cache; this takes {self.minutes}"
            print(said, file=sys.stderr)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent) as work:
                built = self._build(Path(work))
                shutil.rmtree(folder, ignore_errors=True)
                built.rename(folder)
        return folder

    def _build(self, work: Path) -> Path:
        # `go install …@version` refuses modules with exclude directives: a module of our own asks for it.
        paths = [f"{self.module}/{package}" for package in self.packages]
        imports = "\n".join(f'\t_ "{path}"' for path in paths)
        (work / "go.mod").write_text(GO_MOD)
        (work / "tools.go").write_text(f"//go:build tools\n\npackage bench\n\nimport (\n{imports}\n)\n")
        if self.main is not None:
            (work / self.main.stem).mkdir()
            shutil.copy(self.main, work / self.main.stem)
            paths = [f"./{self.main.stem}"]
        programs = work / "bin"
        go = self._go(work)
        for words in (
            ["get", f"{self.module}@{self.version}"],
            ["mod", "tidy"],
            ["build", "-trimpath", "-tags=tools", f"-o={programs}/", *paths],
        ):
            self._run(work, go, *words)
        return programs

    def _go(self, work: Path) -> str:
        """The newest ``go`` of this machine; one that is too old to fetch a newer one is given it."""
        found = [
            shutil.which("go"),
            "/usr/local/go/bin/go",
            *map(str, Path("/usr/lib").glob("go-*/bin/go")),
        ]
        versions = {path: _version(path) for path in found if path and os.access(path, os.X_OK)}
        if not versions:
            raise NotHere(f"{self.title} {self.version}: go, to build it (apt-get install golang-go)")
        go = max(versions, key=lambda path: versions[path])
        return go if versions[go] >= FETCHES_NEWER else self._newer(work / "toolchain", go)

    def _newer(self, work: Path, go: str) -> str:
        """Go's own tools are a module, too.  A module's files come without the right to be run."""
        work.mkdir()
        (work / "go.mod").write_text("module toolchain\n")
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
        said = self._run(work, go, "mod", "download", "-json", f"{TOOLCHAIN}.linux-{machine}")
        tools = work / "go"
        shutil.copytree(json.loads(said)["Dir"], tools, copy_function=shutil.copyfile)
        for folder in (tools / "bin", tools / "pkg/tool"):
            for path in folder.rglob("*"):
                path.chmod(0o755)
        return str(tools / "bin/go")

    def _run(self, work: Path, go: str, *words: str) -> str:
        done = subprocess.run(
            ["nice", "-n", "15", go, *words],
            cwd=work,
            env={**os.environ, "HOME": HOME, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=mod"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotHere(
                f"{self.title} {self.version}: go {words[0]} failed: {done.stderr.strip()[-300:]}"
            )
        return done.stdout


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or f"{HOME}/.cache"
    return Path(base) / "wherry/bench"


def _version(go: str) -> list[int]:
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"go(\d+)\.(\d+)", said)
    return [int(match[1]), int(match[2])] if match else [0]


BUILDKIT = GoPrograms(
    "BuildKit", "github.com/moby/buildkit", "v0.34.2", ("cmd/buildkitd", "cmd/buildctl"), "two minutes"
)
CRANE = GoPrograms("crane", "github.com/google/go-containerregistry", "v0.22.1", ("cmd/crane",), "a minute")
REGCTL = GoPrograms("regctl", "github.com/regclient/regclient", "v0.11.7", ("cmd/regctl",), "a minute")
DIVE = GoPrograms("dive", "github.com/wagoodman/dive", "v0.13.1", ("cmd/dive",), "two minutes")
DISTRIBUTION = GoPrograms(
    "distribution", "github.com/distribution/distribution/v3", "v3.1.2", ("cmd/registry",), "two minutes"
)
HELM = GoPrograms("helm", "helm.sh/helm/v4", "v4.3.1", ("cmd/helm",), "three minutes")
REFERRERS_REGISTRY = GoPrograms(
    "referrers-registry",
    CRANE.module,
    CRANE.version,
    ("pkg/registry",),
    "a minute",
    Path(__file__).with_name("referrers_registry.go"),
)
