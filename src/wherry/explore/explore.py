"""PURE: an image explored: its layers, its files, and what it carries for nothing, as one value."""

from __future__ import annotations

from wherry.explore.categories import DEV, LOCK, TITLES, DevDependencies, rule_for, rule_of
from wherry.explore.contents import SYMBOLS_FROM
from wherry.explore.model import FOLDER
from wherry.explore.same import groups, is_same
from wherry.explore.stack import CHANGED, REMOVED, Hidden, stack
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wherry.explore.categories import Rule
    from wherry.explore.made import Made
    from wherry.explore.model import LayerFiles
    from wherry.explore.stack import Change, Placed, Stack

REPEATED, OVERWRITTEN = "repeated", "overwritten"
LARGEST_LOCK = 1 << 23


class Subject(NamedTuple):
    """What is explored: `layers` lowest first, with what made each, and its diff ID ("" for a folder)."""

    name: str
    layers: tuple[LayerFiles, ...]
    made: tuple[Made, ...]
    diff_ids: tuple[str, ...]
    id: str = ""
    platform: str = ""


class Layer(NamedTuple):
    """`number` counts from 1; `names` are those that its archive lists, folders among them; `hidden` are
    the bytes of it that layers above hide, and `hidden_bodies` tells which (`File.body`)."""

    number: int
    diff_id: str
    size: int
    names: int
    hidden: int
    changes: tuple[Change, ...]
    made: Made
    hidden_bodies: frozenset[int] = frozenset()


class Loss(NamedTuple):
    """Bytes of the layer `of` that the layer `by` hides (both numbers count from 1).

    `kind` is REMOVED, OVERWRITTEN, or REPEATED where the same bytes come again, with another mode or owner.
    """

    kind: str
    by: int
    of: int
    hidden: tuple[Hidden, ...]
    advice: str

    @property
    def size(self) -> int:
        return sum(each.size for each in self.hidden)


class Copies(NamedTuple):
    """Files of the image with the same `size` bytes each under several paths."""

    size: int
    files: tuple[Placed, ...]

    @property
    def wasted(self) -> int:
        """What all of them but one take."""
        return self.size * (len(self.files) - 1)


class Counted(NamedTuple):
    """A file, and how many of its bytes are meant: all, or what `strip` would take."""

    placed: Placed
    size: int


class Finding(NamedTuple):
    """Files of one category that the image shows and that one layer (from 1) brought, the largest first."""

    category: str
    layer: int
    files: tuple[Counted, ...]
    size: int
    advice: str

    @property
    def title(self) -> str:
        return TITLES[self.category]


class Explored(NamedTuple):
    """`losses`, `copies` and `findings` come with the largest first."""

    name: str
    id: str
    platform: str
    layers: tuple[Layer, ...]
    files: tuple[Placed, ...]
    losses: tuple[Loss, ...]
    copies: tuple[Copies, ...]
    findings: tuple[Finding, ...]

    @property
    def size(self) -> int:
        """The bytes of all layers, as Docker counts."""
        return sum(layer.size for layer in self.layers)

    @property
    def wasted(self) -> int:
        """The bytes that are in a layer and that no name of the image shows."""
        return sum(loss.size for loss in self.losses)

    @property
    def duplicated(self) -> int:
        """The bytes that are shown under several paths, all copies but one."""
        return sum(copies.wasted for copies in self.copies)

    @property
    def efficiency(self) -> float:
        """The part of the bytes that the image shows, from 0 to 1."""
        return 1 - self.wasted / self.size if self.size else 1.0

    @property
    def own(self) -> int:
        """The bytes of the layers above the base image's, if a build tells: else above the lowest one."""
        base = sum(layer.made.is_base for layer in self.layers) or 1
        return sum(layer.size for layer in self.layers[base:])


def explore(subject: Subject) -> Explored:
    """Raises what reading the files raises, where two of the same size are compared."""
    stacked = stack(subject.layers)
    return Explored(
        subject.name,
        subject.id,
        subject.platform,
        tuple(_layers(subject, stacked)),
        stacked.files,
        tuple(sorted(_losses(subject, stacked), key=lambda loss: (-loss.size, loss.by, loss.of))),
        tuple(_copies(stacked)),
        tuple(sorted(_findings(stacked), key=lambda found: (-found.size, found.category, found.layer))),
    )


