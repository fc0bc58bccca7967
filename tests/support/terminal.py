"""A command on a terminal of its own, and what such a terminal shows."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata
from typing import NamedTuple

from support.wherry import Wherry


class Seen(NamedTuple):
    code: int
    text: str
    restored: bool


def on_a_terminal(
    bb: Wherry,
    *words: str,
    typed: bytes = b"",
    rows: int = 35,
    columns: int = 120,
    then: tuple[int, int] | None = None,
) -> Seen:
    """Run it on a terminal; at READY something is `typed`, or the size changes `then`."""
    outer, inner = os.openpty()
    resize(outer, rows, columns)
    before = termios.tcgetattr(inner)

    def own() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    running = subprocess.Popen(
        [*bb.prefix, *words], stdin=inner, stdout=inner, stderr=inner, env=bb.env, preexec_fn=own
    )
    said, ready, deadline = b"", False, time.monotonic() + 30
    while time.monotonic() < deadline:
        if select.select([outer], [], [], 0.1)[0]:
            said += os.read(outer, 4096)
        elif running.poll() is not None:
            break
        if not ready and b"READY" in said:
            ready = True
            os.write(outer, typed)
            if then is not None:
                resize(outer, *then)
    restored = termios.tcgetattr(inner) == before
    os.close(inner)
    os.close(outer)
    return Seen(running.wait(10), said.decode(), restored)


def resize(terminal: int, rows: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def shown_on(text: str, columns: int) -> list[str]:
    """The lines of a terminal of endless height after `text`: line ends, "up", "clear below", no wrapping.

    A character that is too much folds the line, unless wrapping is off: then it is lost.
    """
    lines, row, wraps = [""], 0, True
    for part in re.findall(r"\x1b\[[0-?]*[@-~]|[^\x1b]", text):
        if part == "\r":
            continue  # a build writes whole lines
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.endswith("A"):
            row -= int(part[2:-1])
        elif part == "\x1b[J":
            lines[row:] = [""]
        elif part in ("\x1b[?7l", "\x1b[?7h"):
            wraps = part.endswith("h")
        elif not part.startswith("\x1b"):
            if columns_of(lines[row] + part) <= columns:
                lines[row] += part
            elif wraps:
                row += 1
                lines.insert(row, part)
    return lines


def columns_of(text: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(char) in "WF") for char in text)
