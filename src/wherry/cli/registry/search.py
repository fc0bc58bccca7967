"""``wherry search``."""

from __future__ import annotations

from wherry.app.registry import FILTERS
from wherry.cli.core.flags import Command, Flag, Options
from wherry.cli.registry.client import TLS
from wherry.digits import whole
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
FILTERS_HINT = "stars=N, is-official=true or is-automated=true"
FIELDS = [
    ("NAME", "Name"),
    ("DESCRIPTION", "Description"),
    ("STARS", "StarCount"),
    ("OFFICIAL", "IsOfficial"),
]


def run(options: Options) -> int:
    from wherry.app.registry import search
    from wherry.cli.core.table import show
    from wherry.cli.registry.client import registries

    filters = [_filter(text) for text in options.strings("filter")]
    client = registries(options)
    try:
        if options.flag("list-tags"):
            rows, fields = _tags(client, options.args[0]), [("NAME", "Name"), ("TAG", "Tag")]
        else:
            found = search(client, options.args[0], _limit(options), filters)
            rows, fields = [_row(*each, full=options.flag("no-trunc")) for each in found], FIELDS
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


def _tags(client: Registries, text: str) -> list[dict[str, Any]]:
    from wherry.app.registry import tags
    from wherry.oci.reference import parse

    name = parse(text)
    return [{"Name": name.familiar_name(), "Tag": tag} for tag in tags(client, name)]


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
    if found.name == "stars" and whole(found.value) is None:
        raise UsageError(f"invalid filter '{text}'", hint=FILTERS_HINT)
    return found
