"""The standard streams of a container that runs."""

from __future__ import annotations

import contextlib
import os

from wherry.containers.log import LogWriter, log_path
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store import ContainerRecord, Store

CHUNK = 1 << 16


class Streams:
    """The container's standard streams: pipes to this process, or the terminal itself with a tty."""

    def __init__(self, store: Store, record: ContainerRecord, *, attached: bool) -> None:
        docker = record.config.process
        self.attached = attached
        self.log = LogWriter(log_path(store, record.id))
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        interactive = attached and docker.open_stdin
        self.stdin = 0 if interactive else self._null
        self.readers: dict[int, str] = {}
        self._writers: list[int] = []
        if attached and docker.tty and os.isatty(1):
            self.stdin, self.stdout, self.stderr = 0, 1, 2
            return
        self.stdout = self._pipe("stdout")
        self.stderr = self._pipe("stderr")

    def _pipe(self, name: str) -> int:
        reader, writer = os.pipe()
        self.readers[reader] = name
        self._writers.append(writer)
        return writer

    def close_inner(self) -> None:
        """The container has its ends of the pipes; ours would keep them open for ever."""
        for writer in self._writers:
            os.close(writer)
        self._writers.clear()

    def pump(self, reader: int) -> bool:
        """Pass on what can be read.  False at the end of the stream."""
        data = os.read(reader, CHUNK)
        name = self.readers[reader]
        if not data:
            os.close(reader)
            del self.readers[reader]
            return False
        self.log.write(name, data)
        if self.attached:
            self._show(1 if name == "stdout" else 2, data)
        return True

    def _show(self, file: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(file, view) :]
            except OSError as error:
                # Who read our output went away, or has no room: the container runs on, and its log goes on.
                self.attached = False
                if not isinstance(error, BrokenPipeError):
                    self._say(f"the output cannot be shown any more: {error.strerror}")
                return

    @staticmethod
    def _say(text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(2, f"warning: {text}; wherry logs has it\n".encode())

    def close(self) -> None:
        self.close_inner()
        for reader in self.readers:
            os.close(reader)
        os.close(self._null)
        self.log.close()
