"""PURE: what people add to what wherry finds: presets, and the file ``.wherryslim``.

A line of the file is a word and its value, as the options of `wherry slim`; ``#`` begins a comment:

    preset  python
    keep    /app/plugins
    drop    /usr/share/nginx/html
    probe   http://127.0.0.1:8000/health
    exec    python3 -c "import app"
    env     DATABASE_URL=postgres://db/app
"""

from __future__ import annotations

import shlex

from wherry.errors import UsageError, nearest
from wherry.typed import NamedTuple

NAME = ".wherryslim"
WORDS = ("preset", "keep", "drop", "probe", "exec", "env")
CERTIFICATES = ("/etc/ssl/certs", "/usr/lib/ssl/certs", "/usr/lib/ssl/cert.pem", "/etc/ssl/cert.pem")
PRESETS: dict[str, tuple[str, ...]] = {
    "go": (*CERTIFICATES, "/usr/share/zoneinfo", "/etc/mime.types"),
    "jvm": (*CERTIFICATES, "/usr/lib/jvm", "/etc/java-*-openjdk", "/etc/ssl/certs/java"),
    "nginx": ("/etc/nginx", "/usr/share/nginx", "/var/log/nginx", "/var/lib/nginx", "/var/cache/nginx"),
    "node": (*CERTIFICATES, "/app", "/usr/src/app"),
    "python": (*CERTIFICATES, "/usr/lib/python3.*/encodings", "/usr/local/lib/python3.*/encodings",
               "/usr/share/zoneinfo"),
    "shell": ("/bin/sh", "/bin/busybox", *(f"{folder}/{name}" for folder in ("/bin", "/usr/bin")
                                           for name in ("cat", "env", "id", "ls", "sleep"))),
}  # fmt: skip
"""Patterns of paths; those that an image lacks are none of its."""


class Wishes(NamedTuple):
    """As of the options: patterns, URLs, command lines, NAME=VALUE."""

    preset: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    probe: tuple[str, ...] = ()
    exec: tuple[str, ...] = ()
    env: tuple[str, ...] = ()

    def and_also(self, other: Wishes) -> Wishes:
        return Wishes(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def checked(self) -> Wishes:
        """The same.  Raises UsageError for a preset that there is not, and a path that is not absolute."""
        for name in self.preset:
            if name not in PRESETS:
                near = nearest(name, list(PRESETS))
                hint = f"did you mean {near}?" if near else f"one of {', '.join(PRESETS)}"
                raise UsageError(f"there is no preset {name}", hint=hint)
        for option, paths in (("keep", self.keep), ("drop", self.drop)):
            for path in paths:
                if not path.startswith("/") or not path.strip("/"):
                    raise UsageError(
                        f"--{option} {path}: not an absolute path", hint=f"--{option} /{path.strip('/')}"
                    )
        return self

    def presets(self) -> tuple[str, ...]:
        """The patterns of the presets."""
        return tuple(path for name in self.preset for path in PRESETS[name])

    def commands(self) -> tuple[tuple[str, ...], ...]:
        """The words of each command.  Raises UsageError for a quote that does not end."""
        return tuple(_words(text) for text in self.exec)


def _words(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"--exec {text!r}: {error}") from None
    if not words:
        raise UsageError("--exec has no command")
    return words


def parse(text: str, name: str = NAME) -> Wishes:
    """Read such a file.  Raises UsageError with the number of the line."""
    found: dict[str, list[str]] = {word: [] for word in WORDS}
    for number, line in enumerate(text.splitlines(), 1):
        word, _, value = line.strip().partition(" ")
        value = value.strip()
        if not word or word.startswith("#"):
            continue
        if word not in found or not value:
            what = f"unknown word {word!r}" if word not in found else f"{word} has no value"
            raise UsageError(f"{name}:{number}: {what}", hint=f"one of {', '.join(WORDS)}, and its value")
        found[word].append(value)
    return Wishes(**{word: tuple(values) for word, values in found.items()})
