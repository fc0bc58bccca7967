"""PURE: many patterns of ``.dockerignore`` matched at once, in one pass over the path.

The positions that are possible in all patterns of a block are the bits of one number; a step over a
character is a few operations on it.  Steps are remembered, so that most are one look into a dictionary.  No
pattern can make it slow: the time is at most the path's length times the patterns' lengths.
"""

from __future__ import annotations

from wherry.dockerfile.charset import Set, bad_pattern, character_set

# A block holds patterns until their positions fill this many bits.
BLOCK = 8000
# A block forgets its steps when it has so many states.
MOST_STATES = 1000
# What Go's regular expressions, to which patternmatcher hands it on, mean by a backslash and a letter.
CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
UNKNOWN = frozenset("ceghijklmoquyFGHIJKLMNORTUVXYZ89")


_WORDS = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
_SPACES = tuple((char, char) for char in "\t\n\f\r ")
_CLASSES = {"d": _WORDS[:1], "w": _WORDS, "s": _SPACES}
# Tokens beside characters and sets: "?", "*", what "**" at the end stands for, and "**" elsewhere.
ONE, STAR, ANY, FOLDERS = object(), object(), object(), object()
Token = object


def tokens(pattern: str) -> list[list[Token]]:
    """A cleaned pattern as its alternatives (one, or two).  Raises ContextError.

    Source: moby/patternmatcher.  A pattern of ``**`` and plain text alone matches by the end of the path,
    whatever stands before it there.
    """
    found: list[Token] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if pattern.startswith("**", at - 1):
            at += 1
            at += pattern.startswith("/", at)
            found.append(ANY if at == len(pattern) else FOLDERS)
        elif char == "*":
            found.append(STAR)
        elif char == "?":
            found.append(ONE)
        elif char == "[":
            one, at = character_set(pattern, at)
            found.append(one)
        elif char == "\\":
            found.append(_escaped(pattern, at))
            at += 1
        else:
            found.append(char)
    if pattern.startswith("**") and found[1:] and not set(pattern[2:]) & set("*?[]\\"):
        suffix: list[Token] = [*pattern[2:]]
        return [[ANY, *suffix], suffix[1:]] if suffix[0] == "/" else [[ANY, *suffix]]
    return [found]


def _escaped(pattern: str, at: int) -> Token:
    if at == len(pattern) or pattern[at] in UNKNOWN:
        raise bad_pattern(pattern)
    char = pattern[at]
    ranges = _CLASSES.get(char.lower())
    return Set(char.isupper(), ranges) if ranges else CONTROLS.get(char, char)


class State(dict[str, "State"]):
    """The possible positions after some text; ``state[char]`` are those after one more character.

    `best` is the greatest number of a pattern that matches the text, -1 where none does.
    """

    __slots__ = ("best", "bits", "block")

    def __init__(self, block: Block, bits: int) -> None:
        super().__init__()
        self.block = block
        self.bits = bits
        self.best = block.best(bits)

    def __missing__(self, char: str) -> State:
        following = self.block.state(self.block.step(self.bits, char))
        self[char] = following
        return following

    def hope(self) -> int:
        """The greatest number of an exception that more text could still match, or -1."""
        return max((number for number, mask in self.block.exceptions if self.bits & mask), default=-1)


class Block:
    """Some patterns, each with its positions one behind the other, the last for its end."""

    def __init__(self) -> None:
        self.size = 0
        self.exceptions: list[tuple[int, int]] = []
        self._first = 0
        self._ends: dict[int, int] = {}
        self._all_ends = 0
        # Positions that stay where they are: at any character, at any but a slash.
        self._stay_all = self._stay_name = 0
        # Positions that count as the next one, too, when they are reached.
        self._free = 0
        self._literals: dict[str, int] = {}
        self._ones = 0
        self._sets: dict[Set, int] = {}
        self._accepted: dict[str, int] = {}
        self._states: dict[int, State] = {}

    def add(self, pattern: list[Token], number: int, *, exception: bool) -> None:
        begin, bit = self.size, 1 << self.size
        self._first |= bit
        after_folders = False
        for token in pattern:
            if token is STAR:
                self._stay_name |= bit
            elif token is ANY:
                self._stay_all |= bit
            elif token is FOLDERS:
                if not after_folders:
                    self._stay_all |= bit
                    self._free |= bit
                    self._literals["/"] = self._literals.get("/", 0) | bit
                    bit <<= 1
            else:
                self._take(token, bit)
                bit <<= 1
            after_folders = token is FOLDERS
        self._ends[bit.bit_length()] = number
        self._all_ends |= bit
        self.size = bit.bit_length()
        if exception:
            self.exceptions.append((number, (bit << 1) - (1 << begin)))

    def _take(self, token: Token, bit: int) -> None:
        if token is ONE:
            self._ones |= bit
        elif isinstance(token, Set):
            self._sets[token] = self._sets.get(token, 0) | bit
        else:
            self._literals[str(token)] = self._literals.get(str(token), 0) | bit

    def start(self) -> State:
        return self.state(self._first | (self._first & self._free) << 1)

    def state(self, bits: int) -> State:
        known = self._states.get(bits)
        if known is None:
            if len(self._states) >= MOST_STATES:
                for state in self._states.values():
                    state.clear()
                self._states.clear()
            known = self._states[bits] = State(self, bits)
        return known

    def step(self, bits: int, char: str) -> int:
        accepted = self._accepted.get(char)
        if accepted is None:
            accepted = self._accepted[char] = self._accepts(char)
        reached = (bits & accepted) << 1
        reached |= (reached & self._free) << 1
        stay = self._stay_all if char == "/" else self._stay_all | self._stay_name
        return reached | bits & stay

    def _accepts(self, char: str) -> int:
        mask = self._literals.get(char, 0) | (self._ones if char != "/" else 0)
        for one, bits in self._sets.items():
            if one.has(char):
                mask |= bits
        return mask

    def best(self, bits: int) -> int:
        ends = bits & self._all_ends
        best = -1
        while ends:
            best = max(best, self._ends[ends.bit_length()])
            ends ^= 1 << (ends.bit_length() - 1)
        return best
