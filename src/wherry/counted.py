"""PURE: how many there are, in words."""


def counted(number: int, noun: str) -> str:
    """``1 route``, ``2,000 routes``: for nouns whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"
