"""``wherry search``."""

from __future__ import annotations

from wherry.app.filters import is_true
from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.registry.client import TLS
from wherry.errors import UsageError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.app.filters import Filter
    from wherry.registry.client import Registries
    from wherry.registry.search import Found

COMMAND = Command(
    "search",
    "[OPTIONS] [REGISTRY/]TERM",
    (
        Flag("filter", "list", "Filter output: stars=N, is-official=BOOL, is-automated=BOOL", short="f"),
        Flag("format", "string", "Format output using a Go template"),
        Flag("limit", "int", "Max number of search results (default 25)"),
        Flag("list-tags", "bool", "List the tags of a repository"),
        Flag("no-trunc", "bool", "Don't truncate output"),
        TLS,
    ),
    min_args=1,
    max_args=1,
    description="A registry that serves no search is asked for its catalog.",
)
DEFAULT_LIMIT, MOST = 25, 100
WIDTH = 45
FILTERS = ("stars", "is-official", "is-automated")
FILTERS_HINT = "stars=N, is-official=true or is-automated=true"
FIELDS = [
    ("NAME", "Name"),
    ("DESCRIPTION", "Description"),
    ("STARS", "StarCount"),
    ("OFFICIAL", "IsOfficial"),
]


def run(options: Options) -> int:
    from wherry.cli.core.table import show
    from wherry.cli.registry.client import registries

    filters = [_filter(text) for text in options.strings("filter")]
    client = registries(options)
    try:
        if options.flag("list-tags"):
            rows, fields = _tags(client, options.args[0]), [("NAME", "Name"), ("TAG", "Tag")]
        else:
            found = _search(client, options.args[0], _limit(options))
            kept = [row for row in found if all(_passes(row[1], each) for each in filters)]
            rows, fields = [_row(*each, full=options.flag("no-trunc")) for each in kept], FIELDS
    finally:
        client.close()
    text = show(rows, fields, options.string("format"))
    if text:
        print(text)
    return 0


def _limit(options: Options) -> int:
    limit = options.integer("limit")
    if limit is None:
        return DEFAULT_LIMIT
    if not 1 <= limit <= MOST:
        raise UsageError(f"limit {limit} is outside the range of [1, {MOST}]")
    return limit


def _search(client: Registries, term: str, limit: int) -> list[tuple[str, Found]]:
    """What was found, each with the name by which it is pulled."""
    from wherry.oci.reference import Reference, split_domain
    from wherry.registry.search import search

    domain, words = split_domain(term) if "/" in term else ("docker.io", term)
    session = client.index(domain)
    return [
        (Reference(domain, each.name, "").familiar_name(), each) for each in search(session, words, limit)
    ]


def _tags(client: Registries, text: str) -> list[dict[str, Any]]:
    from wherry.oci.reference import parse

    name = parse(text)
    tags = client.sources(name)[-1].tags()
    return [{"Name": name.familiar_name(), "Tag": tag} for tag in tags]


def _row(name: str, found: Found, *, full: bool) -> dict[str, Any]:
    from wherry.cli.core.table import shortened

    text = " ".join(found.description.split())
    return {
        "Name": name,
        "Description": text if full else shortened(text, WIDTH),
        "StarCount": str(found.stars),
        "IsOfficial": "[OK]" if found.is_official else "",
        "IsAutomated": "[OK]" if found.is_automated else "",
    }


def _filter(text: str) -> Filter:
    from wherry.cli.core.filters import parse_filter

    found = parse_filter(text, FILTERS, FILTERS_HINT, truths=FILTERS[1:])
    if found.name == "stars" and not (found.value.isascii() and found.value.isdigit()):
        raise UsageError(f"invalid filter '{text}'", hint=FILTERS_HINT)
    return found


def _passes(found: Found, wanted: Filter) -> bool:
    name, value = wanted
    if name == "stars":
        return found.stars >= int(value)
    return (found.is_official if name == "is-official" else found.is_automated) == is_true(value)
