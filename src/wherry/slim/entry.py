"""What an image itself asks for: the program that it starts, its arguments, its environment."""

from __future__ import annotations

import posixpath

from wherry.oci.config import DEFAULT_PATH
from wherry.programs.start import Start
from wherry.sandbox.users import resolve_user
from wherry.slim import scripts
from wherry.slim.elf import COMMON
from wherry.slim.npm import followed
from wherry.slim.reason import CERTAIN, LIKELY
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.layers.view import View
    from wherry.oci.config import ImageConfig
    from wherry.slim.closure import Closure

SEARCHED = frozenset(("PATH", "LD_LIBRARY_PATH", "HOME", "PWD"))
OF_PROGRAMS = ("bin", "sbin")
# What a program's own folder has beside the program: found by who imports it, or not needed.
APART = frozenset(
    (
        *("node_modules", ".git", ".hg", ".svn", "__pycache__", ".venv", "venv", ".tox", ".mypy_cache"),
        *("target", ".gradle", ".m2", ".cache", ".pytest_cache"),
    )
)


def start_of(config: ImageConfig, view: View) -> Start:
    """How an image starts, with the words of package.json's scripts where it starts those.

    Raises SandboxError for a user that the image does not have.
    """
    from wherry.slim.files import Files

    run = config.config
    files = Files(view)
    user = resolve_user(run.get("User") or "", files.text)
    env = dict(entry.partition("=")[::2] for entry in run.get("Env") or [])
    env.setdefault("PATH", DEFAULT_PATH)
    env.setdefault("HOME", user.home)
    argv = [*(run.get("Entrypoint") or []), *(run.get("Cmd") or [])]
    groups = (user.gid, *user.groups)
    workdir = run.get("WorkingDir") or "/"
    return Start(followed(argv, workdir, files), env, workdir, user.uid, groups, config.platform)


def roots(closure: Closure, config: dict[str, Any], commands: Sequence[Sequence[str]] = ()) -> None:
    """`config` is the image's; `commands` are others that are run in it."""
    start = closure.start
    closure.keep(start.workdir, "the working directory")
    for volume in config.get("Volumes") or {}:
        closure.keep(volume, "a volume of the image", "", LIKELY)
    command(closure, start.argv)
    for argv in commands:
        command(closure, argv, "--exec starts it")
    test = (config.get("Healthcheck") or {}).get("Test") or []
    if isinstance(test, list) and test[:1] == ["CMD"]:
        command(closure, [str(word) for word in test[1:]], "the health check starts it")
    elif isinstance(test, list) and test[:1] == ["CMD-SHELL"]:
        command(closure, ["/bin/sh", "-c", *map(str, test[1:])], "the health check starts it")
    for name, value in start.env.items():
        if name not in SEARCHED and value.startswith("/"):
            for path in value.split(":"):
                _named(closure, path, f"the variable {name}")


def command(closure: Closure, argv: Sequence[str], rule: str = "the image starts it") -> None:
    if not argv:
        return
    path = closure.command(argv[0])
    closure.keep(path or argv[0], rule)
    if posixpath.basename(argv[0]) in scripts.SHELLS and "-c" in argv[1:-1]:
        text = argv[list(argv).index("-c") + 1]
        scripts.shell(closure, text, "", CERTAIN)
    for word in argv[1:]:
        _argument(closure, word, f"an argument: {rule}")


def _argument(closure: Closure, word: str, rule: str) -> None:
    """An argument may be a file, also behind ``--name=``; a wrapper's may be the program itself."""
    value = word.partition("=")[2] if word.startswith("-") else word
    if not value or len(value) > 4096:
        return
    path = posixpath.join("/", closure.start.workdir, value)
    found = closure.files.find(path)
    if found is not None and found.name and ("/" in value or not found.is_folder):
        _named(closure, path, rule)
    elif not word.startswith("-") and "/" not in value:
        closure.program(value, rule, "", LIKELY)


def _named(closure: Closure, path: str, rule: str) -> None:
    found = closure.files.find(path)
    if found is not None and found.name not in COMMON:
        closure.keep(path, rule, "", LIKELY)


def folder_of_program(closure: Closure, folder: str, by: str) -> None:
    """All in the folder of a program that is interpreted: nobody knows what it reads beside its code.  A
    folder of programs is nobody's own."""
    found = closure.files.find(folder)
    if found is None or not found.name or found.name in COMMON:
        return
    if posixpath.basename(found.name) in OF_PROGRAMS or not closure.first(f"folder {found.name}"):
        return
    for name in closure.files.names("/" + found.name):
        if name not in APART:
            closure.keep(f"/{found.name}/{name}", "in the folder of the program", by, LIKELY, deep=True)
