"""PURE: variables and quotes in the words of instructions.

Source: the Dockerfile reference, "Environment replacement"; where it is silent, BuildKit's shell lexer.
"""

from __future__ import annotations

from wherry.dockerfile.glob import shell_pattern
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

DEEPEST = 64
LARGEST = 1 << 24
"""Characters that the variables of one word, or of one here-document, may stand for: an image's whole
configuration has no more bytes."""
LONGEST_PATTERN = 4096
"""Characters of the pattern in ``${v#pattern}``: times a value's length it is what matching may cost."""
# What a backslash stands before in a pattern.
PATTERN = r"(?:[^\\]|\\[*?\\}/])*\Z"
SPECIAL_PARAMETERS = frozenset("@*#?-$!0")


class ExpansionError(ValueError):
    """A word that cannot be expanded; the caller knows the line."""


def expand(word: str, env: Mapping[str, str], escape: str = "\\") -> str:
    """The word with its variables replaced and its quotes removed.  Raises ExpansionError."""
    return "".join(_Lexer(word, env, escape).read(""))


def expand_words(text: str, env: Mapping[str, str], escape: str = "\\") -> list[str]:
    """Like expand(), but split at unquoted white space, also where a variable's value has it."""
    lexer = _Lexer(text, env, escape, split=True)
    lexer.read("")
    return lexer.words()


def expand_document(text: str, env: Mapping[str, str]) -> str:
    """A here-document: variables are replaced, quotes stay, a backslash gives the character after it."""
    return "".join(_Lexer(text, env, "\\", raw=True).read(""))


def used(word: str, escape: str = "\\") -> set[str]:
    """The names of the variables that a word mentions."""
    seen = _Recorder()
    try:
        expand(word, seen, escape)
    except ExpansionError:
        pass
    return seen.names


class _Recorder(dict[str, str]):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, key: str, default: object = None) -> None:  # type: ignore[override]
        self.names.add(key)


