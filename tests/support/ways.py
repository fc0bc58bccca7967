"""Every way of isolating a process, as a wherry that goes it."""

from __future__ import annotations

import shutil
from pathlib import Path

from support.machine import require
from support.plain import plain_user
from support.wherry import Wherry

WAYS = {
    "crun": {"WHERRY_RUNTIME": "crun"},
    "runc": {"WHERRY_RUNTIME": "runc"},
    "chroot": {"WHERRY_ISOLATION": "chroot"},
    "no mounts": {},
}
# Root that may neither mount nor make namespaces, as in a container with Docker's default profile.
BARE = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]


def by_root(name: str, bb: Wherry) -> Wherry:
    """The store of `bb`, the other way."""
    if name == "no mounts":
        bb.prefix = [*BARE, *bb.prefix]
    elif name != "chroot":
        require(shutil.which(name) is not None, f"needs {name} on PATH")
    bb.env |= WAYS[name]
    return bb


def by_plain_user(folder: Path, bb: Wherry, runtime: str) -> Wherry:
    """A plain user's, who may enter `folder`, with the image ``bb``."""
    require(shutil.which(runtime) is not None, f"needs {runtime} on PATH")
    wherry = plain_user(folder)
    wherry.env["WHERRY_RUNTIME"] = runtime
    bb("save", "-o", str(folder / "bb.tar"), "bb")
    (folder / "bb.tar").chmod(0o644)
    wherry("load", "-q", "-i", str(folder / "bb.tar"))
    return wherry


def may_mount(wherry: Wherry) -> bool:
    return wherry.prefix[: len(BARE)] != BARE
