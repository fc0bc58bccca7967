"""``wherry volume create``."""

from __future__ import annotations

from wherry.cli.core.flags import Command, Flag, Options
from wherry.errors import UnsupportedError

COMMAND = Command(
    "volume create",
    "[OPTIONS] [VOLUME]",
    (
        Flag("driver", "string", "Volume driver name", short="d", default="local"),
        Flag("label", "list", "Set metadata for a volume", metavar="NAME=VALUE"),
        Flag("opt", "list", "Set driver specific options", short="o", metavar="NAME=VALUE"),
    ),
    max_args=1,
)


def run(options: Options) -> int:
    from wherry.app.volumes import create_volume
    from wherry.store import Store

    if options.string("driver") != "local":
        raise UnsupportedError(
            f'volume driver "{options.string("driver")}" is not there', hint="wherry has local volumes only"
        )
    if options.strings("opt"):
        raise UnsupportedError(
            f"a volume takes no options (-o {options.strings('opt')[0]})",
            hint="mount the folder yourself, and use run -v /on/host:/in/container",
        )
    labels = [word.partition("=")[::2] for word in options.strings("label")]
    print(create_volume(Store.open(options.runtime), "".join(options.args), labels))
    return 0
