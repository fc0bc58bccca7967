"""What scripts need: their interpreters, the programs and files among their words; settings, too."""

from __future__ import annotations

import posixpath

from wherry.pattern import pattern
from wherry.slim.elf import named
from wherry.slim.files import LARGEST_TEXT
from wherry.slim.reason import CERTAIN, GUESS, LIKELY
from wherry.slim.words import paths, shell_words
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.layers.view import Node
    from wherry.slim.closure import Closure

SHELLS = frozenset(("sh", "bash", "dash", "ash", "ksh", "zsh", "mksh", "busybox"))
SETTINGS = ("etc/", "usr/local/etc/", "opt/", "srv/", "usr/etc/")
LARGEST_SETTINGS = 1 << 18
# As in sudoers, my.cnf, redis.conf, logrotate.conf.
INCLUDED = pattern(r"""^[ \t]*[@#!]?include(?:dir)?[ \t=]+["']?(/[^\s"';]+)""", 8)  # re.M
MOST_PATHS = 2000
BINARY = b"\0"
# Lists of what there is, which name what nobody of their readers opens.
LISTS = ("/ca-certificates.conf", "/mime.types", "/shells", "/services", "/protocols")


def interpreter(head: bytes) -> tuple[str, str]:
    """The interpreter of a script and its argument (execve(2)); two empty texts for what is none."""
    if not head.startswith(b"#!"):
        return "", ""
    words = head[2:].split(b"\n", 1)[0].decode("utf-8", "surrogateescape").split(None, 1)
    return (words[0], words[1].strip() if len(words) > 1 else "") if words else ("", "")


def interpreter_name(head: bytes) -> str:
    """The file name of a script's interpreter, also of one that ``env`` starts."""
    program, argument = interpreter(head)
    name = posixpath.basename(program)
    words = [word for word in argument.split() if not word.startswith("-") and "=" not in word]
    return posixpath.basename(words[0]) if name == "env" and words else name


def read(closure: Closure, node: Node, head: bytes) -> None:
    program, argument = interpreter(head)
    if program:
        _script(closure, node, program, argument)
    elif node.name.startswith(SETTINGS) and BINARY not in head:
        _settings(closure, node)


def _script(closure: Closure, node: Node, program: str, argument: str) -> None:
    # What cannot be started itself is read by a program that heeds or skips the line.
    starts = program.startswith("/") and bool(node.status.st_mode & 0o111)
    confidence = CERTAIN if starts else LIKELY
    closure.keep(posixpath.join("/", program), "its interpreter", node.name, confidence)
    name = posixpath.basename(program)
    if name == "env":
        words = [word for word in argument.split() if not word.startswith("-") and "=" not in word]
        name = posixpath.basename(words[0]) if words else ""
        closure.program(name, "its interpreter", node.name)
    if name in SHELLS:
        shell(closure, closure.files.data(node, LARGEST_TEXT).decode("utf-8", "replace"), node.name)


def shell(closure: Closure, text: str, by: str, confidence: int = LIKELY) -> None:
    """The programs and files among the words of a shell's text."""
    for word in dict.fromkeys(shell_words(text)):
        path = closure.command(word.text)
        if path is not None and closure.executable(path):
            least = confidence if word.is_command else GUESS
            closure.keep(path, f"the word {word.text}", by, least)
        elif not word.is_command and closure.files.is_file(f"{closure.start.workdir}/{word.text}"):
            closure.keep(f"{closure.start.workdir}/{word.text}", f"the word {word.text}", by, LIKELY)
    _paths(closure, text, by, CERTAIN if confidence == CERTAIN else LIKELY)


def _settings(closure: Closure, node: Node) -> None:
    if node.name.endswith(LISTS) or node.status.st_size > LARGEST_SETTINGS:
        return
    text = closure.files.data(node).decode("utf-8", "replace")
    for found in INCLUDED.findall(text):
        for path in closure.files.glob(found):
            closure.keep(path, f"it includes {found}", node.name, LIKELY, deep=True)
    lines = (line for line in text.splitlines() if not line.lstrip().startswith(("#", ";", "//")))
    _paths(closure, "\n".join(lines), node.name, LIKELY)


def _paths(closure: Closure, text: str, by: str, confidence: int) -> None:
    for number, path in enumerate(paths(text)):
        if number >= MOST_PATHS:
            return
        if any(wildcard in path for wildcard in "*?["):
            for each in closure.files.glob(path):
                closure.keep(each, f"its pattern {path}", by, confidence)
        else:
            named(closure, path, by, "its path is in it")
