"""helm, from the Go module proxy, and the chart."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.peers.go_programs import HELM
from bench.programs import NotHere

from support.checkout import ROOT
from support.machine import require

CHART = ROOT / "deploy/chart"


class Helm:
    """Its settings and caches lie in `home`."""

    def __init__(self, home: Path, kubeconfig: Path | None = None) -> None:
        try:
            self._program = HELM.folder() / "helm"
        except NotHere as error:
            require(False, f"needs {error}")
            raise
        self._home = home
        self._env = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
        if kubeconfig is not None:
            self._env["KUBECONFIG"] = str(kubeconfig)

    def to(self, kubeconfig: Path) -> Helm:
        return Helm(self._home, kubeconfig)

    def __call__(self, *words: str | Path, text: str | None = None) -> str:
        """What it prints; fails the test where it fails."""
        done = self.run(*words, text=text)
        assert done.returncode == 0, f"helm {words}: {done.stderr}{done.stdout}"
        return done.stdout

    def run(self, *words: str | Path, text: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self._program), *map(str, words)],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env=self._env,
        )
