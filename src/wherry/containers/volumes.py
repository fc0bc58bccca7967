"""What ``-v`` and VOLUME mount."""

from __future__ import annotations

import contextlib
import os
import re

from wherry.errors import UsageError
from wherry.layers.rootpath import resolve
from wherry.sandbox.process import Mount
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.store import Store

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*\Z")


def container_mounts(store: Store, container: str, config: dict[str, Any], root: str) -> tuple[Mount, ...]:
    """The mounts of a container; volumes that are new get what the image has in their place."""
    mounts = []
    taken = set()
    for volume in config["volumes"]:
        taken.add(os.path.normpath(volume["target"]))
        mounts.append(
            Mount("bind", _source(store, container, volume, root), volume["target"], volume["readonly"])
        )
    for target in config["image_volumes"]:
        if os.path.normpath(target) not in taken:
            source = _source(store, container, {"source": "", "target": target}, root)
            mounts.append(Mount("bind", source, target))
    return tuple(mounts)


def _source(store: Store, container: str, volume: dict[str, Any], root: str) -> str:
    source = volume["source"]
    if source.startswith("/"):
        # As docker -v: a folder that is not there is made.
        if not os.path.exists(source):
            os.makedirs(source)
        return str(source)
    if source:
        if not NAME.match(source):
            raise UsageError(f"{source!r} is not a volume name", hint="start a host path with / or ./")
        folder = os.path.join(store.root, "volumes", source)
    else:
        place = volume["target"].strip("/").replace("/", "-")
        folder = os.path.join(store.containers.dir(container), "volumes", place)
    if not os.path.isdir(folder):
        _fill(store, folder, resolve(root, volume["target"]))
    return folder


def _fill(store: Store, folder: str, image_folder: str) -> None:
    """A new volume begins as a copy of the image's folder, as with Docker.

    Is atomic: of several that make it at once the first one's is kept.
    """
    from wherry import linux
    from wherry.layers.copied import copy_view
    from wherry.layers.copying import finish
    from wherry.layers.tree import ROOT_MODE, entry_of
    from wherry.layers.view import View

    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    with store.temp() as temporary:
        fresh = os.path.join(temporary, "volume")
        os.mkdir(fresh)
        os.chmod(fresh, ROOT_MODE)
        if os.path.isdir(image_folder):
            copy_view(View([image_folder]), fresh)
            entry = entry_of(b"", os.fsencode(image_folder), os.stat(image_folder), {})
            assert entry is not None  # noqa: S101
            finish(fresh, entry, image_folder)
        with contextlib.suppress(FileExistsError):
            linux.rename_new(fresh, folder)
