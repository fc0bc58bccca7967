"""PURE: the words of scripts and settings that may be files or programs."""

from __future__ import annotations

from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMENT = pattern(r"(?:^|(?<=\s))#.*$")
BREAK = pattern(r"(\|\||&&|;;|[;|&(){}`]|\$\()")
QUOTES = "\"'"
# After these words of the shell comes a command.
BEFORE = frozenset(
    ("then", "do", "else", "if", "elif", "while", "until", "!", "exec", "command", "eval", "time")
)
# Programs that start another one, which is among their arguments.
STARTERS = frozenset(
    (
        *("env", "sudo", "gosu", "su-exec", "setpriv", "timeout", "nice", "nohup", "xargs", "tini"),
        *("dumb-init", "chroot", "chpst", "ionice", "stdbuf", "setsid", "which", "type", "find"),
        *("runuser", "flock", "trap", "watch", "sh", "bash", "su", "ssh-agent", "start-stop-daemon"),
        *("bundle", "npx", "poetry", "pipenv", "pdm", "hatch", "uv", "dotenv"),
    )
)
# What shells do without a program of that name.
BUILTINS = frozenset(
    (
        *("echo", "test", "[", "true", "false", "printf", "kill", "pwd", "cd", "exit", "return", "set"),
        *("unset", "export", "shift", "read", "umask", "wait", "local", "let", "break", "continue", "in"),
        *("case", "esac", "for", "fi", "done", "function", "source", ".", ":", "trap", "eval", "exec"),
        *("type", "command", "hash", "ulimit", "alias", "select", "declare", "readonly", "getopts"),
    )
)
ASSIGNED = pattern(r"[A-Za-z_][A-Za-z0-9_]*=(.*)")
WORD = pattern(r"[A-Za-z0-9_.][A-Za-z0-9_.+@-]*")
# Absolute paths, wildcards included, wherever they begin after a sign that belongs to none.
PATH = pattern(r"(?<![\w./@+%*?$}-])/[A-Za-z0-9_.][\w.+@%:*?/\[\]{}~=-]{0,250}")
# Programs are searched by signs that are found fast; what stands before them is looked at afterwards.
BYTES_PATH = pattern(rb"/[A-Za-z0-9_][\w.+@%/~-]{1,250}")
BYTES_LIBRARY = pattern(rb"\.so(?:\.[0-9][0-9.]*)?\0")
IN_PATHS = frozenset(b"/.@+%*?-_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
NAME = pattern(rb"[A-Za-z0-9_][\w+.-]{1,80}")
LONGEST_NAME = 80
LONGEST = 20_000
"""Characters of a line."""


class Word(NamedTuple):
    """`is_command` where a shell would look for a program of that name."""

    text: str
    is_command: bool


def shell_words(text: str) -> Iterator[Word]:
    """The words of a shell script that may be programs, by name or path; comments and builtins are none."""
    for line in text.splitlines():
        code = COMMENT.sub("", line[:LONGEST])
        open_, first = 0, True
        for number, part in enumerate(BREAK.split(code)):
            if number % 2 == 0:
                yield from _of_command(part.split(), first=first)
                continue
            # What closes no bracket ends a pattern of `case`.
            first = part != ")" or not open_
            open_ += part in ("(", "$(")
            open_ -= part == ")" and open_ > 0


def _of_command(words: list[str], *, first: bool) -> Iterator[Word]:
    started = False
    for raw in words:
        word = raw.strip(QUOTES)
        assigned = ASSIGNED.fullmatch(word)
        if assigned is not None:
            value = assigned.group(1).strip(QUOTES)
            if _may_be(value):
                yield Word(value, is_command=False)
            continue
        if word in BEFORE:
            first = True
            continue
        if _may_be(word):
            yield Word(word, is_command=first or started)
        if first and word.rpartition("/")[2] in STARTERS:
            started = True
        first = False


def _may_be(word: str) -> bool:
    return word not in BUILTINS and ("/" in word or WORD.fullmatch(word) is not None)


def paths(text: str) -> Iterator[str]:
    """The absolute paths in a text, each once; a trailing point or colon belongs to the sentence."""
    seen = set()
    for found in PATH.finditer(text):
        path = found.group().split(":")[0].rstrip(".,]}=")
        if path not in seen and len(path) > 1:
            seen.add(path)
            yield path


def binary_paths(data: bytes) -> Iterator[str]:
    """The absolute paths in the bytes of a program, each once."""
    seen = set()
    for found in BYTES_PATH.finditer(data):
        start = found.start()
        if start and data[start - 1] in IN_PATHS:
            continue
        path = found.group()
        if path not in seen:
            seen.add(path)
            yield path.decode()


def binary_libraries(data: bytes) -> Iterator[str]:
    """The names of libraries in the bytes of a program, each once."""
    seen = set()
    for found in BYTES_LIBRARY.finditer(data):
        begin = data.rfind(b"\0", max(0, found.start() - LONGEST_NAME), found.start()) + 1
        name = data[begin : found.end() - 1]
        if name not in seen and NAME.fullmatch(name):
            seen.add(name)
            yield name.decode()
