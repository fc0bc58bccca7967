"""``wherry context``: what a build sees of its folder, and which line leaves out the rest."""

from __future__ import annotations

import json
import os
import stat

from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.core.printable import printable
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.builder.context.folder import Context

COMMAND = Command(
    "context",
    "[OPTIONS] [PATH]",
    (
        Flag("file", "string", 'Name of the Dockerfile (default: "PATH/Dockerfile")', short="f"),
        Flag("all", "bool", "Every file, not the largest of each folder", short="a"),
        Flag("json", "bool", "Everything as JSON"),
    ),
    max_args=1,
)
SHOWN = 20


class LeftOut(NamedTuple):
    """What a line of .dockerignore leaves out: a file, or a folder with all below it."""

    name: str
    size: int
    files: int
    line: int
    pattern: str


def run(options: Options) -> int:
    from wherry.builder.context.folder import open_context

    path = options.args[0] if options.args else "."
    dockerfile = options.string("file") or os.path.join(path, "Dockerfile")
    context = open_context(path, dockerfile, options.runtime.store)
    files = sorted(
        ((f.name, f.status.st_size) for f in context.scan("") if not stat.S_ISDIR(f.status.st_mode)),
        key=lambda file: (-file[1], file[0]),
    )
    left_out = sorted(_left_out(context), key=lambda one: (-one.size, one.name))
    if options.flag("json"):
        value = {
            "root": context.root,
            "size": sum(size for _, size in files),
            "files": [{"name": name, "size": size} for name, size in files],
            "ignored": [one._asdict() for one in left_out],
        }
        print(json.dumps(value, indent=2))
        return 0
    _print(files, left_out, every=options.flag("all"))
    return 0


def _left_out(context: Context) -> list[LeftOut]:
    found = []
    for name in context.hidden():
        verdict = context.verdict(name)
        size, files = _measure(os.path.join(context.root, name))
        found.append(LeftOut(name, size, files, verdict.line, verdict.pattern))
    return found


def _measure(path: str) -> tuple[int, int]:
    """(bytes, files) of a file or of all below a folder."""
    if os.path.islink(path) or not os.path.isdir(path):
        return os.lstat(path).st_size, 1
    size = files = 0
    for folder, _, names in os.walk(path):
        for name in names:
            size += os.lstat(os.path.join(folder, name)).st_size
            files += 1
    return size, files


def _print(files: list[tuple[str, int]], left_out: list[LeftOut], *, every: bool) -> None:
    from wherry.cli.core.units import human_size

    total = sum(size for _, size in files)
    print(f"{human_size(total)} in {len(files)} files")
    shown = files if every else files[:SHOWN]
    for name, size in shown:
        print(f"{human_size(size):>9}  {printable(name)}")
    rest = files[len(shown) :]
    if rest:
        left = human_size(sum(size for _, size in rest))
        print(f"{left:>9}  {len(rest)} smaller files (--all shows them)")
        folders: dict[str, int] = {}
        for name, each in files:
            folders[name.partition("/")[0]] = folders.get(name.partition("/")[0], 0) + each
        print("\nby the top of their path")
        for name, each in sorted(folders.items(), key=lambda f: -f[1])[:SHOWN]:
            print(f"{human_size(each):>9}  {printable(name)}")
    if left_out:
        print(f"\nleft out by .dockerignore: {human_size(sum(one.size for one in left_out))}")
        for one in left_out:
            what = f"{one.name}/ ({one.files} files)" if one.files != 1 or one.size == 0 else one.name
            print(f"{human_size(one.size):>9}  {printable(f'{what}  line {one.line}: {one.pattern}')}")
