"""A folder of manifests as a source: every ``*.yaml``, ``*.yml`` and ``*.json`` directly in it.

A file that is broken keeps what it said when it was last whole (a half-saved edit drops no route), is
reported with its line, and costs the others nothing.  Hidden files, and an editor's own, are not looked at.

An object without a creationTimestamp is as old as its file has been in the folder: a file that comes later
takes nothing from those that are there.  Of files that are new together the one that was written first is
the older.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.errors import ProxyError
from wherry.proxy import regular
from wherry.proxy.model import Rejected
from wherry.proxy.resources.snapshot import Snapshot, joined
from wherry.proxy.resources.table import FOLLOWED
from wherry.proxy.sources.manifests import LARGEST, Manifests, parse_again
from wherry.proxy.watch import Watch

if TYPE_CHECKING:
    import threading
    from collections.abc import Container, Mapping, Sequence, Set

    from wherry.proxy.resources.table import Followed
    from wherry.proxy.sources.manifests import Key, Part
    from wherry.proxy.sources.source import Sink

ENDINGS = (".yaml", ".yml", ".json")
LOOK_AGAIN, LONGEST = 5.0, 60.0
"""Seconds between looks without any event: a network file system tells us nothing."""
SHARE = 100
"""Times as long as a look took is waited until the next: of 50,000 files it takes almost half a second."""

Identity = tuple[int, int, int]
"""What tells that a file's content is the same: when it was written (ns), its bytes, its inode."""

PAUSE = 0.2
"""Seconds after which a file that is open for writing, and is not written, is read as it is."""


NO_IDENTITY = (0, 0, 0)
"""Of what could not be read: it is looked at again."""


class Held(NamedTuple):
    """A file as it was read: what identified its content then, what it said, and what its parts mean.

    `place` is its place among all files that came, from 1; 0: it has none yet.
    """

    identity: Identity
    manifests: Manifests
    parts: Mapping[Key, Part] = {}
    place: int = 0


