"""The nginx program: where it is, what it can do, what it says about a configuration."""

from __future__ import annotations

import os
import re
import subprocess

from wherry.errors import ProxyError
from wherry.proxy.nginx.main import TEMP_PATHS, Binary
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SLOW = 60.0
"""Seconds after which ``nginx -t`` is given up."""


class Nginx:
    """A found nginx; `env` is the environment that it is started with."""

    def __init__(self, path: str, binary: Binary | None, env: Mapping[str, str]) -> None:
        self.path = path
        self.env = env
        self._binary = binary
        # While it says what it is, we import the rest of us: a port may be silent meanwhile.
        self._asked = _begun([path, "-V"], env) if binary is None else None

    @property
    def binary(self) -> Binary:
        """Raises ProxyError for a program that is no nginx."""
        if self._asked is not None:
            self._binary = _binary(self.path, _ended([self.path], self._asked))
            self._asked = None
        assert self._binary is not None  # noqa: S101
        return self._binary

    @classmethod
    def find(cls, name: str, environ: Mapping[str, str]) -> Nginx:
        """Look `name` up on the PATH of `environ` and in the sbin directories, and ask what it is."""
        places = environ.get("PATH", "/bin:/usr/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
        path = _found(name, places)
        if path is None:
            raise ProxyError(
                f"there is no nginx ({name}) on this machine",
                hint="apt-get install nginx-light, or name another binary with --nginx PATH",
            )
        return cls(path, None, _passed(environ))

    def command(self, conf: str | None, prefix: str | None = None) -> list[str]:
        """The command line for a configuration; None means the one that this nginx was built with."""
        words = [self.path, "-e", "stderr"]
        if prefix:
            words += ["-p", prefix]
        return words + (["-c", conf] if conf else [])

    def complaint(self, conf: str | None, prefix: str | None = None) -> str | None:
        """What ``nginx -t`` has against a configuration; None when it passes."""
        done = _run([*self.command(conf, prefix), "-t", "-q"], self.env)
        return None if done.returncode == 0 else _reason(done.stderr)


def _found(name: str, places: str) -> str | None:
    """What a shell would start; `shutil.which` loads three compressions, and a port is silent meanwhile."""
    for folder in places.split(":") if "/" not in name else [""]:
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def _binary(path: str, said: subprocess.CompletedProcess[str]) -> Binary:
    version = re.search(r"version: [^/\s]+/([0-9]+(?:\.[0-9]+)*)", said.stderr)
    if said.returncode != 0 or version is None:
        raise ProxyError(f"{path} is not an nginx: {_last_line(said.stderr)}", hint="check --nginx")
    without = {m for m in TEMP_PATHS if f"--without-http_{m}_module" in said.stderr}
    return Binary(tuple(int(n) for n in version[1].split(".")), frozenset(without))


def _run(words: list[str], env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return _ended(words, _begun(words, env))


def _begun(words: list[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    try:
        return subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", env=env
        )
    except OSError as error:
        raise ProxyError(f"cannot run {words[0]}: {error.strerror}", hint="check --nginx") from None


def _ended(words: list[str], process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """What it said on its standard error."""
    with process:
        try:
            said = process.communicate(timeout=SLOW)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            raise ProxyError(f"{words[0]} did not answer within {SLOW:.0f} s") from None
        except BaseException:
            process.kill()
            raise
        return subprocess.CompletedProcess(words, process.returncode, "", said)


PASSED = ("PATH", "TZ", "LANG")
MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(128 << 10), "MALLOC_TRIM_THRESHOLD_": str(1 << 20)}
"""mallopt(3): glibc's first threshold grows by itself, and then what a load of the configuration took for a
while stays with the master and with each worker, 2.7 MB of 14 after five reloads of 300 routes."""


def _passed(environ: Mapping[str, str]) -> dict[str, str]:
    """What nginx needs of it: nothing but where to find programs, and how to say times."""
    return MEMORY | {k: v for k, v in environ.items() if k in PASSED}


def _reason(text: str) -> str:
    """The line of nginx that says what is wrong, without its time and process id."""
    for line in text.splitlines():
        found = re.search(r"\[(?:emerg|crit|alert)\] (?:\d+#\d+: )?(.*)", line)
        if found:
            return found[1]
    return _last_line(text)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
