"""The image of a container that is to be made: pulled where it is not here, or where that is asked for."""

from __future__ import annotations

import sys

from wherry.cli.core.flags import Options
from wherry.errors import RegistryError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.store import Store


def ensure_image(store: Store, options: Options) -> None:
    """Have the image that --pull and --platform ask for.  What is told goes to stderr, as with docker.

    An image that is not here and cannot be named at a registry is left to whoever looks it up.
    """
    text, when = options.args[0], options.string("pull")
    if when == "never" or (when == "missing" and _is_here(store, options, text)):
        return
    from wherry.errors import InvalidReferenceError
    from wherry.oci.reference import parse

    try:
        name = parse(text)
    except InvalidReferenceError:
        return
    from wherry.cli.image.pull import pull_one
    from wherry.cli.registry.client import registries, wanted_platform
    from wherry.cli.registry.transfers import make_transfers

    store.runtime.need_layers()
    if when == "missing":
        print(f"Unable to find image '{name.familiar()}' locally", file=sys.stderr)
    progress = make_transfers(quiet=options.flag("quiet"), stream=sys.stderr)
    client = registries()
    try:
        pull_one(store, client, name, wanted_platform(options), progress)
    except RegistryError as error:
        error.hint = _meant(store, name.familiar()) or error.hint
        raise
    finally:
        progress.close()
        client.close()


def _is_here(store: Store, options: Options, text: str) -> bool:
    from wherry.cli.registry.client import wanted_platform
    from wherry.images.lookup import find

    image = find(store, text)
    if image is None:
        return False
    platform = wanted_platform(options)
    return platform is None or image.config.platform[:2] == platform[:2]


def _meant(store: Store, shown: str) -> str | None:
    from wherry.errors import nearest
    from wherry.oci.reference import from_canonical

    near = nearest(shown, [from_canonical(name).familiar() for name in store.names.all()])
    return f"did you mean {near}?" if near else None
