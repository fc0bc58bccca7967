"""The code blocks of README.md and docs/, and what a comment above each says of its test.

    ```sh        commands: they are run, from the folder of the page's project, and have to succeed
    ```console   the same behind ``$ ``, with what they print; ``…`` stands for anything
    ```text      no command
    others       files, in the language of that name

A comment directly above a block says what is different about it, to the reader of the source, too:

    <!-- not run: REASON -->             what this machine, or a test, has not
    <!-- exits with N -->                it has to fail so
    <!-- runs until ^C, says: TEXT -->   it has to say this, and then to end when it is interrupted
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from support.checkout import ROOT

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[a-z]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)
COMMENT = re.compile(r"<!-- ((?:(?!-->).)*) -->\n+ *\Z", re.S)
NOT_RUN = re.compile(r"not run: (.+)", re.S)
FAILS = re.compile(r"exits with (\d+)\Z")
UNTIL = re.compile(r"runs until \^C, says: (.+)\Z")
COMMANDS = ("sh", "console")


class Block(NamedTuple):
    """`line` is that of the fence in `page`, counted from 1."""

    page: Path
    line: int
    language: str
    text: str
    comment: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def reason(self) -> str:
        """Why it is not run, or ""."""
        found = NOT_RUN.match(self.comment)
        return found[1] if found else ""

    @property
    def code(self) -> int:
        found = FAILS.match(self.comment)
        return int(found[1]) if found else 0

    @property
    def says(self) -> str:
        found = UNTIL.match(self.comment)
        return found[1] if found else ""


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in FENCE.finditer(text):
        comment = COMMENT.search(text[: found.start()])
        body = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.M)
        line = text.count("\n", 0, found.start()) + 1
        yield Block(page, line, found["language"], body, comment[1] if comment else "")


def commands(block: Block) -> list[tuple[str, list[str]]]:
    """Of a console block: each command, and the lines that it prints."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line}", [])
        else:
            found[-1][1].append(line)
    return found
