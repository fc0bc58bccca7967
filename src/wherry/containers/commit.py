"""``commit``: what a container changed as a layer, and an image with it."""

from __future__ import annotations

import contextlib
import os
import time

from wherry.containers.state import held_still
from wherry.containers.stillness import standing_still
from wherry.errors import ChangedError, ConflictError
from wherry.images.view import Image, layer_paths
from wherry.images.write import create_image
from wherry.layers.normalize import normalize
from wherry.layers.view import View
from wherry.oci.config import History, ImageConfig
from wherry.oci.platform import of_machine
from wherry.oci.times import rfc3339
from wherry.sandbox.choose import choose
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wherry.store import ContainerRecord, ImageRecord, Store

TRIES = 5
"""Of reading the files of a container that runs, and changes them meanwhile."""
OF_CONTAINERS = ("Hostname", "Domainname", "Tty", "OpenStdin", "StdinOnce", "Image", "AttachStdin",
                 "AttachStdout", "AttachStderr")  # fmt: skip
"""Members of a container's configuration that are none of an image's."""


def commit(
    store: Store,
    record: ContainerRecord,
    changed: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    author: str = "",
    message: str = "",
    pause: bool = True,
) -> ImageRecord:
    """Make an image of a container: its image's layers, and one with what it changed.

    `changed` gives what the image's configuration is to be, from the container's.  What is mounted in it
    is not in the image.  The processes of a container that runs stand still while its files are read, with
    `pause` and where that is possible.  Raises ConflictError where its files change too
    fast to be read, StepError for a name that no layer can hold.
    """
    with store.using():
        layer = _layer(store, record, pause)
        found = store.images.get(record.image_id)
        base = Image(store, found).config if found is not None else None
        now = rfc3339(time.time())
        config = record.config.process.to_docker()
        line = History(now, " ".join(record.config.process.command), message, author=author)
        platform = base.platform if base is not None else of_machine(os.uname().machine)
        return create_image(
            store,
            ImageConfig(
                platform.architecture,
                platform.os,
                changed(_image_part(config, base)),
                (*record.config.layers, layer),
                (*(base.history if base is not None else ()), line),
                created=now,
                author=author or (base.author if base is not None else ""),
                variant=platform.variant,
            ),
        )


def _image_part(config: dict[str, Any], base: ImageConfig | None) -> dict[str, Any]:
    """What of a container's configuration an image keeps: not what only the container was given."""
    own = {key: value for key, value in config.items() if key not in OF_CONTAINERS and value}
    before = base.config if base is not None else {}
    for name, usual in (("StopSignal", "SIGTERM"), ("WorkingDir", "/")):
        if own.get(name) == usual and not before.get(name):
            del own[name]
    return own


def _layer(store: Store, record: ContainerRecord, pause: bool) -> str:
    """The diff ID of what a container changed."""
    if record.status != "running":
        with held_still(store, record):
            return _packed(store, record)
    # Where nothing is mounted our own files lie among the container's while it runs.
    if choose(store.runtime).snapshots.name == "copy":
        raise ConflictError(
            f"container {record.name} runs, and nothing may be mounted here",
            hint=f"stop it first: wherry stop {record.name}",
        )
    with standing_still(record) if pause else contextlib.nullcontext():
        for _ in range(TRIES):
            try:
                return _packed(store, record)
            except (FileNotFoundError, ChangedError):
                continue
    raise ConflictError(
        f"container {record.name} changes its files faster than they are read",
        hint=f"stop it first: wherry stop {record.name}",
    )


def _packed(store: Store, record: ContainerRecord) -> str:
    layers = layer_paths(store, record.config.layers, f"container {record.name}")
    snapshots = choose(store.runtime).snapshots
    with store.temp() as temporary:
        tree = os.path.join(temporary, "layer")
        os.mkdir(tree)
        snapshots.copy_changes(layers, store.containers.dir(record.id), tree)
        normalize(tree, View(layers))
        return store.layers.commit(tree)
