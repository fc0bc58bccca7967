"""PURE: packages in ``node_modules``.  Source: the npm documentation, "package.json"."""

from __future__ import annotations

import json
import re

from wherry.packages.package import Package

PLACE = re.compile(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/@][^/]*/package\.json\Z", re.DOTALL)


def package(data: bytes, path: str) -> Package | None:
    """None for what is no package's own file: many have more of that name inside."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    whole, version = value.get("name"), value.get("version")
    if not isinstance(whole, str) or not isinstance(version, str) or not whole or not version:
        return None
    scope, _, name = _whole(whole).rpartition("/")
    return Package("npm", name, _whole(version), scope, license=_whole(_license(value)), path=path)


def _whole(text: str) -> str:
    """JSON can name halves of characters (``\\ud800``), which no encoding has."""
    return text.encode("utf-8", "replace").decode()


def _license(value: dict[str, object]) -> str:
    """A word, or the older forms: an object, a list of objects."""
    found = value.get("license", value.get("licenses"))
    each = found if isinstance(found, list) else [found]
    words = [one.get("type") if isinstance(one, dict) else one for one in each]
    return " OR ".join(word for word in words if isinstance(word, str))
