"""PURE: whether a slim image does what the fat one does, and which file is missing where it does not."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wherry.slim.experiment import Outcome

LONGEST = 300
FAILS = tuple(f"exit code {digit}" for digit in "123456789")


class Difference(NamedTuple):
    """What was asked, and what each of them said to it."""

    what: str
    fat: str
    slim: str


def differences(fat: Outcome, slim: Outcome) -> list[Difference]:
    """Statuses are compared, and the bodies of those that the fat image gave alike each time."""
    found = []
    for one, other in zip(fat.answers, slim.answers, strict=True):
        if one.status != other.status:
            found.append(Difference(one.what, one.status, other.status))
        elif one.stable and one.body != other.body:
            found.append(Difference(one.what, _shown(one.body), _shown(other.body)))
    return found


def uncompared(fat: Outcome) -> list[str]:
    """What the fat image itself answers in another way each time: of these only the status counts."""
    return [each.what for each in fat.answers if not each.stable]


def failing(fat: Outcome) -> list[str]:
    """What fails in the fat image itself, and has to fail in the slim one."""
    return [f"{each.what}: {each.status}" for each in fat.answers if each.status.startswith(FAILS)]


def missing(
    used: Iterable[str], in_fat: Callable[[str], bool], in_slim: Callable[[str], bool]
) -> list[str]:
    """The files that the slim image looked for and only the fat one has, the last one first: what a program
    cannot do without is mostly the last that it asks for."""
    return [path for path in reversed(list(used)) if in_fat(path) and not in_slim(path)]


def _shown(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(body)} bytes)"
