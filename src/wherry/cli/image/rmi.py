"""``wherry rmi``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options

COMMAND = Command(
    "rmi",
    "[OPTIONS] IMAGE [IMAGE...]",
    (
        Flag("force", "bool", "Force removal of the image", short="f"),
        Flag("no-prune", "bool", "Accepted for docker's sake: wherry keeps no untagged parents"),
    ),
    min_args=1,
    max_args=-1,
)


def run(options: Options) -> int:
    from wherry.cli.core.each import each
    from wherry.images.remove import remove_image
    from wherry.sandbox.userns import enter_if_needed
    from wherry.store import Store

    # Layers hold files of other owners, which a plain user removes from inside the user namespace.
    enter_if_needed()
    store = Store.open()

    def remove(name: str) -> None:
        for line in remove_image(store, name, force=options.flag("force")):
            print(line)

    with store.freeing():
        return each(options.args, remove)
