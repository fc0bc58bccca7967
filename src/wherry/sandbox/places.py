"""Whether the folders that a process needs can be: so that errors are ours and the same everywhere."""

from __future__ import annotations

import os

from wherry.errors import SandboxError
from wherry.layers.rootpath import resolve
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.sandbox.process import Process


def check_places(root: str, process: Process) -> None:
    """Raises SandboxError (125, as Docker) for a working directory that is a file, and where a file is to
    be mounted on a folder or a folder on a file."""
    targets = [mount.target.rstrip("/") for mount in process.mounts]
    for mount in process.mounts:
        if mount.kind != "bind" or _is_below(mount.target, targets):
            continue
        place = resolve(root, mount.target)
        if os.path.exists(place) and os.path.isdir(place) != os.path.isdir(mount.source):
            kinds = ("folder", "file") if os.path.isdir(mount.source) else ("file", "folder")
            raise SandboxError(
                f"cannot mount the {kinds[0]} {mount.source} on {mount.target}, which is a {kinds[1]}: "
                "not a directory",
                hint="mount a folder on a folder, or a file on a file",
            )
    if not _is_below(process.cwd, targets) and process.cwd.rstrip("/") not in targets:
        place = resolve(root, process.cwd)
        if os.path.exists(place) and not os.path.isdir(place):
            raise SandboxError(
                f"chdir to cwd ({process.cwd!r}) failed: not a directory", hint="-w names a folder"
            )


def _is_below(path: str, targets: list[str]) -> bool:
    return any(path.startswith(f"{target}/") for target in targets)
