"""wherry: from a Dockerfile to served traffic, with one small tool."""

__version__ = "0.1.0"