def _layers(subject: Subject, stacked: Stack) -> Iterator[Layer]:
    hidden = [0] * len(subject.layers)
    bodies: list[set[int]] = [set() for _ in subject.layers]
    for each in stacked.hidden:
        hidden[each.placed.layer] += each.size
        bodies[each.placed.layer].add(each.placed.file.body)
    for number, layer in enumerate(subject.layers):
        yield Layer(
            number + 1,
            subject.diff_ids[number],
            layer.size,
            len(layer.files),
            hidden[number],
            stacked.changes[number],
            subject.made[number],
            frozenset(bodies[number]),
        )


def _losses(subject: Subject, stacked: Stack) -> Iterator[Loss]:
    parts: dict[tuple[str, int, int], list[Hidden]] = {}
    now = [{change.path: change.now for change in changes} for changes in stacked.changes]
    for each in stacked.hidden:
        new = now[each.by].get(each.placed.file.path)
        kind = REMOVED if each.kind == REMOVED else OVERWRITTEN
        if each.kind == CHANGED and new is not None and is_same(each.placed.file, new):
            kind = REPEATED
        parts.setdefault((kind, each.by, each.placed.layer), []).append(each)
    for (kind, by, of), hidden in parts.items():
        hidden.sort(key=lambda each: (-each.size, each.placed.file.path))
        advice = _advice(kind, subject.made[by].command, subject.made[of].command)
        yield Loss(kind, by + 1, of + 1, tuple(hidden), advice)


def _advice(kind: str, by: str, of: str) -> str:
    word = of.partition(" ")[0].upper()
    if kind == REPEATED and word in ("COPY", "ADD"):
        flag = "--chown=USER" if "chown" in by and "chmod" not in by else "--chmod=MODE"
        return f"{word} {flag} gives the files their mode and owner at once"
    if kind == REPEATED:
        return "set mode and owner in the instruction that makes the files"
    if kind == REMOVED and word == "RUN":
        return "remove the files in the RUN that makes them"
    if kind == REMOVED:
        return "leave the files out (.dockerignore), or COPY --from a stage only what is needed"
    return "write the files once, in one instruction"


def _copies(stacked: Stack) -> list[Copies]:
    """Hard links are no copies; neither are files without bytes."""
    bodies: dict[tuple[int, int], Placed] = {}
    for placed in stacked.files:
        if placed.file.size:
            bodies.setdefault(placed.body, placed)
    same = groups(bodies.values(), lambda placed: placed.file)
    found = (Copies(files[0].file.size, tuple(files)) for files in same)
    return sorted(found, key=lambda copies: (-copies.wasted, copies.files[0].file.path))


def _findings(stacked: Stack) -> Iterator[Finding]:
    dev = DevDependencies(_locks(stacked.files))
    parts: dict[tuple[Rule, int], list[Counted]] = {}
    for placed in stacked.files:
        if placed.file.type == FOLDER:
            continue
        size = placed.file.size
        rule = DEV if dev.has(placed.file.path) else rule_of(placed.file.path)
        if rule is None and size >= SYMBOLS_FROM and placed.file.content is not None:
            found = placed.file.content.symbols()
            rule, size = (rule_for(found), found.size) if found is not None else (None, 0)
        if rule is not None:
            parts.setdefault((rule, placed.layer), []).append(Counted(placed, size))
    for (rule, layer), files in parts.items():
        size = sum({each.placed.body: each.size for each in files}.values())
        files.sort(key=lambda each: (-each.size, each.placed.file.path))
        if size:
            yield Finding(rule.category, layer + 1, tuple(files), size, rule.advice)


def _locks(files: Sequence[Placed]) -> Iterator[tuple[str, bytes]]:
    for placed in files:
        file = placed.file
        if file.path.endswith(LOCK) and file.content is not None and file.size <= LARGEST_LOCK:
            yield file.path, file.content.read(LARGEST_LOCK)
