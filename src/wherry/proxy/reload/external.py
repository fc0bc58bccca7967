"""An nginx that something else started and whose main configuration we do not own (``--signal-only``).

It includes ``<folder>/*.conf``, so its generation server is one more file in that folder.  The watched file
is in place already when we see it: a candidate that fails stays there, nginx keeps what it has in memory,
and nothing is set aside.
"""

from __future__ import annotations

import os
import signal

from wherry.errors import ProxyError
from wherry.proxy.nginx.config import text as config_text
from wherry.proxy.nginx.main import generation_server
from wherry.proxy.reload import files
from wherry.proxy.reload.draining import Draining
from wherry.proxy.reload.generation import Answer, ask, wait_for
from wherry.proxy.reload.process import children
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.proxy.reload.binary import Nginx

GENERATION_CONF = "wherry-generation.conf"


class External:
    """Implements target.Target by a pid file and a configuration folder."""

    def __init__(self, nginx: Nginx, folder: str, pid_file: str, conf: str | None = None) -> None:
        self._nginx = nginx
        self._binary = nginx.binary  # raises where it is none
        self._folder = folder
        self._pid_file = pid_file
        self._conf = conf
        self._socket = os.path.join(folder, ".wherry-generation.sock")
        self._draining = Draining()

    def last(self) -> tuple[str, int]:
        answer = ask(self._socket)
        return "", answer.generation if answer else 0

    def rest(self) -> float:
        return self._draining.rest(self._workers())

    def stage(self, text: str, generation: int) -> None:
        conf = config_text([generation_server(self._socket, generation)])
        files.write(os.path.join(self._folder, GENERATION_CONF), conf.encode())

    def complaint(self) -> str | None:
        return self._nginx.complaint(self._conf)

    def swap(self) -> None:
        """The generator has done it."""

    def signal(self) -> None:
        pid = self._pid()
        self._draining.begin(children(pid))
        try:
            os.kill(pid, signal.SIGHUP)
        except OSError as error:
            raise ProxyError(
                f"cannot signal nginx ({pid}): {error.strerror}",
                hint="--signal-only has to see nginx's processes: shareProcessNamespace in a pod",
            ) from None

    def proof(self, generation: int, timeout: float) -> Answer | None:
        return wait_for(self._socket, generation, timeout, self.alive, self._started)

    def alive(self) -> bool:
        try:
            os.kill(self._pid(), 0)
        except (OSError, ProxyError):
            return False
        return True

    def settle(self) -> None:
        self._draining.settle(children(self._pid()))

    def restore(self) -> None:
        """nginx has kept what it had."""

    def _started(self) -> bool:
        return self._draining.hasten(self._workers())

    def _workers(self) -> list[int]:
        try:
            return children(self._pid())
        except ProxyError:
            return []  # it has ended: alive() says so

    def _pid(self) -> int:
        words = (files.read(self._pid_file) or "").split()
        if len(words) == 1 and words[0].isascii() and words[0].isdigit() and int(words[0]) > 1:
            return int(words[0])
        raise ProxyError(
            f"there is no process id in {self._pid_file}",
            hint="is nginx running? name its file with --pid-file",
        )
