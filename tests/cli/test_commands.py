"""Every command as typed: help, mistakes, completion, formats."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry import errors
from wherry.cli.commands import COMMANDS

BASH = """
source "$1"
COMP_WORDS=($2 "$3"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="$2 $3"; COMP_POINT=${#COMP_LINE}
$(complete -p wherry | sed -E 's/.*-F ([^ ]+).*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(wherry: Wherry, name: str) -> None:
    shown = wherry(*name.split(), "--help")
    assert shown.startswith("Usage:") and f"wherry {name}" in shown
    assert max(map(len, shown.splitlines())) <= 80, "help fits a terminal"
    assert not wherry.root.exists(), "asking for help makes no store"


def test_the_overview_lists_every_command(wherry: Wherry) -> None:
    shown = wherry()
    for name, (_, summary) in COMMANDS.items():
        assert name.split()[0] in shown
        assert summary in " ".join(shown.split()) or " " in name
    assert max(map(len, shown.splitlines())) <= 80
    assert wherry("--help") == shown == wherry("help")


@pytest.mark.parametrize("words", [("build",), ("container", "rm"), ("proxy",), ("system", "check")])
def test_help_and_the_name_of_a_command_is_its_help(wherry: Wherry, words: tuple[str, ...]) -> None:
    assert wherry("help", *words) == wherry(*words, "--help")
    assert "is not a wherry command" in wherry.fails("help", "nosuch")


@pytest.mark.parametrize("word", ["nonesuch", "--nonesuch", "imagse"])
def test_a_wrong_word_is_an_error_with_docker_s_exit_code_and_a_hint(wherry: Wherry, word: str) -> None:
    said = wherry.fails(word, code=125 if word.startswith("-") else 1)
    assert word in said
    if word == "imagse":
        assert "images" in said


@pytest.mark.parametrize("who", ["Client", "Server"])
def test_what_scripts_ask_of_docker_s_version_is_answered(wherry: Wherry, who: str) -> None:
    version = wherry("--version").split()[-1]
    assert wherry("version", "--format", f"{{{{.{who}.Version}}}}") == version
    about = json.loads(wherry("version", "-f", "json"))
    assert about[who]["Version"] == version and about[who]["Os"] == "linux"
    assert "can't evaluate" in wherry.fails("version", "--format", "{{.Nope}}", code=1)


def test_version_and_info(wherry: Wherry) -> None:
    assert re.search(r"\d+\.\d+\.\d+", wherry("version"))
    assert re.search(r"\d+\.\d+\.\d+", wherry("--version"))
    assert "Isolation" in wherry("info")
    assert wherry("info", "--format", "{{.Root}}") == str(wherry.root)


def test_errors_are_two_lines_and_debug_shows_the_traceback(wherry: Wherry) -> None:
    said = wherry.fails("inspect", "nonesuch", code=1)
    assert said.splitlines()[0].startswith("error: ")
    assert "Traceback" in wherry.run("--debug", "tag", "nonesuch", "x").stderr
    assert "Traceback" in wherry.run("tag", "--debug", "nonesuch", "x").stderr


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = re.findall(r"(\w+) +(\d+)", (errors.__doc__ or "").split("A message says")[0])
    for name, code in drawn:
        if name != "code":
            assert getattr(errors, name).exit_code == int(code), name
    real = {n for n, v in vars(errors).items() if isinstance(v, type) and issubclass(v, errors.WherryError)}
    assert real == {name for name, _ in drawn if name != "code"} | {"WherryError"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(wherry: Wherry, tmp_path: Path, shell: str) -> None:
    script = tmp_path / "completion"
    script.write_text(wherry("completion", shell))
    assert "images" in script.read_text()
    if shell == "bash":
        for line, word, expected in (
            ("wherry", "im", {"image", "images", "import"}),
            ("wherry container", "l", {"list", "logs", "ls"}),
            ("wherry system", "ch", {"check"}),
            ("wherry image ls", "--no", {"--no-trunc"}),
            ("wherry build", "--no", {"--no-cache", "--no-cache-filter"}),
        ):
            done = subprocess.run(
                ["bash", "-c", BASH, "-", str(script), line, word],
                capture_output=True,
                text=True,
                check=True,
            )
            assert {entry.strip() for entry in done.stdout.split("\n") if entry.strip()} == expected, done


@pytest.mark.root
@pytest.mark.runtime
def test_listing_formats(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", "FROM bb\nLABEL a=1\nRUN true\n", "-t", "x:1", "-t", "x:2")
    short = image.removeprefix("sha256:")[:12]
    assert bb("images", "-q", "x:1") == short
    assert bb("images", "--no-trunc", "-q", "x:1") == image
    lines = bb("images", "x").splitlines()
    assert lines[0].split() == ["REPOSITORY", "TAG", "IMAGE", "ID", "CREATED", "SIZE"]
    assert {tuple(line.split()[:3]) for line in lines[1:]} == {("x", "1", short), ("x", "2", short)}
    rows = [json.loads(line) for line in bb("images", "--format", "{{json .}}", "x").splitlines()]
    assert {row["Tag"] for row in rows} == {"1", "2"}
    assert bb("images", "--format", "table {{.Tag}}\t{{.ID}}", "x:1").split() == [
        "TAG",
        "IMAGE",
        "ID",
        "1",
        short,
    ]
    history = bb("history", "x:1").splitlines()
    assert history[0].split() == ["IMAGE", "CREATED", "CREATED", "BY", "SIZE", "COMMENT"]
    assert history[1].startswith(short) and all(line.startswith("<missing>") for line in history[2:])
    assert "RUN /bin/sh -c true" in history[1]
    shown = json.loads(bb("inspect", "x:1"))[0]
    assert (
        shown["Id"] == image
        and shown["RepoTags"] == ["x:1", "x:2"]
        and shown["Config"]["Labels"] == {"a": "1"}
    )
    assert bb("inspect", "--format", "{{.Id}}", "x:1") == image


@pytest.mark.root
@pytest.mark.runtime
def test_names_are_given_and_taken_as_docker_does(bb: Wherry, tmp_path: Path) -> None:
    image = bb.build(tmp_path / "c", "FROM bb\nRUN true\n", "-t", "one")
    bb("tag", "one", "two:v")
    assert "Untagged: one:latest" in bb("rmi", "one")
    assert bb("images", "-q", "--no-trunc", "two") == image
    assert "Deleted" in bb("rmi", "two:v")
    assert "No such image" in bb.fails("rmi", "two:v", code=1)
    assert "No such image" in bb.fails("tag", "nonesuch", "x", code=1)
    prefix = image.removeprefix("sha256:")[:6]
    assert "No such object" in bb.fails("inspect", prefix, code=1)
    again = bb.build(tmp_path / "c", None)
    assert bb("inspect", "--format", "{{.Id}}", again.removeprefix("sha256:")[:6]) == again


def test_dockers_management_words_are_the_same_commands(wherry: Wherry) -> None:
    assert wherry("image", "ls") == wherry("images")
    assert wherry("container", "ls", "-a", "-q") == wherry("ps", "-aq")
    assert "Usage:  wherry build" in wherry("buildx", "build", "--help")
    assert "container rm" in wherry("container", "--help")
    assert "did you mean 'wherry image ls'?" in wherry.fails("image", "lss", code=1)
    assert wherry("image") == wherry("image", "--help")
    assert wherry("proxy").startswith("Usage:  wherry proxy COMMAND")


@pytest.mark.parametrize(
    ("words", "near"),
    [("containr ls", "container"), ("imgae ls", "image"), ("biuld .", "build"), ("proxxy run", "proxy"),
     ("volume rmm", "volume rm"), ("psuh x", "push")],
)  # fmt: skip
def test_near_words(wherry: Wherry, words: str, near: str) -> None:
    assert f"did you mean 'wherry {near}'?" in wherry.fails(*words.split(), code=1)


@pytest.mark.parametrize(
    "words", ["rename a b", "network ls", "top x", "stats", "compose up", "container top x"]
)
def test_docker_s_commands_that_there_are_not_are_said_to_be_docker_s(wherry: Wherry, words: str) -> None:
    said = wherry.fails(*words.split(), code=1)
    assert "docker has the command" in said and "did you mean" not in said


@pytest.mark.parametrize("words", ["run", "tag a", "rm", "logs", "build", "ps extra", "inspect", "create"])
def test_a_wrong_number_of_arguments_exits_with_1(wherry: Wherry, words: str) -> None:
    assert "requires" in wherry.fails(*words.split(), code=1)


def test_the_store_may_be_named_after_the_command(bb: Wherry, tmp_path: Path) -> None:
    python = bb.prefix[:-2]
    for words in (["images", "--root", str(bb.root)], ["images", f"--root={bb.root}", "-q"]):
        found = subprocess.run(
            [*python, *words], capture_output=True, text=True, check=True, env=bb.env
        ).stdout
        assert "bb" in found or len(found.strip()) == 12
    words = [*python, "run", "--root", str(bb.root), "--rm", "bb", "echo", "--root", "x"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, env=bb.env).stdout
    assert said == "--root x\n", "what stands after the image is the container's"
    assert "chroot" in bb("info", "--isolation", "chroot", "--format", "{{.Isolation}}")


@pytest.mark.parametrize("form", [("--json",), ("--format", "json")])
@pytest.mark.parametrize(
    "words",
    [("info",), ("images",), ("ps",), ("volume", "ls"), ("system", "df"), ("system", "check")]
    + [("cache", "ls"), ("context", "."), ("explain", "--list"), ("inspect", "nonesuch")],
    ids=" ".join,
)
def test_json_is_asked_for_in_one_way_everywhere(
    wherry: Wherry, tmp_path: Path, words: tuple[str, ...], form: tuple[str, ...]
) -> None:
    wherry.build(tmp_path / "c", "FROM scratch\nCOPY Dockerfile /\n")
    done = wherry.run(*words, *form, cwd=tmp_path)
    assert "unknown flag" not in done.stderr and "invalid argument" not in done.stderr
    if words != ("inspect", "nonesuch"):
        assert done.returncode == 0
        assert all(line[0] in "{[ }]" for line in done.stdout.splitlines()), "JSON, and no table"


def test_a_command_without_formats_has_no_json(wherry: Wherry) -> None:
    assert "unknown flag: --json" in wherry.fails("tag", "--json", "a", "b")
