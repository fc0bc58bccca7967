"""The manual pages: one for each command, with all of its options; groff reads them without complaint."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from support.machine import require
from wherry.cli.commands import COMMANDS
from wherry.cli.core.flags import Command, Flag, flags_of
from wherry.cli.core.manual import command_page
from wherry.cli.main import load
from wherry.cli.system.manual import manual_pages

PAGES = manual_pages()


def shown(page: str) -> str:
    """As a reader sees it, on one endless line; fails the test where groff warns."""
    require(shutil.which("groff") is not None, "needs groff on PATH")
    words = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=10000n"]
    done = subprocess.run(words, input=page, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_every_command_has_a_page_and_the_first_one_lists_them() -> None:
    names = {f"wherry-{name.replace(' ', '-')}" for name in COMMANDS}
    assert PAGES.keys() == {"wherry.1", *(f"{name}.1" for name in names)}
    overview = shown(PAGES["wherry.1"])
    for name in names:
        assert f"{name}(1)" in overview
    assert "--isolation" in overview


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_page_has_every_option_as_help_has_it(name: str) -> None:
    text = shown(PAGES[f"wherry-{name.replace(' ', '-')}.1"])
    assert f"wherry {name}" in text and COMMANDS[name][1] in text
    for flag in flags_of(load(name).COMMAND):
        assert f"--{flag.name}" in text and flag.help.split("  ")[0] in text


def test_text_is_text_and_no_request_of_roff_s() -> None:
    flag = Flag("odd", "string", ".so /etc/passwd \\n(.x 'q'", metavar="a\\b")
    text = shown(command_page(Command("odd", ".x", (flag,)), "a \\fBsummary", "1"))
    assert ".so /etc/passwd \\n(.x 'q'" in text and "a\\b" in text and "a \\fBsummary" in text
