"""``wherry rm``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options

COMMAND = Command(
    "rm",
    "[OPTIONS] CONTAINER [CONTAINER...]",
    (
        Flag("force", "bool", "Force the removal of a running container (uses SIGKILL)", short="f"),
        Flag("volumes", "bool", "Accepted for docker's sake: anonymous volumes always go", short="v"),
    ),
    min_args=1,
    max_args=-1,
)


def run(options: Options) -> int:
    from wherry.app.containers import remove
    from wherry.cli.core.each import each
    from wherry.sandbox.userns import enter_if_needed
    from wherry.store import Store

    enter_if_needed()
    store = Store.open()
    force = options.flag("force")

    def act(name: str) -> None:
        if remove(store, name, force=force):
            print(name)

    with store.freeing():
        return each(options.args, act)
