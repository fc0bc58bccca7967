"""What the program of an image needs, found by reading the image: nothing is run.

Files are taken in the order of their confidence, so each has the most certain of its reasons, and chains of
reasons have no loops.  Whatever is kept is looked at by the readers, each of which asks for more files.
"""

from __future__ import annotations

import heapq
import posixpath
import stat

from wherry.programs.libraries import Libraries
from wherry.slim.files import Files
from wherry.slim.reason import CERTAIN, GUESS, LIKELY, Reason
from wherry.typed import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wherry.layers.view import Node, View
    from wherry.programs.start import Start

MOST = 2_000_000
"""Files that are asked for."""
HEAD = 4096


class Ask(NamedTuple):
    """A path that is to be kept; `deep`: a folder with all that is in it."""

    path: str
    reason: Reason
    deep: bool = False


class Kept(NamedTuple):
    """Names without a leading slash, links and folders among them; folders above them are implied."""

    reasons: dict[str, Reason]
    nodes: dict[str, Node]
    lacking: tuple[str, ...] = ()
    """What was named for certain and is not in the image."""


class Reader(Protocol):
    """Looks at a kept file (its first bytes are `head`) and asks for what that needs."""

    def __call__(self, closure: Closure, node: Node, head: bytes) -> None: ...


class Closure:
    """`start` is how the image starts; `dropped` says of a name that it is not kept, whoever asks; `same`
    of a file and a folder whether all in the folder came with that file; `trust` is the least confidence
    that counts."""

    def __init__(
        self,
        view: View,
        start: Start,
        readers: Sequence[Reader],
        *,
        dropped: Callable[[str], bool] = lambda name: False,
        same: Callable[[str, str], bool] = lambda name, folder: False,
        trust: int = LIKELY,
    ) -> None:
        self.files = Files(view)
        self.start = start
        self.libraries = Libraries(view, start.env.get("LD_LIBRARY_PATH", ""))
        self.loader = ""
        """That of the programs of the image, for what is loaded later."""
        self.once: set[str] = set()
        """What readers have done for the whole image."""
        self._readers = readers
        self._dropped = dropped
        self.owns = same
        self._trust = trust
        self._waiting: list[tuple[int, int, Ask]] = []
        self._asked = 0
        self._best: dict[tuple[str, bool], int] = {}
        """The best confidence with which a path was asked for."""
        self._deep: set[str] = set()
        self._reasons: dict[str, Reason] = {}
        self._nodes: dict[str, Node] = {}
        self._missing: dict[str, str] = {}
        self._commands: dict[str, str] | None = None

    def keep(
        self, path: str, rule: str, by: str = "", confidence: int = CERTAIN, *, deep: bool = False
    ) -> None:
        """Ask for a path; `by` is the name of the kept file that needs it.  Nothing comes of one that is
        not there, nor of less confidence than counts."""
        above = self._reasons.get(by)
        least = max(confidence, above.confidence) if above is not None else confidence
        if least > self._trust or self._asked >= MOST or self._best.get((path, deep), GUESS + 1) <= least:
            return
        self._best[path, deep] = least
        self._asked += 1
        heapq.heappush(self._waiting, (least, self._asked, Ask(path, Reason(rule, by, least), deep)))

    def program(self, name: str, rule: str, by: str = "", confidence: int = CERTAIN) -> None:
        """Ask for a program by the name that a shell would look for."""
        path = self.command(name)
        if path is not None:
            self.keep(path, rule, by, confidence)

    def command(self, name: str) -> str | None:
        """Where a program is, by PATH."""
        if "/" in name:
            path = posixpath.join("/", self.start.workdir, name)
            return path if self.files.is_file(path) else None
        if self._commands is None:
            self._commands = {}
            for folder in self.start.env.get("PATH", "").split(":"):
                here = posixpath.join("/", self.start.workdir, folder)
                for each in self.files.names(here):
                    self._commands.setdefault(each, posixpath.join(here, each))
        place = self._commands.get(name, "")
        return place if place and self.executable(place) else None

    def executable(self, path: str) -> bool:
        node = self.files.find(path)
        return node is not None and stat.S_ISREG(node.status.st_mode) and bool(node.status.st_mode & 0o111)

    def starts(self, node: Node) -> bool:
        """Whether the image names this file when it starts."""
        words = (posixpath.join("/", self.start.workdir, word) for word in self.start.argv)
        return any((found := self.files.find(word)) and found.name == node.name for word in words)

    def is_named_first(self, node: Node) -> bool:
        """Whether the script that the image starts names a kept file, or what that one interprets."""
        path = self.command(self.start.argv[0]) if self.start.argv else None
        first = self.files.find(path) if path is not None else None
        if first is None or self.files.data(first, 2) != b"#!":
            return False
        by = self._reasons[node.name].by
        above = self._reasons[by].by if by in self._reasons else ""
        return first.name in (by, above)

    def is_kept(self, name: str) -> bool:
        return name in self._reasons

    def lacks(self, what: str, library: str = "") -> None:
        """Something is named for certain, and the image does not have it; of a `library` the name, for one
        that is loaded from elsewhere before will do."""
        self._missing[what] = library

    def confidence(self, name: str) -> int:
        """Of a kept file's reason."""
        return self._reasons[name].confidence

    def first(self, what: str) -> bool:
        """Whether this is asked for the first time."""
        if what in self.once:
            return False
        self.once.add(what)
        return True

    def run(self) -> Kept:
        """Take what was asked for, and what that needs, until nothing more is asked for."""
        while self._waiting:
            _, _, ask = heapq.heappop(self._waiting)
            self._take(ask)
        loaded = {posixpath.basename(name) for name in self._reasons}
        lacking = (what for what, library in self._missing.items() if library not in loaded)
        return Kept(dict(self._reasons), dict(self._nodes), tuple(lacking))

    def _take(self, ask: Ask) -> None:
        links, node = self.files.trail(ask.path)
        for link in links:
            self._add(link, ask.reason)
        if node is None:
            if ask.reason.confidence == CERTAIN:
                self.lacks(ask.path)
            return
        if self._add(node, ask.reason) and stat.S_ISREG(node.status.st_mode):
            head = self.files.data(node, HEAD)
            for read in self._readers:
                read(self, node, head)
        if ask.deep and node.is_folder and node.name not in self._deep:
            self._deep.add(node.name)
            for each in self.files.names("/" + node.name):
                self.keep(f"/{node.name}/{each}", *ask.reason, deep=True)

    def _add(self, node: Node, reason: Reason) -> bool:
        """Whether it is new, and not dropped."""
        if not node.name or node.name in self._reasons or self._dropped(node.name):
            return False
        self._reasons[node.name] = reason
        self._nodes[node.name] = node
        return True