class _Lexer:
    def __init__(
        self, text: str, env: Mapping[str, str], escape: str, *, split: bool = False, raw: bool = False
    ) -> None:
        self._text = text
        self._env = env
        self._escape = escape
        self._split = split
        self._raw = raw
        self._at = 0
        self._depth = 0
        self._grown = 0
        # Whether escape characters stay, as in ${name/pattern/replacement}; in quotes of a pattern they are
        # doubled, so that they mean themselves.
        self._keep = self._in_pattern = False
        self._words: list[str] = []
        self._word: list[str] | None = None

    def words(self) -> list[str]:
        self._end_word()
        return self._words

    def read(self, stop: str) -> list[str]:
        """Up to the unquoted character `stop` (consumed), or to the end where it is ""."""
        out: list[str] = []
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpansionError("variables are nested too deep")
        text = self._text
        while self._at < len(text):
            char = text[self._at]
            if char == stop:
                self._at += 1
                self._depth -= 1
                return out
            if char == "$":
                self._add(out, self._dollar(), quoted=False)
            elif char == "'" and not self._raw:
                self._add(out, self._single(), quoted=True)
            elif char == '"' and not self._raw:
                self._add(out, "".join(self._double()), quoted=True)
            elif char == self._escape:
                self._at += 2
                if self._keep and self._at - 1 <= len(text):
                    out.append(char)
                if self._at <= len(text):
                    self._add(out, text[self._at - 1], quoted=True)
            else:
                self._at += 1
                self._add(out, char, quoted=False)
        if stop:
            raise ExpansionError(f"syntax error: missing '{stop}'")
        self._depth -= 1
        return out

    def _add(self, out: list[str], text: str, *, quoted: bool) -> None:
        out.append(text)
        if not self._split or self._depth > 1:
            return
        if quoted:
            if self._word is None:
                self._word = []
            self._word.append(text)
            return
        for char in text:
            if char in " \t\r\n\v\f":
                self._end_word()
            elif self._word is None:
                self._word = [char]
            else:
                self._word.append(char)

    def _end_word(self) -> None:
        if self._word is not None:
            self._words.append("".join(self._word))
            self._word = None

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise ExpansionError("unexpected end of statement while looking for matching single-quote")
        inside = self._text[self._at + 1 : end]
        self._at = end + 1
        return inside.replace(self._escape, self._escape * 2) if self._in_pattern else inside

    def _double(self) -> list[str]:
        out: list[str] = []
        self._at += 1
        text = self._text
        while self._at < len(text):
            char = text[self._at]
            if char == '"':
                self._at += 1
                return out
            if char == "$":
                self._depth += 1
                out.append(self._dollar())
                self._depth -= 1
                continue
            self._at += 1
            if char == self._escape and self._at < len(text):
                following = text[self._at]
                self._at += 1
                # Inside double quotes only these lose their escape character.
                if following in ('"', "$", self._escape):
                    out.append(char + following if self._keep else following)
                else:
                    out.append((char * 2 if self._keep else char) + following)
            else:
                out.append(char)
        raise ExpansionError("unexpected end of statement while looking for matching double-quote")

    def _dollar(self) -> str:
        self._at += 1
        if self._text[self._at : self._at + 1] == "{":
            self._at += 1
            return self._braces()
        name = self._name()
        return self._value(name) or "" if name else "$"

    def _name(self) -> str:
        text, start = self._text, self._at
        digits = start < len(text) and text[start].isdecimal()
        if not digits and start < len(text) and text[start] in SPECIAL_PARAMETERS:
            self._at += 1
            return text[start]
        while self._at < len(text):
            char = text[self._at]
            if not (char.isdecimal() if digits else char.isalpha() or char.isdecimal() or char == "_"):
                break
            self._at += 1
        return text[start : self._at]

    def _value(self, name: str) -> str | None:
        value = self._env.get(name)
        self._count(len(value or ""))
        return value

    def _braces(self) -> str:
        name = self._name()
        if not name:
            raise ExpansionError("syntax error: bad substitution")
        if self._at >= len(self._text):
            raise ExpansionError("syntax error: missing '}'")
        operator = self._text[self._at]
        self._at += 1
        value = self._value(name)
        if operator == "}":
            return value or ""
        colon = operator == ":"
        if colon:
            operator = self._text[self._at : self._at + 1]
            self._at += 1
        if operator and operator in "-+?":
            return self._default(name, value, operator, empty_counts=colon)
        if colon or operator not in "#%/":
            shown = (":" if colon else "") + operator
            raise ExpansionError(f"unsupported modifier ({shown}) in substitution")
        if operator == "/":
            return self._replace(value or "")
        return self._trim(value or "", operator)

    def _default(self, name: str, value: str | None, operator: str, *, empty_counts: bool) -> str:
        """``:-`` and the like treat an empty value as unset; ``-`` and the like do not."""
        word = "".join(self._nested("}"))
        is_set = value is not None and not (empty_counts and value == "")
        if operator == "+":
            return word if is_set else ""
        if is_set:
            return value or ""
        if operator == "?":
            raise ExpansionError(f"{name}: {word or 'not set'}")
        return word

    def _nested(self, stop: str, *, keep: bool = False) -> list[str]:
        kept, self._keep = self._keep, keep
        self._depth += 1
        word = self.read(stop)
        self._depth -= 1
        self._keep = kept
        return word

    def _trim(self, value: str, operator: str) -> str:
        from wherry.dockerfile.substring import pieces, prefix

        longest = self._text[self._at : self._at + 1] == operator
        self._at += longest
        tokens = shell_pattern(self._pattern("}"))
        if operator == "%":
            tokens, value = tuple(reversed(tokens)), value[::-1]
        rest = value[prefix(pieces(tokens), value, longest=longest) or 0 :]
        return rest[::-1] if operator == "%" else rest

    def _replace(self, value: str) -> str:
        from wherry.dockerfile.substring import pieces, search

        everywhere = self._text[self._at : self._at + 1] == "/"
        self._at += everywhere
        pattern = pieces(shell_pattern(self._pattern("/")))
        replacement = "".join(self._nested("}", keep=True))
        out: list[str] = []
        at = 0
        while at < len(value):
            found = search(pattern, value, at)
            if found is None or found[0] == found[1]:
                break
            out += [value[at : found[0]], replacement]
            self._count(len(replacement))
            at = found[1]
            if not everywhere:
                break
        return "".join(out) + value[at:]

    def _count(self, size: int) -> None:
        self._grown += size
        if self._grown > LARGEST:
            raise ExpansionError(f"its variables stand for more than {LARGEST} characters")

    def _pattern(self, stop: str) -> str:
        """The text up to `stop`, its variables replaced, its escapes kept for the pattern."""
        outside, self._in_pattern = self._in_pattern, True
        pattern = "".join(self._nested(stop, keep=True))
        self._in_pattern = outside
        if len(pattern) > LONGEST_PATTERN:
            raise ExpansionError(f"a pattern of more than {LONGEST_PATTERN} characters")
        import re  # start-up does without it

        if not re.match(PATTERN, pattern):
            raise ExpansionError(f"invalid pattern ({pattern}) in substitution: invalid escape")
        return pattern
