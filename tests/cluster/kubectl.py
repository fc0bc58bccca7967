"""kubectl as an administrator types it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

Object = dict[str, Any]


class Kubectl:
    def __init__(self, programs: Path, kubeconfig: Path) -> None:
        self._words = [str(programs / "kubectl"), "--kubeconfig", str(kubeconfig)]

    def __call__(self, *words: str, text: str | None = None, timeout: float = 120) -> str:
        """What it prints; fails the test where it fails."""
        done = self.run(*words, text=text, timeout=timeout)
        assert done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}{done.stdout}"
        return done.stdout

    def run(
        self, *words: str, text: str | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._words, *words], input=text, capture_output=True, text=True, check=False, timeout=timeout
        )

    def get(self, *words: str) -> Any:
        return json.loads(self("get", *words, "-o", "json"))
