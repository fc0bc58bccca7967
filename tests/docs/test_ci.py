"""The recipes of docs/ci.md: their commands, in a container without rights.

It is one of wherry's own, by root: Docker's default capabilities and system calls, and no mounts.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from support.checkout import ROOT
from support.pages import Block, blocks
from support.registry import PASSWORD, USER, running_registry
from support.wherry import Wherry
from support.world import World

pytestmark = [pytest.mark.root, pytest.mark.runtime, pytest.mark.registry]

RECIPES = [block for block in blocks(ROOT / "docs/ci.md") if block.language in ("yaml", "groovy")]
# What the services set.
VARIABLES = {
    "USERNAME": USER,
    "PASSWORD": PASSWORD,
    "GITHUB_SHA": "0123abc",
    "CI_REGISTRY": "registry.example",
    "CI_REGISTRY_IMAGE": "registry.example/group/app",
    "CI_REGISTRY_USER": USER,
    "CI_REGISTRY_PASSWORD": PASSWORD,
    "CI_COMMIT_SHORT_SHA": "0123abc",
    "BUILD_NUMBER": "7",
    "TAG": "1",
    "CONTEXT": ".",
}
# What the pod has in its Secret.
LOGIN = 'echo "$PASSWORD" | wherry login -u "$USERNAME" --password-stdin registry.example'
# The machine's programs, below the image's own.
PROGRAMS = ("/usr", "/lib", "/lib64", "/etc/ssl", "/etc/alternatives")


def scripts(text: str) -> list[str]:
    """The commands of a recipe, in their order."""
    if "pipeline {" in text:
        return re.findall(r"sh '''(.*?)'''", text, re.S)
    return list(_commands(yaml.safe_load(text)))


def _commands(value: object, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _commands(each, name)
    elif isinstance(value, list):
        for each in value:
            yield from _commands(each, key)
    elif key in ("run", "script", "args") and isinstance(value, str):
        yield value


@pytest.fixture(scope="module")
def world(busybox_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("ci")
    shutil.copytree(busybox_store, root / "store", symlinks=True)
    with running_registry(root / "hub") as hub, running_registry(root / "own", passwords=True) as own:
        yield World(root, Wherry(root / "store"), hub, own)


def in_a_container(world: World, name: str, script: str, project: Path) -> str:
    """What it says; a store of its own, as a job's container has."""
    volumes = [
        place for place in (*PROGRAMS, sys.prefix, sys.base_prefix, str(ROOT)) if Path(place).exists()
    ]
    words = [word for place in volumes for word in ("-v", f"{place}:{place}:ro")]
    words += ["-v", f"{world.root}:{world.root}", "-v", f"{project}:/job", "-w", "/job"]
    own = {name: world.here(value) for name, value in VARIABLES.items()}
    env = {
        **own,
        "DOCKER_CONFIG": f"{world.home}/.docker",
        "HOME": "/root",
        "PATH": world.env["PATH"],
        "WHERRY_ROOT": "/var/lib/wherry",
    }
    env["CONTAINERS_REGISTRIES_CONF"] = world.env["CONTAINERS_REGISTRIES_CONF"]
    words += [word for key, value in env.items() for word in ("-e", f"{key}={value}")]
    wherry = Wherry(world.root / "store")
    script = f"wherry info --format '{{{{.Reason}}}}'\n{world.here(script)}"
    done = wherry.run(
        "run", "--rm", *words, "bb", "/usr/bin/bash", "-euo", "pipefail", "-c", script, timeout=300
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{name}\n{script}\n{said}"
    return said


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda block: block.place)
def test_the_commands_of_a_recipe_build_and_push_in_a_container_without_rights(
    world: World, recipe: Block, tmp_path: Path
) -> None:
    text = recipe.text
    commands = scripts(text)
    assert any("wherry build --push" in command for command in commands)
    if not any("wherry login" in command for command in commands):
        commands.insert(0, LOGIN)
    (tmp_path / "Dockerfile").write_text(f"FROM alpine\nRUN echo {recipe.line} > /made\nCMD cat /made\n")
    script = "\n".join(commands)
    first = in_a_container(world, "first", script, tmp_path)
    assert "mounting is refused here" in first and "CACHED" not in first
    # Another job, with nothing but the registry in common.
    again = in_a_container(world, "again", script, tmp_path)
    assert "CACHED" in again
    pushed = re.findall(rf"{re.escape(world.registry.host)}/group/app:[0-9a-z]+", first)
    assert pushed
    wherry = Wherry(world.root / "store", env=world.env)
    assert wherry("run", "--rm", "-q", pushed[0]) == str(recipe.line)
    wherry("rmi", pushed[0])


def test_every_service_of_the_page_has_a_recipe_that_is_tried() -> None:
    headings = re.findall(
        r"^## (GitHub Actions|GitLab|Jenkins|A Kubernetes pod)$", (ROOT / "docs/ci.md").read_text(), re.M
    )
    assert len(headings) == len(RECIPES) == 4
