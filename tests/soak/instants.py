"""Each write of a command, found by strace, and a kill or an error at exactly one of them.

strace counts the calls of each process and thread apart: an instant is met by whichever process of the
command comes to it first, the runtime and what it starts included.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.soak.command import Outcome, Wherry

WRITES = (
    *("rename", "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"),
    *("symlink", "symlinkat", "link", "linkat", "write", "pwrite64", "ftruncate", "truncate"),
    *("fsync", "fdatasync", "openat", "fchmod", "chmod", "fchmodat", "fchown", "lchown", "fchownat"),
    *("setxattr", "lsetxattr", "fsetxattr", "mknod", "mknodat", "mount", "umount2", "flock"),
    *("copy_file_range", "sendfile", "utimensat"),
)
CALL = re.compile(r"^(\d+) +([a-z0-9_]+)\((.*)")
FOR_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")


class Instant(NamedTuple):
    """The `number`-th call of `syscall` in one process, counted from 1."""

    syscall: str
    number: int

    def __str__(self) -> str:
        return f"{self.syscall}:{self.number}"


def find_instants(wherry: Wherry, words: Sequence[str], trace: Path) -> tuple[list[Instant], Outcome]:
    """Run the command to its end and list its writes; its outcome."""
    done = wherry.run(*words, under=(*_strace(trace), "-e", f"trace={','.join(WRITES)}"))
    return _instants(trace.read_text(errors="replace")), done


def _strace(trace: Path) -> tuple[str, ...]:
    """-D: the command is our child, and strace goes away with the last of its processes."""
    return ("strace", "-D", "-f", "-qq", "-o", str(trace))


def _instants(text: str) -> list[Instant]:
    counts: Counter[tuple[str, str]] = Counter()
    found = set()
    for line in text.splitlines():
        call = CALL.match(line)
        if call is None:
            continue
        pid, name, rest = call.groups()
        counts[pid, name] += 1
        if name != "openat" or FOR_WRITING.search(rest):
            found.add(Instant(name, counts[pid, name]))
    return sorted(found)


def killing(instant: Instant) -> tuple[str, ...]:
    """To be put before a command: SIGKILL for the process that comes to that call."""
    return _inject(instant, "signal=KILL")


def failing(instant: Instant, error: str) -> tuple[str, ...]:
    """To be put before a command: the call fails with that error."""
    return _inject(instant, f"error={error}")


def _inject(instant: Instant, effect: str) -> tuple[str, ...]:
    what = f"inject={instant.syscall}:{effect}:when={instant.number}"
    return (*_strace(Path("/dev/null")), "-e", f"trace={instant.syscall}", "-e", what)


def failing_always(syscall: str, error: str) -> tuple[str, ...]:
    """To be put before a command: every such call fails with that error."""
    return (*_strace(Path("/dev/null")), "-e", f"trace={syscall}", "-e", f"inject={syscall}:error={error}")
