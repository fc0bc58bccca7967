"""``wherry volume rm``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.errors import NotFoundError

COMMAND = Command(
    "volume rm",
    "[OPTIONS] VOLUME [VOLUME...]",
    (Flag("force", "bool", "Do not fail for a volume that is not there", short="f"),),
    min_args=1,
    max_args=-1,
)


def run(options: Options) -> int:
    from wherry.app.volumes import remove_volume
    from wherry.cli.core.each import each
    from wherry.sandbox.userns import enter_if_needed
    from wherry.store import Store

    enter_if_needed()  # files in volumes may be of subordinate ids
    store = Store.open()

    def act(name: str) -> None:
        try:
            remove_volume(store, name)
        except NotFoundError:
            if not options.flag("force"):
                raise
        print(name)

    with store.freeing():
        return each(options.args, act)
