"""Every command that README.md and docs/ show is run as it stands there, or says why not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.pages import COMMANDS, Block, blocks, pages
from support.registry import running_registry
from support.wherry import Wherry
from support.world import World

# What stands at the beginning of a line of commands.  A block that has one is a block of commands.
TYPED = (
    *("apt-get", "buildah", "curl", "docker", "export", "git", "kubectl", "make", "pip", "pipx", "podman"),
    *("python", "python3", "rm", "skopeo", "source", "ssh-add", "sudo", "tar", "uv", "wherry"),
)
FILES = ("dockerfile", "groovy", "json", "python", "toml", "yaml")
ALL = [block for page in pages() for block in blocks(page)]
RUN = [page for page in pages() if any(_.language in COMMANDS and not _.reason for _ in blocks(page))]


@pytest.fixture(scope="module")
def world(busybox_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The machine on which the pages are tried."""
    root = tmp_path_factory.mktemp("docs")
    shutil.copytree(busybox_store, root / "store", symlinks=True)
    wherry = Wherry(root / "store")
    with running_registry(root / "hub") as hub, running_registry(root / "registry") as registry:
        yield World(root, wherry, hub, registry)


@pytest.mark.root
@pytest.mark.runtime
@pytest.mark.registry
@pytest.mark.nginx
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_commands_of_a_page_do_what_it_says(world: World, page: Path) -> None:
    folder = world.project(page)
    wherry = Wherry(Path(world.env["WHERRY_ROOT"]))
    try:
        for block in blocks(page):
            if block.language in COMMANDS and not block.reason:
                world.run(block, folder)
    finally:
        wherry.end()


@pytest.mark.parametrize("block", ALL, ids=lambda block: block.place)
def test_a_block_says_what_it_is(block: Block) -> None:
    assert block.language in (*COMMANDS, "text", *FILES), f"{block.place}: ```{block.language}"
    if block.language == "text":
        typed = [line for line in block.text.splitlines() if line.lstrip("$ ").split(" ")[0] in TYPED]
        assert not typed, f"{block.place} has commands, so it is an sh block: {typed}"
    if block.comment:
        assert block.reason or block.code or block.says, f"{block.place}: what is <!-- {block.comment} -->?"


@pytest.mark.parametrize("block", [b for b in ALL if b.language in FILES], ids=lambda block: block.place)
def test_a_file_that_is_shown_can_be_read(block: Block) -> None:
    if block.language == "yaml":
        assert list(yaml.safe_load_all(block.text)), block.place
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "toml":
        import tomllib

        tomllib.loads(block.text)
    elif block.language == "python":
        compile(block.text, block.place, "exec")
    elif block.language == "dockerfile":
        from wherry.dockerfile import parse

        parse(block.text)
