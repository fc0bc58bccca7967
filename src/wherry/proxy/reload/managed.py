"""An nginx of our own, with all its files in one directory.

    <state>/g7/nginx.conf, g7/default.conf     one directory for each generation
    <state>/live -> g7                         what nginx reads: one rename switches the whole configuration
    <state>/generation.sock, nginx.pid, temp/

What `live` points to is what a restart begins with: it has served, or passed `nginx -t` if we were killed
while nginx took it.
"""

from __future__ import annotations

import contextlib
import os
import time

from wherry.errors import ProxyError
from wherry.proxy.nginx.main import MainOptions, main, socket_path
from wherry.proxy.reload import files
from wherry.proxy.reload.draining import Draining
from wherry.proxy.reload.generation import LONGEST_PATH, Answer, wait_for
from wherry.proxy.reload.ports import free_to_listen
from wherry.proxy.reload.process import Process
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.proxy.reload.binary import Nginx


PASS_THROUGH = 0o711
"""Workers, which may be another user's, reach temp/; nobody lists anything."""


LET_GO = 5.0
"""Seconds that an nginx which was told to end may take to stop listening."""


class Managed:
    """The directory `options.state` and the nginx in it (see target.Target).

    Only one process may use the directory at a time.
    """

    def __init__(self, nginx: Nginx, options: MainOptions) -> None:
        self._nginx = nginx
        self._binary = nginx.binary
        self._options = options
        self._state = options.state
        self._candidate = ""
        self._previous = ""
        self._draining = Draining()
        self._leaving: list[Process] = []
        self.process: Process | None = None
        if len(os.fsencode(socket_path(self._state))) > LONGEST_PATH:
            raise ProxyError(
                f"the directory's name is too long for a unix socket: {self._state}",
                hint=f"choose one below {LONGEST_PATH - 20} bytes with --state DIR",
            )
        with files.explained(f"cannot use {self._state}"):
            os.makedirs(os.path.join(self._state, "temp"), exist_ok=True)
            for folder in (self._state, os.path.join(self._state, "temp")):
                os.chmod(folder, PASS_THROUGH)

    def last(self) -> tuple[str, int]:
        name = self._live()
        if not name:
            return "", 0
        try:
            return self._text(name), int(name[1:])
        except ProxyError:
            return "", int(name[1:])  # no file any more: as good as none

    def rest(self) -> float:
        return self._draining.rest(self._workers())

    def stage(self, text: str, generation: int) -> None:
        self._candidate = f"g{generation}"
        folder = os.path.join(self._state, self._candidate)
        default_conf = os.path.join(folder, "default.conf")
        with files.explained(f"cannot write {folder}"):
            os.makedirs(folder, exist_ok=True)
            _write(default_conf, text)
            conf = main(self._options, self._binary, default_conf, generation, text.count("~"))
            _write(os.path.join(folder, "nginx.conf"), conf)

    def complaint(self) -> str | None:
        """Raises ProxyError where somebody else has an address, or it may not be had."""
        held = "" if self.process is None else self._text("live")  # one that was killed left its workers
        free_to_listen(self._text(self._candidate), held=held)
        return self._nginx.complaint(self._conf(self._candidate), self._state)

    def swap(self) -> None:
        self._previous = self._live()
        self._point_to(self._candidate)

    def signal(self) -> None:
        text = self._text("live")
        if self.process is None:
            free_to_listen(text)
            self._start()
        elif self.process.alive() and free_to_listen(text, held=self._text(self._previous)):
            self._draining.begin(self.process.workers())
            self.process.reload()
        else:
            self._make_way(text)

    def _start(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(socket_path(self._state))  # left by one that was killed: it could not be bound
        self.process = Process(self._nginx.command(self._conf("live"), self._state), self._nginx.env)

    def _make_way(self, text: str) -> None:
        """Start another nginx in place of it: where it ended by itself, or has what the next one needs (a
        reload opens what is new before it closes what is old).

        It stops listening at once and finishes its requests; for a moment nobody listens.
        """
        assert self.process is not None  # noqa: S101
        leaving, self.process = self.process, None  # its end is no end of ours
        self._draining = Draining()
        leaving.let_go()
        self._leaving = [one for one in self._leaving if one.alive()] + [leaving]
        end = time.monotonic() + LET_GO
        try:
            while True:
                try:
                    free_to_listen(text)
                    break
                except ProxyError:
                    if time.monotonic() > end:
                        self._point_to(self._previous)
                        raise
                time.sleep(0.005)
        finally:
            self._start()

    def proof(self, generation: int, timeout: float) -> Answer | None:
        answer = wait_for(socket_path(self._state), generation, timeout, self.alive, self._started)
        if self.process is not None:
            self.process.reloaded()
            if answer is None and not self.alive():
                self.process.last_words()  # they say why
        return answer

    def settle(self) -> None:
        self._draining.settle(self._workers())
        self._remove_all_but(self._live())

    def restore(self) -> None:
        if self._previous:
            self._point_to(self._previous)
        self._remove_all_but(self._previous)

    def alive(self) -> bool:
        return self.process is not None and self.process.alive()

    def _started(self) -> bool:
        return self._draining.hasten(self._workers())

    def _workers(self) -> list[int]:
        return self.process.workers() if self.process is not None else []

    def _text(self, name: str) -> str:
        return files.read(os.path.join(self._state, name, "default.conf")) or ""

    def _conf(self, name: str) -> str:
        return os.path.join(self._state, name, "nginx.conf")

    def _live(self) -> str:
        with contextlib.suppress(OSError):
            name = os.readlink(os.path.join(self._state, "live"))
            if name[:1] == "g" and name[1:].isdigit():
                return name
        return ""

    def _point_to(self, name: str) -> None:
        link = os.path.join(self._state, "live")
        with files.explained(f"cannot replace {link}"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(link + ".new")
            os.symlink(name, link + ".new")
            os.rename(link + ".new", link)

    def _remove_all_but(self, kept: str) -> None:
        for name in os.listdir(self._state):
            if name[:1] == "g" and name[1:].isdigit() and name != kept:
                _remove(os.path.join(self._state, name))


def _remove(folder: str) -> None:
    """A folder of files of ours; `shutil` would load three compressions for it, half a megabyte."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            os.unlink(os.path.join(folder, name))
        os.rmdir(folder)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
