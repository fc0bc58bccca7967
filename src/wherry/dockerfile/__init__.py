"""PURE: the Dockerfile language, from text to typed instructions.  No I/O of any kind."""

from wherry.dockerfile.parser import parse

__all__ = ["parse"]
