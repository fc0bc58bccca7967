"""The standard streams of a container that runs."""

from __future__ import annotations

import contextlib
import errno
import os
import select

from wherry.containers.log import LogWriter, log_path
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.store import ContainerRecord, Store

CHUNK = 1 << 16
INPUT = 1 << 10


class Streams:
    """The container's standard streams: pipes to this process, or a terminal of the container's own.

    What the container writes is shown where somebody is attached, and always logged.  What somebody types
    goes to its terminal; the caller's own one is then raw until close(), as with docker.
    """

    def __init__(self, store: Store, record: ContainerRecord, *, attached: bool) -> None:
        docker = record.config.process
        self.attached = attached
        self.log = LogWriter(log_path(store, record.id))
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        interactive = attached and docker.open_stdin
        self.stdin = 0 if interactive else self._null
        self.readers: dict[int, str] = {}
        self._writers: list[int] = []
        self._terminal: int | None = None
        self._typed = b""
        self._before: list[Any] | None = None
        if docker.tty:
            self._open_terminal()
            if interactive:
                self._take_input()
            return
        self.stdout = self._pipe("stdout")
        self.stderr = self._pipe("stderr")

    def _open_terminal(self) -> None:
        """The container has the inner end; what comes out of the outer one is logged as its output."""
        self._terminal, inner = os.openpty()
        os.set_blocking(self._terminal, False)
        self.readers[self._terminal] = "stdout"
        self._writers.append(inner)
        self.stdin = self.stdout = self.stderr = inner
        self.resize()

    def _take_input(self) -> None:
        import termios
        import tty

        self.readers[0] = "stdin"
        if os.isatty(0):
            self._before = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSANOW)

    def size(self) -> tuple[int, int]:
        """Rows and columns of the terminal that is attached; zeros where none is."""
        if self._terminal is not None and self.attached:
            for file in (0, 1, 2):
                with contextlib.suppress(OSError):
                    columns, rows = os.get_terminal_size(file)
                    return rows, columns
        return 0, 0

    def resize(self) -> None:
        """Give the container's terminal the size of ours; the kernel tells its programs."""
        rows, columns = self.size()
        if self._terminal is not None and rows and columns:
            from wherry.sandbox.supervise import set_size

            set_size(self._terminal, rows, columns)

    def _pipe(self, name: str) -> int:
        reader, writer = os.pipe()
        self.readers[reader] = name
        self._writers.append(writer)
        return writer

    def close_inner(self) -> None:
        """The container has its ends of the streams; ours would keep them open for ever."""
        for writer in self._writers:
            os.close(writer)
        self._writers.clear()

    def pump_ready(self) -> None:
        """Wait until something can be passed on, and pass it on."""
        readers = [reader for reader, name in self.readers.items() if name != "stdin" or not self._typed]
        writers = [self._terminal] if self._typed and self._terminal is not None else []
        ready, writable, _ = select.select(readers, writers, [])
        for reader in ready:
            self._pump(reader)
        if writable and self._terminal is not None:
            self._type()

    def _pump(self, reader: int) -> None:
        name = self.readers.get(reader)
        if name == "stdin":
            self._typed = os.read(0, INPUT)
            if not self._typed:
                del self.readers[0]
        elif name is not None:
            data = self._read(reader)
            if not data:
                self._ended(reader)
                return
            self.log.write(name, data)
            if self.attached:
                self._show(1 if name == "stdout" else 2, data)

    @staticmethod
    def _read(reader: int) -> bytes:
        try:
            return os.read(reader, CHUNK)
        except OSError as error:
            if error.errno == errno.EIO:  # a terminal that nobody has open any more
                return b""
            raise

    def _ended(self, reader: int) -> None:
        os.close(reader)
        del self.readers[reader]
        if reader == self._terminal:
            self._terminal = None
            self.readers.pop(0, None)

    def _type(self) -> None:
        assert self._terminal is not None  # noqa: S101
        with contextlib.suppress(BlockingIOError):
            self._typed = self._typed[os.write(self._terminal, self._typed) :]

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
        for reader, name in self.readers.items():
            if name != "stdin":
                os.close(reader)
        self._restore()
        os.close(self._null)
        self.log.close()

    def _restore(self) -> None:
        if self._before is not None:
            import termios

            with contextlib.suppress(termios.error):
                termios.tcsetattr(0, termios.TCSADRAIN, self._before)
