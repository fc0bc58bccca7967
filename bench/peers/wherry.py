"""wherry itself, as `make setup` installs it, with its bytecode compiled as any installation has it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.machine import CHECKOUT, commit
from bench.peers import Peer
from bench.programs import Command, NotHere, environment, output

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.images import BaseImage


class Wherry(Peer):
    key = "wherry"
    title = "wherry"
    moves = True
    copies = True
    explores = True

    def __init__(self, home: Path) -> None:
        self._home = home
        self._env = environment(home)
        # Beside the interpreter that runs us, not resolved: .venv/bin.
        self.program = str(Path(sys.executable).parent / "wherry")

    def require(self) -> None:
        if not Path(self.program).exists():
            raise NotHere("wherry is not installed in this environment (make setup)")
        # Without PYTHONDONTWRITEBYTECODE: editors and CI set it, installations do not.
        output(sys.executable, "-m", "compileall", "-q", str(CHECKOUT / "src"), env=self._env)

    def start(self, disk: Path, scratch: Path) -> None:
        self._env = environment(self._home, WHERRY_ROOT=str(disk / "store"))

    def version(self) -> str:
        said = output(self.program, "version", env=self._env).split()[-1]
        return f"{said} ({commit()})" if commit() else said

    def load(self, image: BaseImage) -> None:
        output(self.program, "load", "-i", str(image.archive), env=self._env)

    def build(self, context: Path, dockerfile: Path, args: Mapping[str, str] | None = None) -> Command:
        given = [f"--build-arg={name}={value}" for name, value in (args or {}).items()]
        words = (self.program, "build", "--progress=plain", "-t", "bench-result", "-f", str(dockerfile))
        return Command((*words, *given, str(context)), self._env)

    def run(self, image: str, *words: str) -> Command:
        return Command((self.program, "run", "--rm", image, *words), self._env)

    def explore(self, archive: Path) -> Command:
        return self.command("explore", str(archive))

    def pull(self, name: str) -> Command:
        return self.command("pull", "-q", name)

    def push(self, name: str) -> Command:
        return self.command("push", "-q", name)

    def save(self, image: str, archive: Path) -> Command:
        return self.command("save", "-o", str(archive), image)

    def copy(self, source: str, target: str) -> Command:
        return self.command("copy", "-q", f"docker://{source}", f"docker://{target}")

    def load_archive(self, archive: Path) -> None:
        output(self.program, "load", "-q", "-i", str(archive), env=self._env)

    def tag(self, image: str, name: str) -> None:
        output(self.program, "tag", image, name, env=self._env)

    def forget(self, *names: str) -> None:
        for name in names:
            if output(self.program, "images", "-q", name, env=self._env):
                output(self.program, "rmi", "-f", name, env=self._env)

    def forget_compressed(self) -> None:
        output(self.program, "prune", "-af", env=self._env)

    def cached(self, output: str) -> int:
        return len(re.findall(r"^#\d+ CACHED$", output, re.MULTILINE))

    def command(self, *words: str) -> Command:
        return Command((self.program, *words), self._env)
