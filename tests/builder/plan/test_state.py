"""What instructions do to a configuration, without a build."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.builder.plan.state import State, expand_ports, moved, proxies, shown_arg
from wherry.dockerfile.parser import parse
from wherry.errors import UsageError


def applied(text: str, config: dict[str, Any] | None = None) -> tuple[State, list[str]]:
    """The state after instructions, and their lines for the history."""
    state = State(config or {})
    stage = parse(f"FROM scratch\n{text}").stages[0]
    return state, [state.apply(instruction) for instruction in stage.instructions]


def test_each_instruction_changes_its_member_and_has_its_line() -> None:
    state, lines = applied(
        "ENV A=1 B=2\nLABEL l=v\nUSER me\nWORKDIR w\nEXPOSE 80\nVOLUME /v\nSTOPSIGNAL SIGINT\n"
        'SHELL ["/bin/ash", "-c"]\nCMD run\nENTRYPOINT ["e"]\nMAINTAINER somebody\n'
    )
    assert state.config == {
        "Env": ["A=1", "B=2"],
        "Labels": {"l": "v"},
        "User": "me",
        "WorkingDir": "/w",
        "ExposedPorts": {"80/tcp": {}},
        "Volumes": {"/v": {}},
        "StopSignal": "SIGINT",
        "Shell": ["/bin/ash", "-c"],
        "Cmd": ["/bin/ash", "-c", "run"],
        "Entrypoint": ["e"],
    }
    assert state.author == "somebody"
    assert lines == [
        "ENV A=1 B=2",
        "LABEL l=v",
        "USER me",
        "WORKDIR /w",
        "EXPOSE [80/tcp]",
        "VOLUME [/v]",
        "STOPSIGNAL SIGINT",
        "SHELL [/bin/ash -c]",
        'CMD ["/bin/ash" "-c" "run"]',
        'ENTRYPOINT ["e"]',
        "MAINTAINER somebody",
    ]


def test_a_variable_that_is_set_again_keeps_its_place() -> None:
    state, _ = applied("ENV A=1\nENV B=2\nENV A=3\n", {"Env": ["PATH=/bin"]})
    assert state.config["Env"] == ["PATH=/bin", "A=3", "B=2"]


def test_what_a_state_begins_with_is_not_changed() -> None:
    base = {"Env": ["A=1"], "Labels": {"l": "1"}}
    applied("ENV A=2\nLABEL l=2\n", base)
    assert base == {"Env": ["A=1"], "Labels": {"l": "1"}}


def test_the_later_of_arg_and_env_wins() -> None:
    state = State({"Env": ["V=env"]})
    assert state.variables["V"] == "env"
    state.set_arg("V", "arg")
    assert state.variables["V"] == "arg" and state.env["V"] == "env"
    assert state.run_env() == ["V=arg"]
    state.set_env("V", "again")
    assert state.variables["V"] == "again" and state.args == {"V": "again"}


def test_arguments_of_the_stage_before_are_inherited_and_its_env_wins() -> None:
    state = State({"Env": ["V=env"]})
    state.inherit({"V": "arg", "W": "w", "X": None})
    assert state.variables == {"V": "env", "W": "w"} and list(state.args) == ["V", "W", "X"]


@pytest.mark.parametrize(
    ("text", "cmd"),
    [
        ('ENTRYPOINT ["e"]\n', None),
        ('CMD ["own"]\nENTRYPOINT ["e"]\n', ["own"]),
        ('ENTRYPOINT ["e"]\nCMD ["own"]\n', ["own"]),
    ],
)
def test_a_bases_cmd_goes_with_its_entry_point(text: str, cmd: list[str] | None) -> None:
    state, _ = applied(text, {"Cmd": ["base"]})
    assert state.config.get("Cmd") == cmd


@pytest.mark.parametrize(
    ("workdir", "path", "found"),
    [
        ("/", "a", "/a"),
        ("/a", "b/../c", "/a/c"),
        ("/a", "../../..", "/"),
        ("/a", "/b/", "/b/"),
        ("", ".", "/"),
        ("//a", "b", "/a/b"),
        ("//a//b/", "", "//a//b/"),
        ("/", "", "/"),
    ],
)
def test_workdirs(workdir: str, path: str, found: str) -> None:
    assert moved(workdir, path) == found


@pytest.mark.parametrize(
    ("word", "ports"),
    [
        ("80", ["80/tcp"]),
        ("53/UDP", ["53/udp"]),
        ("8000-8002/sctp", ["8000/sctp", "8001/sctp", "8002/sctp"]),
        ("8080:80", ["80/tcp"]),
        ("127.0.0.1:8080:80", ["80/tcp"]),
        ("[::1]:8080:80", ["80/tcp"]),
    ],
)
def test_ports(word: str, ports: list[str]) -> None:
    assert expand_ports(word) == ports


@pytest.mark.parametrize(
    "word", ["", "x", "80/icmp", "2-1", "65536", "-1", "80-", "a:1:80", "1-3:80-81", "٨٠"]
)
def test_what_is_no_port(word: str) -> None:
    with pytest.raises(UsageError):
        expand_ports(word)


def test_a_proxys_password_is_in_no_history() -> None:
    assert shown_arg("HTTP_PROXY", "http://me:secret@proxy:1") == "http://xxxxx:xxxxx@proxy:1"
    assert shown_arg("OTHER", "http://me:secret@proxy:1") == "http://me:secret@proxy:1"


def test_proxies_are_given_in_both_spellings() -> None:
    assert proxies({"http_proxy": "p", "A": "1"}) == {"HTTP_PROXY": "p", "http_proxy": "p"}
