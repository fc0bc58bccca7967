"""PURE: Ruby's gems.  Source: the RubyGems guides, "Specification reference".

A specification is a program.  RubyGems writes those of installed gems with one assignment a line, and no
others are read.
"""

from __future__ import annotations

import re

from wherry.packages.package import Package

PLACE = re.compile(r"(?:.*/)?specifications/(?:default/)?[^/]+\.gemspec\Z", re.DOTALL)
ASSIGNED = re.compile(r'^[ \t]*s\.(name|version)[ \t]*=[ \t]*"([^"#\\]+)"', re.MULTILINE)
LICENSES = re.compile(r"^[ \t]*s\.licenses?[ \t]*=([^\n]*)", re.MULTILINE)
TEXT = re.compile(r'"([^"#\\]+)"')
LARGEST = 1 << 20


def package(data: bytes, path: str) -> Package | None:
    """None for what was written by hand, and computes."""
    text = data[:LARGEST].decode("utf-8", "replace")
    found: dict[str, str] = {}
    for key, value in ASSIGNED.findall(text):
        found.setdefault(key, value)
    if len(found) < 2:
        return None
    licenses = LICENSES.search(text)
    names = TEXT.findall(licenses[1]) if licenses else []
    return Package("gem", found["name"], found["version"], license=" OR ".join(names), path=path)
