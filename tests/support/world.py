"""What the documents' examples are typed in: a project, a store, registries under the names that they use.

The images that a registry of the examples has are busybox under other names: what is shown is that the
commands do what the page says, with the names that it has.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from support.checkout import ROOT
from support.pages import Block, commands
from support.ports import free_port
from support.registry import Registry
from support.waiting import wait_until
from support.wherry import Wherry

FROM_HUB = {
    "bb": ("alpine", "busybox"),
    "stand-in": ("debian:bookworm", "debian:bookworm-slim", "golang:alpine", "golang:bookworm"),
}
# Its ``go build`` writes a web server, its ``apt-get`` does nothing.
STAND_IN = r"""
FROM bb
RUN mkdir -p /usr/bin && printf '#!/bin/sh\nexit 0\n' > /usr/bin/apt-get && chmod +x /usr/bin/apt-get
COPY --chmod=755 <<"END" /usr/bin/go
#!/bin/sh
[ "$1 $2" = "build -o" ] && [ -f "$4" ] || exit 2
cat > "$3" <<"PROGRAM"
#!/bin/sh
echo http daemon start
mkdir -p /tmp/www && echo hello > /tmp/www/index.html
exec busybox httpd -f -p "$PORT" -h /tmp/www
PROGRAM
END
CMD ["sh"]
"""
DOCKERFILE = """\
FROM alpine AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/root/.cache cp src/app.py /app

FROM alpine
COPY --from=build /app /app
CMD ["true"]
"""
# Ports of the pages that somebody may have here.
PORTS = ("8080", "8081", "8082", "9090")


class World:
    """A home, a store with the image ``bb``; `hub` is Docker Hub here, `registry` is registry.example."""

    def __init__(self, root: Path, bb: Wherry, hub: Registry, registry: Registry) -> None:
        self.root, self.registry = root, registry
        self._ports = {port: str(free_port()) for port in PORTS}
        self.home = root / "home"
        self.bin = root / "bin"
        for folder in (self.home, self.bin):
            folder.mkdir(parents=True)
        wrapper = self.bin / "wherry"
        wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m wherry "$@"\n')
        wrapper.chmod(0o755)
        conf = self.home / "registries.conf"
        conf.write_text(f'[[registry]]\nprefix = "docker.io"\nlocation = "{hub.host}"\ninsecure = true\n')
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("WHERRY_")},
            "HOME": str(self.home),
            "WHERRY_ROOT": str(root / "store"),
            "CONTAINERS_REGISTRIES_CONF": str(conf),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "NO_COLOR": "1",
        }
        bb.env = self.env
        bb.build(root / "stand-in", STAND_IN, "-t", "stand-in")
        bb("tag", "bb", "small")
        for image, names in FROM_HUB.items():
            for name in names:
                bb("tag", image, f"docker.io/library/{name}")
                bb("push", "-q", f"docker.io/library/{name}")

    def project(self, page: Path) -> Path:
        """A folder to type a page's commands in: a small program, and this repository's examples.

        The page has a store of its own.
        """
        store = self.root / f"store-{page.stem}"
        shutil.copytree(self.root / "store", store, symlinks=True)
        self.env["WHERRY_ROOT"] = str(store)
        folder = self.root / page.stem
        folder.mkdir()
        (folder / "src").mkdir()
        (folder / "src/app.py").write_text("#!/bin/sh\necho hello\n")
        (folder / "Dockerfile").write_text(DOCKERFILE)
        (folder / ".dockerignore").write_text("*.log\n")
        for name in ("examples", "deploy"):
            shutil.copytree(ROOT / name, folder / name)
        return folder

    def run(self, block: Block, folder: Path) -> None:
        """Type a block's commands in `folder`; fails the test where they do not do what the page says."""
        block = block._replace(text=self.here(block.text))
        if block.says:
            self._until(block, folder)
        elif block.language == "console":
            for command, printed in commands(block):
                self._typed(block, command, printed, folder)
        else:
            done = self.shell(block.text, folder)
            said = f"{block.place} exited {done.returncode}\n{block.text}\n{done.stdout}{done.stderr}"
            assert done.returncode == block.code, said

    def shell(
        self, text: str, folder: Path, prefix: list[str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*(prefix or []), "bash", "-euo", "pipefail", "-c", text],
            cwd=folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def here(self, text: str) -> str:
        """With this machine's registry and free ports for those that a page names."""
        text = re.sub(rf"\b({'|'.join(PORTS)})\b", lambda found: self._ports[found[1]], text)
        return re.sub(r"registry\.example|localhost:5000", self.registry.host, text)

    def _typed(self, block: Block, command: str, printed: list[str], folder: Path) -> None:
        done = self.shell(f"exec 2>&1\n{command}", folder)
        said = f"{block.place}: {command}\n{done.stdout}"
        assert done.returncode == block.code, said
        shown = [line.rstrip() for line in done.stdout.splitlines()]
        for line in printed:
            assert any(_fits(line.rstrip(), other) for other in shown), f"no line {line!r} in\n{said}"

    def _until(self, block: Block, folder: Path) -> None:
        output = folder / "said"
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-euc", f"exec {block.text}"],
                cwd=folder,
                env=self.env,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        try:
            wait_until(lambda: block.says in output.read_text(), f"{block.says!r} of {block.place}")
            process.send_signal(signal.SIGINT)
            assert process.wait(30) in (0, 130), output.read_text()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            output.unlink()


def _fits(line: str, other: str) -> bool:
    """Whether a line of a page is what was printed, where ``…`` stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, line.split("…"))), other) is not None
