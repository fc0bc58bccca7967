"""PURE: ``--chmod``, in octal or in symbols, as chmod(1) reads them.

Source: POSIX, "chmod"; who is not named is everybody, without a umask, as in BuildKit.
"""

from __future__ import annotations

from wherry.pattern import pattern
from wherry.typed import NamedTuple

CLAUSE = pattern(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
ACTION = pattern(r"([-+=])([ugo](?![rwxXst])|[rwxXst]*)")
SHIFT = {"u": 6, "g": 3, "o": 0}
BITS = {"r": 4, "w": 2, "x": 1}
SETUID, SETGID, STICKY = 0o4000, 0o2000, 0o1000


class Action(NamedTuple):
    """`who` are letters of ``ugo``."""

    who: str
    operator: str
    what: str


class Chmod(NamedTuple):
    """`octal`, or else `actions` in their order.  `text` is as written."""

    text: str
    octal: int | None
    actions: tuple[Action, ...] = ()

    def apply(self, mode: int, *, folder: bool) -> int:
        """The new permission bits (0 to 0o7777) of a file that has `mode`."""
        if self.octal is not None:
            return self.octal
        for action in self.actions:
            mode = _apply(action, mode, folder)
        return mode


def parse_chmod(text: str) -> Chmod:
    """Raises ValueError for what is neither."""
    if text and not text.strip("01234567"):
        octal = int(text, 8)
        if octal > 0o7777:
            raise ValueError(text)
        return Chmod(text, octal)
    actions: list[Action] = []
    for clause in text.split(","):
        found = CLAUSE.fullmatch(clause)
        if found is None:
            raise ValueError(text)
        who, rest = found.groups()
        names = "ugo" if not who or "a" in who else who
        actions += [Action(names, *action) for action in ACTION.findall(rest)]
    return Chmod(text, None, tuple(actions))


def _apply(action: Action, mode: int, folder: bool) -> int:
    bits, scope = 0, 0
    for who in action.who:
        shift = SHIFT[who]
        scope |= 0o7 << shift
        bits |= _permissions(action.what, mode, folder) << shift
    special = (SETUID if "u" in action.who else 0) | (SETGID if "g" in action.who else 0)
    # A folder keeps its set-ID bits unless they are named (chmod(1), GNU).
    if "s" in action.what or not folder:
        scope |= special
    if "s" in action.what:
        bits |= special
    if "o" in action.who:  # the sticky bit is the others'
        scope |= STICKY
        bits |= STICKY if "t" in action.what else 0
    if action.operator == "+":
        return mode | bits
    if action.operator == "-":
        return mode & ~bits
    return (mode & ~scope) | bits


def _permissions(what: str, mode: int, folder: bool) -> int:
    """Three bits: those of letters, or a copy of another's."""
    if what in SHIFT:
        return (mode >> SHIFT[what]) & 0o7
    bits = 0
    for letter in what:
        bits |= BITS.get(letter, 0)
        if letter == "X" and (folder or mode & 0o111):
            bits |= 1
    return bits
