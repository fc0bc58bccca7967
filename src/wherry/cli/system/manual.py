"""All manual pages, by the names of their files: the wheel's build asks for them."""

from __future__ import annotations

from wherry import __version__
from wherry.cli.commands import ALIASES, COMMANDS
from wherry.cli.core.manual import command_page, overview_page
from wherry.cli.main import GLOBAL, load


def manual_pages() -> dict[str, str]:
    """``wherry.1``, and a page for each command.  Needs no package but wherry."""
    summaries = {name: summary for name, (_, summary) in COMMANDS.items()}
    pages = {"wherry.1": overview_page(GLOBAL, summaries, __version__)}
    for name, summary in summaries.items():
        others = sorted(alias for alias, known in ALIASES.items() if known == name)
        text = command_page(load(name).COMMAND, summary, __version__, others)
        pages[f"wherry-{name.replace(' ', '-')}.1"] = text
    return pages
