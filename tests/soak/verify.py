"""A store against the model: contents, what is left, processes and mounts.  A fault is a sentence."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.soak.archive import Wrong
from tests.soak.command import Wherry
from tests.soak.ledger import read_ledger, referred
from tests.soak.model import RUNS, Broken, save

Trees = Mapping[str, Collection[str]]
# What lies in a store between two commands.
TOP = {
    *("oci-layout", "index.json", "blobs", "layers", "l", "containers", "caches", "contexts", "volumes"),
    *(
        "builds",
        "listings",
        "tmp",
        "wherry.db",
        "wherry.db-wal",
        "wherry.db-shm",
        "lock",
        "logs",
        "reserve",
        "downloads",
    ),
}
DYING = 5.0


def wrong_contents(wherry: Wherry, names: Collection[str], trees: Trees) -> list[str]:
    """Each name saved, its digests checked, and its files compared with what they may be."""
    if not names:
        return []
    try:
        saved = save(wherry, tuple(sorted(names)))
    except (Broken, Wrong, OSError, KeyError, ValueError) as error:
        return [f"save {' '.join(sorted(names))}: {error}"]
    faults = [f"save left out {name}" for name in names if name not in saved]
    for name, image in saved.items():
        if image.tree not in trees.get(name, ()):
            faults.append(f"{name} holds other files than it must")
    return faults


def wrong_run(wherry: Wherry, image: str, *, like: str | None = None) -> list[str]:
    """What a container of the image prints, against what its files must be."""
    script, expected = RUNS[like or image]
    done = wherry.run("run", "--rm", image, "sh", "-c", script)
    if done.code != 0 or done.out != expected:
        return [f"run {image} printed {done.out[:80]!r} ({done})"]
    return []


def left_behind(root: Path) -> list[str]:
    """What lies in the store without a reason, when the cache was pruned and nobody works in it."""
    try:
        ledger = read_ledger(root)
        need = referred(root, ledger)
    except (sqlite3.Error, OSError, ValueError, KeyError) as error:
        return [f"the records cannot be followed: {error!r}"]
    cached = {value.removeprefix("sha256:") for value in ledger.cached}
    layers = need.layers | cached
    records = {layer.removeprefix("sha256:") for layer in ledger.layers}
    faults = _compare("layers/", _names(root / "layers"), need.layers, layers)
    faults += _compare("layer records", records, need.layers, layers)
    faults += _compare("l/", _names(root / "l"), _short(need.layers), _short(layers))
    faults += _compare(
        "blobs/", _names(root / "blobs/sha256"), need.blobs, need.blobs | need.packed | cached
    )
    containers = {container.id for container in ledger.containers.values()}
    faults += _compare("containers/", _names(root / "containers"), containers, containers)
    faults += _compare("tmp/", _names(root / "tmp"), set(), set())
    if (root / "downloads").exists():
        faults += _compare("downloads/", _names(root / "downloads"), set(), set())
    faults += _compare("the store", _names(root), {"oci-layout", "index.json", "wherry.db"}, TOP)
    return [*faults, *_bad_links(root), *_bad_blobs(root), *_odd_names(root)]


def _compare(where: str, found: set[str], least: set[str], most: set[str]) -> list[str]:
    faults = [f"{where} keeps {_few(found - most)}"] if found - most else []
    return faults + ([f"{where} lacks {_few(least - found)}"] if least - found else [])


def _few(names: set[str]) -> str:
    return f"{len(names)}: {', '.join(sorted(names)[:3])}"


def _names(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()


def _short(layers: set[str]) -> set[str]:
    return {layer[:16] for layer in layers}


def _bad_links(root: Path) -> list[str]:
    return [
        f"l/{link.name} leads to {os.readlink(link)}"
        for link in (root / "l").iterdir()
        if not link.is_dir() or not link.resolve().name.startswith(link.name)
    ]


def _bad_blobs(root: Path) -> list[str]:
    return [
        f"blob {blob.name[:12]} has other bytes than its name says"
        for blob in (root / "blobs/sha256").iterdir()
        if hashlib.sha256(blob.read_bytes()).hexdigest() != blob.name
    ]


def _odd_names(root: Path) -> list[str]:
    """Half-written files and folders of other parts."""
    found = []
    for name in ("caches", "contexts", "listings", "builds", "volumes"):
        for path in sorted((root / name).iterdir()) if (root / name).is_dir() else ():
            if path.name.endswith((".new", ".tmp")) or (name == "listings" and "." in path.name):
                found.append(f"{name}/{path.name} is left")
            if name == "caches" and path.suffix == "" and not path.with_name(path.name + ".json").exists():
                found.append(f"{name}/{path.name} is a cache mount without its name")
    return found


def mentions(root: Path) -> list[str]:
    """Processes that have to do with this store: by their words, root folder or mounts."""
    found = []
    text = str(root)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            inside = os.readlink(f"/proc/{pid}/root").startswith(text)
            mounted = pid != "1" and f"{text}/" in Path(f"/proc/{pid}/mountinfo").read_text()
        except OSError:
            continue
        if int(pid) != os.getpid() and (f"{text} " in words or f"{text}/" in words or inside or mounted):
            found.append(f"{pid} {words[:80]}")
    return found


def still_running(root: Path, seconds: float = DYING) -> list[str]:
    """Those that do not end by themselves."""
    deadline = time.monotonic() + seconds
    while (found := mentions(root)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [f"still running: {process}" for process in found]


def outside(wherry: Wherry) -> list[str]:
    """What is left outside of the store: mounts here, temporary files, /run."""
    faults = []
    if f"{wherry.root}/" in Path("/proc/self/mountinfo").read_text():
        faults.append("a mount is left")
    faults += [f"TMPDIR keeps {name}" for name in os.listdir(wherry.temporary)]
    return faults + [f"/run keeps {path}" for path in _below(Path("/run"))]


def _below(folder: Path) -> list[str]:
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
