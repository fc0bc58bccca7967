"""PURE: whether a text has the form of an SPDX license expression.

Source: the SPDX specification 2.3, annex D.  Names of licenses are not looked up.
"""

from __future__ import annotations

from wherry.pattern import pattern

LONGEST = 4096
WORD = pattern(r"\s*([()]|[A-Za-z0-9.+-]+)")
OPERATORS = ("AND", "OR", "WITH")


def is_expression(text: str) -> bool:
    """Not for one with a license of its own (``LicenseRef-``): a document would have to quote its text."""
    words = _words(text)
    if not words:
        return False
    depth, operand_is_next = 0, True
    for before, word in zip(("", *words), words, strict=False):
        if word == ")":
            depth -= 1
            if operand_is_next or depth < 0:
                return False
        elif word in OPERATORS:
            if operand_is_next or (word == "WITH" and before == ")"):
                return False
            operand_is_next = True
        elif not operand_is_next or (word == "(" and before == "WITH"):
            return False
        elif word == "(":
            depth += 1
        else:
            operand_is_next = False
    return not depth and not operand_is_next


def _words(text: str) -> list[str]:
    """Empty for what holds anything but words and brackets."""
    words: list[str] = []
    place, text = 0, text.strip()
    if len(text) > LONGEST:
        return []
    while place < len(text):
        found = WORD.match(text, place)
        if found is None or found[1].startswith("LicenseRef-"):
            return []
        words.append(found[1])
        place = found.end()
    return words
