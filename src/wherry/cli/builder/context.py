"""``wherry context``: what a build sees of its folder, and which line leaves out the rest."""

from __future__ import annotations

import json

from wherry.cli.core.flags import FORMAT, Command, Flag, Options
from wherry.cli.core.printable import printable
from wherry.counted import counted
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.app.builds import LeftOut

COMMAND = Command(
    "context",
    "[OPTIONS] [PATH]",
    (
        Flag("file", "string", 'Name of the Dockerfile (default: "PATH/Dockerfile")', short="f"),
        Flag("all", "bool", "Every file, not the largest of each folder", short="a"),
        FORMAT,
    ),
    max_args=1,
)
SHOWN = 20


def run(options: Options) -> int:
    from wherry.app.builds import context_view

    path = options.args[0] if options.args else "."
    found = context_view(options.runtime.store, path, options.string("file"))
    if options.string("format") == "json":
        value = {
            "root": found.root,
            "size": sum(size for _, size in found.files),
            "files": [{"name": name, "size": size} for name, size in found.files],
            "ignored": [one._asdict() for one in found.left_out],
        }
        print(json.dumps(value, indent=2))
        return 0
    _print(found.files, found.left_out, every=options.flag("all"))
    return 0


def _print(files: Sequence[tuple[str, int]], left_out: Sequence[LeftOut], *, every: bool) -> None:
    from wherry.cli.core.units import human_size

    total = sum(size for _, size in files)
    print(f"{human_size(total)} in {counted(len(files), 'file')}")
    shown = files if every else files[:SHOWN]
    for name, size in shown:
        print(f"{human_size(size):>9}  {printable(name)}")
    rest = files[len(shown) :]
    if rest:
        left = human_size(sum(size for _, size in rest))
        print(f"{left:>9}  {counted(len(rest), 'smaller file')} (--all shows them)")
        folders: dict[str, int] = {}
        for name, each in files:
            folders[name.partition("/")[0]] = folders.get(name.partition("/")[0], 0) + each
        print("\nby the top of their path")
        for name, each in sorted(folders.items(), key=lambda f: -f[1])[:SHOWN]:
            print(f"{human_size(each):>9}  {printable(name)}")
    if left_out:
        print(f"\nleft out by .dockerignore: {human_size(sum(one.size for one in left_out))}")
        for one in left_out:
            what = (
                f"{one.name}/ ({counted(one.files, 'file')})"
                if one.files != 1 or one.size == 0
                else one.name
            )
            print(f"{human_size(one.size):>9}  {printable(f'{what}  line {one.line}: {one.pattern}')}")
