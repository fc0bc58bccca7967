"""What a registry says it has, for words that people type.

Sources: Docker Hub's and Quay's ``/v1/search``; where a registry has no such thing, the catalog of the
distribution-spec's implementations (``/v2/_catalog``), of which the names that hold the words are taken.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode, urljoin

from wherry.errors import RegistryError
from wherry.registry.failures import refusal
from wherry.registry.headers import next_page
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from wherry.registry.session import Session

CATALOG = "registry:catalog:*"
PAGE = 1000
MOST_PAGES = 1000
LARGEST = 1 << 24


class Found(NamedTuple):
    """`name` is the repository's path at the registry."""

    name: str
    description: str = ""
    stars: int = 0
    is_official: bool = False
    is_automated: bool = False


def search(session: Session, words: str, limit: int) -> list[Found]:
    """At most `limit` repositories, in the registry's order.  Raises RegistryError."""
    query = urlencode({"q": words, "n": limit})
    answer = session.request("GET", f"/v1/search?{query}", "")
    if answer.status == 200 and "json" in answer.headers.get("Content-Type", ""):
        return _results(answer.document(LARGEST), session.transport.endpoint.host)[:limit]
    answer.drop()
    return _of_catalog(session, words, limit)


def _results(data: bytes, host: str) -> list[Found]:
    try:
        return [_found(each) for each in json.loads(data)["results"]]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise RegistryError(
            f"{host}: its answer to a search cannot be read", hint="is that a registry?"
        ) from None


def _found(value: dict[str, Any]) -> Found:
    return Found(
        str(value["name"]),
        str(value.get("description") or ""),
        int(value.get("star_count") or 0),
        bool(value.get("is_official")),
        bool(value.get("is_automated")),
    )


def _of_catalog(session: Session, words: str, limit: int) -> list[Found]:
    endpoint = session.transport.endpoint
    found: list[Found] = []
    url = f"/v2/_catalog?n={PAGE}"
    for _ in range(MOST_PAGES):
        answer = session.request("GET", url, CATALOG)
        if answer.status != 200:
            error = refusal(endpoint, "_catalog", "a search", answer)
            raise RegistryError(error.message, hint="this registry lets nobody search it, or not you")
        found += [Found(name) for name in _names(answer.document(LARGEST), endpoint.host) if words in name]
        following = next_page(answer.headers.get("Link", ""))
        if not following or len(found) >= limit:
            break
        url = urljoin(answer.url, following)
    return found[:limit]


def _names(data: bytes, host: str) -> list[str]:
    try:
        return [str(name) for name in json.loads(data)["repositories"] or ()]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RegistryError(f"{host}: its catalog cannot be read", hint="is that a registry?") from None
