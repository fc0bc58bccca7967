"""PURE: an image's layers split by who else has them."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.compare.model import Layer, Subject

BASE, SHARED, OWN = "base", "shared", "own"
KINDS = (BASE, SHARED, OWN)


class Base(NamedTuple):
    """An image on which others may be built."""

    name: str
    diff_ids: tuple[str, ...]


class Part(NamedTuple):
    """A layer, and which of KINDS it is."""

    kind: str
    layer: Layer


class Split(NamedTuple):
    """The layers of an image, lowest first; `base` is the name of the image that it is built on, or ""."""

    base: str
    parts: tuple[Part, ...]

    def size(self, kind: str) -> int:
        return sum(part.layer.size for part in self.parts if part.kind == kind)


class Together(NamedTuple):
    """Bytes of some images: each in full, and with every layer once, as a store keeps them."""

    each: int
    once: int


def split(subjects: Sequence[Subject], bases: Iterable[Base]) -> list[Split]:
    """For each image: the layers of its base, those that another compared one has, too, and the rest.

    Its base is the one of `bases` with most layers, all of which are its lowest, and not all that it has.
    """
    known = sorted(set(bases))
    held: dict[str, int] = {}
    for subject in subjects:
        for diff_id in {layer.diff_id for layer in subject.layers}:
            held[diff_id] = held.get(diff_id, 0) + 1
    return [_split(subject, known, held) for subject in subjects]


def _split(subject: Subject, bases: Sequence[Base], held: dict[str, int]) -> Split:
    base = base_of([layer.diff_id for layer in subject.layers], bases)
    below = len(base.diff_ids) if base is not None else 0
    parts = [
        Part(BASE if place < below else SHARED if held[layer.diff_id] > 1 else OWN, layer)
        for place, layer in enumerate(subject.layers)
    ]
    return Split(base.name if base is not None else "", tuple(parts))


def base_of(diff_ids: Sequence[str], bases: Iterable[Base]) -> Base | None:
    """The longest of `bases` whose layers are the lowest of more; of equal ones the first."""
    below = (
        base for base in bases
        if base.diff_ids and len(base.diff_ids) < len(diff_ids)
        and base.diff_ids == tuple(diff_ids[: len(base.diff_ids)])
    )  # fmt: skip
    return max(below, key=lambda base: len(base.diff_ids), default=None)


def local_bases(images: Sequence[Base]) -> list[Base]:
    """Those on which others are built, and those that are built on none of them."""
    under = {found.diff_ids for each in images if (found := base_of(each.diff_ids, images)) is not None}
    return [each for each in images if each.diff_ids in under or base_of(each.diff_ids, images) is None]


def together(subjects: Iterable[Subject]) -> Together:
    layers = [layer for subject in subjects for layer in subject.layers]
    once = {layer.diff_id: layer.size for layer in layers}
    return Together(sum(layer.size for layer in layers), sum(once.values()))
