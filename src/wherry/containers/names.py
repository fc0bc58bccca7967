"""Names and ids of containers."""

from __future__ import annotations

import os

from wherry.errors import UsageError
from wherry.pattern import pattern

NAME = pattern(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+\Z")
FIRST = """
    able bold brisk calm clear crisp daring eager fair fleet gentle glad grand keen kind light lively lucky
    mild neat noble proud quick quiet ready sharp sleek smart snug steady stout sunny swift tidy trim warm
"""
SECOND = """
    barge brig canoe caravel catboat clipper coble coracle cutter dhow dinghy dory felucca ferry galley
    gondola gig hoy jolly junk kayak ketch lugger nef packet pinnace pram punt sampan schooner scow shallop
    skiff sloop smack tender tjalk umiak wherry xebec yawl
"""


def new_id() -> str:
    """64 hexadecimal digits."""
    return os.urandom(32).hex()


def random_name() -> str:
    first, second = FIRST.split(), SECOND.split()
    seed = int.from_bytes(os.urandom(4), "big")
    return f"{first[seed % len(first)]}_{second[seed // len(first) % len(second)]}"


def check_name(name: str) -> str:
    """The name without the slash that Docker puts before it, by Docker's grammar.  Raises UsageError."""
    name = name.removeprefix("/")
    if not NAME.match(name):
        raise UsageError(
            f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
            hint="a name has two characters at least",
        )
    return name
