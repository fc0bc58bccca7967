"""``wherry rm``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options

COMMAND = Command(
    "rm",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    (
        Flag("force", "bool", "Force the removal of a running container (uses SIGKILL)", short="f"),
        Flag(
            "volumes",
            "bool",
            "Accepted for compatibility with docker: anonymous volumes always go",
            short="v",
        ),
    ),
    min_args=1,
    max_args=-1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app.containers import remove
    from wherry.cli.core.each import each
    from wherry.store import Store

    store = Store.open(options.runtime)
    force = options.flag("force")

    def act(name: str) -> None:
        if remove(store, name, force=force):
            print(name)

    with store.freeing():
        return each(options.args, act)
