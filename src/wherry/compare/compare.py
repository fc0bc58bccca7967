"""PURE: images compared, as one value."""

from __future__ import annotations

from wherry.compare.files import differences
from wherry.compare.layers import split, together
from wherry.compare.packages import side_by_side
from wherry.compare.settings import settings
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wherry.compare.files import Change
    from wherry.compare.layers import Base, Split, Together
    from wherry.compare.model import File, Subject
    from wherry.compare.packages import Row
    from wherry.compare.settings import Setting


class Difference(NamedTuple):
    """Of image `after` from image `before`, by their places among those compared."""

    before: int
    after: int
    settings: tuple[Setting, ...]
    files: tuple[Change, ...]


class Comparison(NamedTuple):
    """`splits` are of `subjects`, in their order; each image but the first differs from the first."""

    subjects: tuple[Subject, ...]
    splits: tuple[Split, ...]
    together: Together
    packages: tuple[Row, ...]
    differences: tuple[Difference, ...]


def compare(
    subjects: Sequence[Subject],
    bases: Iterable[Base],
    same: Callable[[File, File], bool],
    *,
    each: bool = True,
) -> Comparison:
    """With `each` also how every image differs from the first; see files.differences() for `same`."""
    found = (
        [
            Difference(
                0,
                place,
                tuple(settings(subjects[0], subject)),
                tuple(differences(subjects[0].files, subject.files, same)),
            )
            for place, subject in enumerate(subjects)
            if place
        ]
        if each
        else []
    )
    return Comparison(
        tuple(subjects),
        tuple(split(subjects, bases)),
        together(subjects),
        tuple(side_by_side([subject.packages for subject in subjects])),
        tuple(found),
    )
