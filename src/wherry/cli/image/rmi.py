"""``wherry rmi``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "rmi",
    "[OPTIONS] IMAGE [IMAGE...]",
    (
        Flag("force", "bool", "Force removal of the image", short="f"),
        Flag(
            "no-prune", "bool", "Accepted for compatibility with docker: wherry keeps no untagged parents"
        ),
    ),
    min_args=1,
    max_args=-1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app.images import removing
    from wherry.cli.core.each import each
    from wherry.cli.main import report
    from wherry.errors import NotFoundError
    from wherry.store import Store

    store = Store.open(options.runtime)
    force = options.flag("force")
    lines: list[str] = []

    def one(name: str) -> None:
        try:
            lines.extend(remove(name, force=force))
        except NotFoundError as error:
            if not force:
                raise
            report(error)  # as docker: said, and no failure

    with store.freeing(), removing(store) as remove:
        code = each(options.args, one)
    print(*lines, sep="\n", end="\n" if lines else "")
    return code
