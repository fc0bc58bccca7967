"""``wherry save``."""

from __future__ import annotations

import sys

from wherry.cli.core.flags import LAYERS, Command, Flag, Options
from wherry.errors import InvalidReferenceError, UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

    from wherry.images.view import Image
    from wherry.store import Store

COMMAND = Command(
    "save",
    "[OPTIONS] IMAGE [IMAGE...]",
    (Flag("output", "string", "Write to a file, instead of STDOUT", short="o", metavar="FILE"),),
    min_args=1,
    max_args=-1,
    needs=LAYERS,
)


def run(options: Options) -> int:
    from wherry.store import Store

    output = options.string("output")
    if output is None and sys.stdout.isatty():
        raise UsageError("cowardly refusing to save to a terminal", hint="use -o FILE, or redirect")
    store = Store.open(options.runtime)
    with store.using():
        chosen = _choose(store, options.args)
        if output is None:
            _write(store, chosen, sys.stdout.buffer)
            return 0
        from wherry.layers.newfile import new_file

        with new_file(output) as file:
            _write(store, chosen, file)
    return 0


def _write(store: Store, chosen: list[tuple[Image, list[str]]], file: IO[bytes]) -> None:
    from wherry.images.save import save_images

    save_images(store, chosen, file)


def _choose(store: Store, words: list[str]) -> list[tuple[Image, list[str]]]:
    """Each image once, with the names that were asked for: a name without a tag means all its tags, an id
    brings no name, as with docker."""
    from wherry.images.view import lookup

    chosen: dict[str, tuple[Image, list[str]]] = {}
    for word in words:
        names = _names(store, word)
        for each in names or [word]:
            image = lookup(store, each)
            kept = chosen.setdefault(image.id, (image, []))[1]
            if names and each not in kept:
                kept.append(each)
    return list(chosen.values())


def _names(store: Store, word: str) -> list[str]:
    """The names (canonical) of the store that a word means; none where it is an id, or nothing's."""
    from wherry.oci.reference import from_canonical, is_name_only, parse

    try:
        wanted = parse(word)
    except InvalidReferenceError:
        return []
    if is_name_only(word):
        return [name for name in store.names.all() if from_canonical(name)[:2] == wanted[:2]]
    name = wanted.canonical()
    return [name] if not wanted.digest and store.names.get(name) is not None else []
