"""``wherry volume rm``."""

from __future__ import annotations

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import NotFoundError

COMMAND = Command(
    "volume rm",
    "[OPTIONS] VOLUME [VOLUME...]",
    (Flag("force", "bool", "Do not fail for a volume that is not there", short="f"),),
    min_args=1,
    max_args=-1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.app.volumes import remove_volume
    from wherry.cli.core.each import each
    from wherry.store import Store

    store = Store.open(options.runtime)

    def act(name: str) -> None:
        try:
            remove_volume(store, name)
        except NotFoundError:
            if not options.flag("force"):
                raise
        print(name)

    with store.freeing():
        return each(options.args, act)
