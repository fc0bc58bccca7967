"""A second process that does about half of the work on many small files.

Python runs one thread at a time, and a file of a few kilobytes costs more in the interpreter than in the
kernel: threads do not help there.  It is a program that is executed, not a copy of this process, which may
have threads and much memory.  It ends with the process that started it, however that ends, and keeps its
locks until then (store.locks).
"""

from __future__ import annotations

import os
from itertools import islice, starmap
from marshal import dumps, loads

import wherry
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from queue import SimpleQueue
    from select import poll
    from typing import Any, NoReturn, TypeVar

    R = TypeVar("R")
    Item = tuple[Any, ...]

FEW = 1500
"""Items that are done sooner than a second interpreter has begun."""
BATCH = 64
AHEAD = 2
"""Batches that are asked for at a time: the helper has the next one while its answer is read."""
MOST = 512
"""Items that are done here while it does not answer; then it is waited for."""
PIPE = 1 << 20
NUMBER = 8  # bytes
PROGRAM = """
import sys
sys.path.append(sys.argv[1])
from wherry.quick import install
install()
from wherry.helper import serve
serve()
"""


class Helper:
    """To be closed.  The process starts when there is work enough, where there is a processor for it."""

    def __init__(self, locks: Iterable[int] = ()) -> None:
        """`locks` are descriptors that it keeps open until it ends."""
        self._locks = tuple(locks)
        self._done = 0
        self._pid = 0
        self._asked: set[str] = set()
        self._preparing = 0
        self._usable = len(os.sched_getaffinity(0)) > 1
        self._questions = self._answers = -1
        self._poll: poll

    def map(self, function: Callable[..., R], items: Iterable[Item]) -> Iterator[R]:
        """What `function` gives for each item, in their order; items are taken before they are asked for.

        It is a module's own function, and its arguments and results are such as marshal takes, no
        NamedTuples among them.  What it raises is raised at the item's place, by doing it again; later
        items may have been done by then.
        """
        rest = iter(items)
        for item in rest:
            yield function(*item)
            self._done += 1
            if self._usable and self._done > FEW and self._prepared(_name(function)):
                yield from self._shared(function, rest)

    def prepare(self, function: Callable[..., object], items: int) -> None:
        """So many items are going to be mapped: where they are many it begins at once."""
        if self._usable and items > FEW:
            self._done += FEW
            self._prepared(_name(function))

    def close(self) -> None:
        """It has ended when this returns, whatever it was about to do."""
        if self._pid:
            from signal import SIGKILL

            try:
                os.kill(self._pid, SIGKILL)
                os.waitpid(self._pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass  # our parent ignores what becomes of its children (SIGCHLD), and so do we
            os.close(self._questions)
            os.close(self._answers)
            self._pid = 0

    def __enter__(self) -> Helper:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _prepared(self, name: str) -> bool:
        """Whether it has begun and imported the function: nobody waits for that."""
        if name not in self._asked:
            self._asked.add(name)
            self._preparing += 1
            self._ask(name, [])
        while self._usable and self._preparing and self._poll.poll(0):
            self._preparing -= 1
            self._answer()
        return self._usable and not self._preparing

    def _shared(self, function: Callable[..., R], rest: Iterator[Item]) -> Iterator[R]:
        """Batches that the helper does, and behind each of them what was done here meanwhile."""
        name = _name(function)
        waiting: list[tuple[list[Item], list[R], list[Item]]] = []
        try:
            while True:
                while len(waiting) < AHEAD and self._usable and (batch := list(islice(rest, BATCH))):
                    waiting.append((batch, [], []))
                    self._ask(name, batch)
                if not waiting:
                    return
                _, own, again = waiting[-1]
                if not again:
                    again += self._meanwhile(function, rest, own)
                made = self._answer()
                batch, own, again = waiting.pop(0)
                yield from made
                yield from starmap(function, batch[len(made) :])
                yield from own
                yield from starmap(function, again)
        finally:
            if waiting:  # answers are on their way that nobody reads
                self._end()

    def _meanwhile(self, function: Callable[..., R], rest: Iterator[Item], own: list[R]) -> list[Item]:
        """Do items here until there is an answer.  One that failed is done again at its place."""
        while self._usable and len(own) < MOST and not self._poll.poll(0):
            item = next(rest, None)
            if item is None:
                break
            try:
                own.append(function(*item))
            except Exception:  # what comes before it may fail, too, and is what is told
                return [item]
        return []

    def _ask(self, name: str, batch: list[Item]) -> None:
        try:
            if not self._pid:
                self._start()
            _send(self._questions, dumps((name, batch)))
        except OSError:
            self._end()

    def _answer(self) -> list[Any]:
        """As many as it could do, none once it has ended."""
        if self._usable:
            data = _receive(self._answers)
            if data is not None:
                found: list[Any] = loads(data)  # noqa: S302
                return found
            self._end()
        return []

    def _start(self) -> None:
        import sys
        from select import POLLIN, poll

        question, self._questions = os.pipe()
        self._answers, answer = os.pipe()
        try:
            _widen(self._answers)
            # -I -S: it needs nothing but the standard library and wherry.
            words = [sys.executable, "-I", "-S", "-X", "utf8", "-c", PROGRAM, _home()]
            files = [(os.POSIX_SPAWN_DUP2, question, 0), (os.POSIX_SPAWN_DUP2, answer, 1)]
            files += [(os.POSIX_SPAWN_DUP2, lock, lock) for lock in self._locks]
            # A session of its own: a key that ends us is not for it as well.
            self._pid = os.posix_spawn(sys.executable, words, {}, file_actions=files, setsid=True)
        except OSError:
            os.close(self._questions)
            os.close(self._answers)
            raise
        finally:
            os.close(question)
            os.close(answer)
        self._poll = poll()
        self._poll.register(self._answers, POLLIN)

    def _end(self) -> None:
        """Without it from now on."""
        self._usable = False
        self.close()


def _name(function: Callable[..., object]) -> str:
    return f"{function.__module__}:{function.__qualname__}"


def serve() -> NoReturn:
    """The helper's own program: questions come from its standard input, answers go to its output."""
    from _thread import start_new_thread
    from importlib import import_module
    from queue import SimpleQueue

    questions: SimpleQueue[bytes | None] = SimpleQueue()
    # Who asks is never waited for by who answers: each could wait for the other to read.
    start_new_thread(_read_questions, (questions,))
    parent = os.getppid()
    while (data := questions.get()) is not None:
        name, batch = loads(data)  # noqa: S302
        module, _, function = name.partition(":")
        made = []
        try:
            do = getattr(import_module(module), function)
            for item in batch:
                if os.getppid() != parent:
                    os._exit(1)
                made.append(do(*item))
        except Exception:  # noqa: S110  # who asked does it again, and says what there is to say
            pass
        try:
            _send(1, dumps(made))
        except OSError:
            break
    os._exit(0)


def _read_questions(questions: SimpleQueue[bytes | None]) -> None:
    data: bytes | None = b""
    while data is not None:
        data = _receive(0)
        questions.put(data)


def _send(file: int, data: bytes) -> None:
    view = memoryview(len(data).to_bytes(NUMBER, "little") + data)
    while view:
        view = view[os.write(file, view) :]


def _receive(file: int) -> bytes | None:
    """None where the other side has ended."""
    size = _exactly(file, NUMBER)
    return None if size is None else _exactly(file, int.from_bytes(size, "little"))


def _exactly(file: int, size: int) -> bytes | None:
    pieces = []
    while size:
        piece = os.read(file, size)
        if not piece:
            return None
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _widen(pipe: int) -> None:
    """So that an answer rarely waits for who reads it."""
    import fcntl

    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE)
    except OSError:  # a plain user has only so much for all pipes
        pass


def _home() -> str:
    """The folder that wherry is imported from."""
    assert wherry.__file__ is not None  # noqa: S101
    return os.path.dirname(os.path.dirname(wherry.__file__))
