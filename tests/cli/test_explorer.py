"""The terminal explorer, by keyboard and mouse, through textual's pilot; and on a terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explore.drawn import explored, layer
from support.wherry import Wherry
from wherry.cli.explorer.app import Explorer, Shown
from wherry.cli.explorer.folders import tree
from wherry.cli.explorer.preview import lines, numbered
from wherry.explore.explore import Explored, Subject, explore
from wherry.explore.made import Made
from wherry.explore.stack import ADDED

if TYPE_CHECKING:
    from textual.pilot import Pilot

HOSTILE = "[red]x[bold]\x1b[2J"
LAYERS = (
    layer("app/", ("app/main.py", "print(1)\n"), ("app/data.bin", "\0\1"), ("etc/hosts", "h" * 40)),
    layer(("app/main.py", "print(1)\n"), (f"app/{HOSTILE}", "t"), **{"main.py": 0o755}),
    layer("-etc/hosts", ("var/new", "n" * 300)),
)
DOCKERFILE = "FROM scratch\nCOPY . /app\nRUN chmod +x \\\n  /app/main.py\nRUN rm /etc/hosts\n"
PLACES = ((2, 2), (3, 4), (5, 5))


def image() -> Explored:
    commands = ("COPY . /app", f"RUN chmod {HOSTILE}", "RUN rm /etc/hosts")
    made = [
        Made(command, dockerfile="/src/Dockerfile", line=first, end_line=last, seconds=0.5)
        for command, (first, last) in zip(commands, PLACES, strict=True)
    ]
    return explore(Subject("image", LAYERS, tuple(made), ("",) * 3))


def piloted(use: Callable[[Explorer, Pilot[None]], Awaitable[None]], found: Explored | None = None) -> None:
    async def run() -> None:
        app = Explorer(found or image(), {"/src/Dockerfile": DOCKERFILE})
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            await use(app, pilot)

    asyncio.run(run())


def shown(app: Explorer) -> list[str]:
    """The tree as it is opened, a name a line."""
    from textual.widgets import Tree

    found: list[str] = []

    def walk(node: Any) -> None:
        for child in node.children:
            found.append(str(child.label))
            if child.is_expanded:
                walk(child)

    files = app.query_one("#files", Tree)
    found.append(str(files.root.label))
    walk(files.root)
    return found


def over(app: Explorer) -> str:
    """The text that is shown over the screen."""
    from textual.widgets import Static

    assert isinstance(app.screen, Shown)
    return str(app.screen.query_one(Static).content)


def test_the_arrows_choose_a_layer_and_its_changes_are_shown() -> None:
    async def use(app: Explorer, pilot: Pilot[None]) -> None:
        assert shown(app)[0].startswith("layer 1: 4,") and any("+ app" in line for line in shown(app))
        await pilot.press("down", "down")
        assert shown(app) == ["layer 3: 2, 300B", "  var  300B", "  etc  0B"]

    piloted(use)


def test_folders_open_by_key_and_files_are_previewed() -> None:
    async def use(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("slash", *"main", "enter")
        assert shown(app)[1:] == ["  app  9B", "+ main.py  9B"]
        await pilot.press("down", "down", "enter")
        assert over(app) == "print(1)"
        await pilot.press("escape")
        assert not isinstance(app.screen, Shown)
        await pilot.press("slash", *["backspace"] * 4, *"DATA", "enter", "down", "down", "enter")
        assert over(app).startswith("00000000  00 01")

    piloted(use)


def test_the_mouse_chooses_opens_and_closes() -> None:
    async def use(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.click("#layers", offset=(5, 4))
        assert shown(app)[0].startswith("layer 3")
        await pilot.click("#files", offset=(3, 2))
        await pilot.pause()
        assert any("+ new" in line for line in shown(app))
        await pilot.click("#files", offset=(8, 3))
        await pilot.pause()
        assert over(app) == "n" * 300
        await pilot.click("#shown")
        assert not isinstance(app.screen, Shown)

    piloted(use)


def test_two_layers_are_compared_and_the_whole_image_is_shown() -> None:
    async def use(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("d", "down", "down")
        assert shown(app)[0].startswith("from layer 1 to 3: 4,")
        await pilot.press("k")
        assert shown(app)[0].startswith("from layer 1 to 3, added: 2,")
        await pilot.press("k", "k", "k", "a")
        assert shown(app)[0].startswith("the image up to layer 3:")
        assert not any("hosts" in line for line in shown(app))
        await pilot.press("a")
        assert shown(app)[0].startswith("layer 3")

    piloted(use)


def test_the_dockerfile_is_shown_at_the_layer_s_line() -> None:
    async def use(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("down", "g")
        assert "   3  RUN chmod +x \\\n   4    /app/main.py" in over(app)
        from textual.widgets import Static

        content: Any = app.screen.query_one(Static).content
        reversed_ = [
            content.plain[span.start : span.end] for span in content.spans if "reverse" in str(span.style)
        ]
        assert [text.strip()[:1] for text in reversed_] == ["3", "4"]

    piloted(use)


def test_names_are_text_and_not_markup() -> None:
    async def use(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("down")
        await pilot.press("slash", *"red", "enter")
        assert shown(app)[-1] == "+ [red]x[bold]\\u001b[2J  1B"
        await pilot.press("down", "down", "enter")
        assert over(app) == "t"

    piloted(use)


def test_an_image_without_layers_can_be_explored() -> None:
    async def use(app: Explorer, pilot: Pilot[None]) -> None:
        await pilot.press("d", "a", "g", "k", "slash", "x", "enter")
        assert shown(app)

    piloted(use, explored())


def test_hard_links_count_once_in_a_tree() -> None:
    changes = explored(layer(("a/x", "12345"), "a/y=a/x", ("b", "1"))).layers[0].changes
    top = tree(changes)
    assert (top.size, top.count) == (6, 3) and [one.name for one in top.entries()] == ["a", "b"]
    assert tree(changes, "A x").count == 1 and tree(changes, kind=ADDED).count == 3


@pytest.mark.parametrize(
    ("data", "size", "shown"),
    [
        (b"", 0, []),
        (b"a\tb\x1b[2J\nc", 9, ["a   b\\u001b[2J", "c"]),
        ("ä".encode() * 3, 100, ["äää", "… 94 more bytes"]),
        ("ää".encode()[:3], 100, ["ä", "… 97 more bytes"]),
        (b"\xff\xfe", 2, ["00000000  " + "ff fe".ljust(48) + " .."]),
        (b"a\0b", 3, ["00000000  " + "61 00 62".ljust(48) + " a.b"]),
    ],
)
def test_the_beginning_of_a_file_is_text_or_numbers(data: bytes, size: int, shown: list[str]) -> None:
    assert lines(data, size) == shown


def test_lines_of_a_dockerfile_are_numbered() -> None:
    assert numbered("FROM x\nRUN \x07", 2, 2) == [("   1  FROM x", False), ("   2  RUN \\u0007", True)]


def test_without_a_terminal_it_says_so(wherry: Wherry, tmp_path: Path) -> None:
    assert "needs a terminal" in wherry.fails("explore", "-i", str(tmp_path), code=125)


def test_without_textual_it_says_how_to_install_it(tmp_path: Path) -> None:
    (tmp_path / "textual.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'textual'\", name='textual')"
    )
    text = on_terminal(tmp_path, {"PYTHONPATH": str(tmp_path)}, "needs the Python package textual", "")
    assert "pip install 'wherry[terminal]'" in text


def test_on_a_terminal_it_starts_and_q_ends_it(tmp_path: Path) -> None:
    assert "layer 1" in on_terminal(tmp_path, {}, "layer 1", "q")


def on_terminal(folder: Path, env: dict[str, str], until: str, keys: str) -> str:
    """What the command prints on a terminal; `keys` are typed when `until` is there."""
    (folder / "file").write_text("text")
    master, slave = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "wherry",
        "--root",
        str(folder / "store"),
        "explore",
        "-i",
        str(folder),
    ]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", **env}
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    text, end = "", time.monotonic() + 120
    try:
        while time.monotonic() < end:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    text += os.read(master, 1 << 16).decode("utf-8", "replace")
                except OSError:
                    break
            if keys and until in text:
                os.write(master, keys.encode())
                keys = ""
            if process.poll() is not None and not select.select([master], [], [], 0)[0]:
                break
        assert process.wait(timeout=10) == (125 if "error:" in text else 0), text
    finally:
        process.kill()
        process.wait()
        os.close(master)
    assert until in text, text
    return text
