"""PURE: which distribution an image is.  Source: os-release(5)."""

from __future__ import annotations

import shlex

from wherry.typed import NamedTuple

PLACES = ("etc/os-release", "usr/lib/os-release")
LARGEST = 1 << 14
"""Bytes that are read: `shlex` takes a time that grows with the square of a word."""


class OsRelease(NamedTuple):
    """`id` as ``debian``, `version` as ``12``; "" where nothing says it."""

    id: str = ""
    version: str = ""
    name: str = ""

    @property
    def distribution(self) -> str:
        return f"{self.id}-{self.version}" if self.id and self.version else self.id


def parse(data: bytes) -> OsRelease:
    values: dict[str, str] = {}
    for line in data[:LARGEST].decode("utf-8", "replace").splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            try:
                values[key] = " ".join(shlex.split(value))
            except ValueError:
                continue  # a quote without its end
    return OsRelease(values.get("ID", ""), values.get("VERSION_ID", ""), values.get("PRETTY_NAME", ""))