class Directory:
    """Implements source.Source for the folder `path`."""

    def __init__(self, path: str, followed: Sequence[Followed] = FOLLOWED) -> None:
        self._path = path
        self._followed = tuple(followed)
        self._held: dict[str, Held] = {}
        self._places = 0
        self._emptied: dict[
            str, float
        ] = {}  # files that held something, and when they were seen to be empty

    def list(self) -> Snapshot:
        if not os.path.isdir(self._path):
            raise ProxyError(
                f"{self._path} is not a folder", hint="--from-dir names a folder of Service manifests"
            )
        self._scan(None, None)
        return self._snapshot()

    def run(self, sink: Sink, stop: threading.Event) -> None:
        watch = Watch(self._path)
        try:
            sink.snapshot(self.list())
            sink.heartbeat()
            patience = LOOK_AGAIN
            while not stop.is_set():
                names = watch.wait(PAUSE if watch.writing or self._emptied else patience)
                if stop.is_set():
                    return
                if not names:
                    # Whoever holds them open does not go on; for what fills an empty one a shell may wait.
                    watch.writing = set(filter(self._is_empty, watch.writing))
                for name in self._emptied.keys() & names:
                    self._emptied[name] = time.monotonic()  # it is written again and again
                names |= self._emptied.keys() if names else set()
                before = self._held
                only = names if names and all(map(_is_file, names)) else None
                begun = time.monotonic()
                if self._scan(only, watch):
                    sink.heartbeat()
                if only is None:
                    patience = until_next_look(time.monotonic() - begun)
                if self._held != before:
                    sink.snapshot(self._snapshot())
        finally:
            watch.close()

    def _is_just_emptied(self, name: str, before: Held | None, now: Held | None) -> bool:
        """Whether it may be about to be written: the kernel tells some milliseconds after it was emptied.

        It is looked at again, and after PAUSE taken as it is.
        """
        if before and before.identity[1] and now and not now.identity[1]:
            since = self._emptied.setdefault(name, time.monotonic())
            if time.monotonic() - since < PAUSE:
                return True
        self._emptied.pop(name, None)
        return False

    def _is_empty(self, name: str) -> bool:
        with contextlib.suppress(OSError):
            return os.stat(os.path.join(self._path, name)).st_size == 0
        return False

    def _scan(self, only: Set[str] | None, watch: Watch | None) -> bool:
        """Look at the files `only` (None: all) but those being written; False when there is no folder."""
        writing: Container[str] = watch.writing if watch is not None else ()
        try:
            names = os.listdir(self._path) if only is None else only
        except OSError:
            return False  # it is being replaced: what was there stays in force
        found = {} if only is None else {n: h for n, h in self._held.items() if n not in only}
        for name in filter(_is_manifest, names):
            before = self._held.get(name)
            # A file that somebody is writing is read when it is closed.
            now = before if name in writing else self._read(name, before, changed=only is not None)
            if watch is not None and self._is_just_emptied(name, before, now):
                now = before
            if now is not None:
                found[name] = now
        if watch is not None:
            # What changed while it was read may have been read cut off; it is read again.
            for name in watch.look() & found.keys():
                found.pop(name)
                if name in self._held:
                    found[name] = self._held[name]
        self._held = self._placed(found)
        return True

    def _placed(self, found: dict[str, Held]) -> dict[str, Held]:
        """Files that are new get the next places, as they were written."""
        new = sorted((held.identity[0], name) for name, held in found.items() if not held.place)
        for _, name in new:
            self._places += 1
            found[name] = _dated(found[name]._replace(place=self._places))
        return found

    def _read(self, name: str, before: Held | None, *, changed: bool) -> Held | None:
        """The file as it is now; None when it is gone.

        With `changed` it is read whatever its times say: two writes in one tick of the clock look alike.
        """
        path = os.path.join(self._path, name)
        parts = before.parts if before is not None else {}
        try:
            if not changed and before is not None and before.identity == _identity(os.stat(path)):
                return before
            status, data = regular.read_status(path, LARGEST)
            identity = _identity(status)
            if not data:
                identity = identity[0], 0, identity[2]  # it was emptied after we had asked
            manifests, parts = parse_again(name, data, parts, self._followed)
        except FileNotFoundError:
            if not os.path.islink(path):
                return None
            identity, manifests = NO_IDENTITY, _refused(name, "the link leads nowhere")
        except OSError as error:
            identity = NO_IDENTITY
            manifests = _refused(name, error.strerror or str(error))._replace(broken=True)
        if manifests.broken and before is not None:
            held = before.manifests.snapshot
            manifests = Manifests(held._replace(rejected=manifests.snapshot.rejected))
        if before is None or not before.place:
            return Held(identity, manifests, parts)
        return _dated(Held(identity, manifests, parts, before.place))

    def _snapshot(self) -> Snapshot:
        return joined(held.manifests.snapshot for _, held in sorted(self._held.items()))


def _refused(name: str, why: str) -> Manifests:
    return Manifests(Snapshot(rejected=(Rejected(name, "bad-manifest", f"{name}: {why}"),)))


def until_next_look(took: float) -> float:
    """Seconds after a look at all files that took so many: about a hundredth of a processor is used up."""
    return min(max(LOOK_AGAIN, SHARE * took), LONGEST)


def _identity(status: os.stat_result) -> Identity:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _dated(held: Held) -> Held:
    """With a creationTimestamp for objects that have none: after all real ones, in the order of files.

    Its parts, too: of a file that is read again they are the very same objects then, which are not looked
    at any more.
    """
    when = f"~{held.place:09}"
    new: dict[int, Any] = {}
    for those in held.manifests.snapshot.objects.values():
        for one in those:
            if getattr(one, "created", None) == "":
                new[id(one)] = one._replace(created=when)
    if not new:
        return held
    (of_kinds, rejected, urgent), broken = held.manifests
    dated = {kind: tuple(new.get(id(one), one) for one in those) for kind, those in of_kinds.items()}
    parts = dict(held.parts)
    for key, part in held.parts.items():
        if any(id(one) in new for _, one in part.objects):
            objects = tuple((kind, new.get(id(one), one)) for kind, one in part.objects)
            parts[key] = part._replace(objects=objects)
    return Held(held.identity, Manifests(Snapshot(dated, rejected, urgent), broken), parts, held.place)


def _is_file(name: str) -> bool:
    """Whether an event's name says which file changed: a ConfigMap's files all change behind ``..data``."""
    return bool(name) and not name.startswith("..")


def _is_manifest(name: str) -> bool:
    return name.endswith(ENDINGS) and not name.startswith((".", "#"))
