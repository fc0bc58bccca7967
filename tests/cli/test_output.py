"""Templates, tables, sizes and times as docker prints them."""

from __future__ import annotations

import pytest

from wherry.cli.builder.build import COMMAND as BUILD
from wherry.cli.core.flags import Command, Flag, parse
from wherry.cli.core.table import columns
from wherry.cli.core.template import Template
from wherry.cli.core.units import human_duration, human_size, since
from wherry.errors import UsageError, WherryError

DATA = {
    "ID": "abc",
    "Size": 12,
    "Empty": "",
    "Nothing": None,
    "Flag": True,
    "Names": ["a", "b"],
    "Config": {"Env": ["A=1", "B=2"], "Labels": {"x": "1", "y.z": "2"}, "Cmd": None},
}


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{.ID}}", "abc"),
        ("{{ .ID }} {{.Size}}", "abc 12"),
        ("{{.Config.Env}}", "[A=1 B=2]"),
        ("{{json .Config.Labels}}", '{"x":"1","y.z":"2"}'),
        ("{{json .Nothing}}", "null"),
        ("{{.Nothing}}", "<nil>"),
        ('{{index .Config.Labels "y.z"}}', "2"),
        ("{{index .Config.Env 1}}", "B=2"),
        ("{{range .Config.Env}}{{.}};{{end}}", "A=1;B=2;"),
        ("{{range $i, $v := .Config.Env}}{{$i}}={{$v}},{{end}}", "0=A=1,1=B=2,"),
        ("{{range $k, $v := .Config.Labels}}{{$k}}:{{$v}} {{end}}", "x:1 y.z:2 "),
        ("{{if .Flag}}yes{{else}}no{{end}}", "yes"),
        ("{{if .Empty}}yes{{else}}no{{end}}", "no"),
        ("{{with .Config}}{{index .Env 0}}{{end}}", "A=1"),
        ('{{join .Names ", "}}', "a, b"),
        ('{{upper .ID}} {{lower "AB"}} {{title "ab"}}', "ABC ab Ab"),
        ("{{len .Names}}", "2"),
        ('{{split "a:b" ":"}}', "[a b]"),
        ("{{println .ID}}", "abc\n"),
        ('{{printf "%s-%d" .ID .Size}}', "abc-12"),
        ("{{.ID | upper | json}}", '"ABC"'),
        ('{{if eq .ID "abc"}}same{{end}}', "same"),
        ("{{if and .Flag (not .Empty)}}both{{end}}", "both"),
        ("a{{- .ID -}} b", "aabcb"),
        ("{{/* a comment */}}x", "x"),
        ("plain", "plain"),
    ],
)
def test_templates(template: str, shown: str) -> None:
    assert Template(template).render(DATA) == shown


@pytest.mark.parametrize(
    "template", ["{{", "{{.ID", "{{if .ID}}", "{{end}}", "{{nonesuch .ID}}", "{{range}}{{end}}"]
)
def test_templates_that_are_wrong(template: str) -> None:
    with pytest.raises(WherryError):
        Template(template).render(DATA)


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (1234, "1.23kB"),
        (130_000_000, "130MB"),
        (1_980_000, "1.98MB"),
        (5e12, "5TB"),
    ],
)
def test_sizes_are_docker_s(size: float, shown: str) -> None:
    assert human_size(size) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (120, "2 minutes"),
        (3600, "About an hour"),
        (7200, "2 hours"),
        (86400 * 2, "2 days"),
        (86400 * 15, "2 weeks"),
        (86400 * 70, "2 months"),
        (86400 * 800, "2 years"),
    ],
)
def test_durations_are_docker_s(seconds: float, shown: str) -> None:
    assert human_duration(seconds) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1970-01-01T00:00:00Z", "2 weeks ago"),
        ("1970-01-15T00:00:00.123456789Z", "24 hours ago"),
        ("0001-01-01T00:00:00Z", "N/A"),
        ("", "N/A"),
        ("garbage", "N/A"),
        ("2030-01-01T00:00:00Z", "Less than a second ago"),
    ],
)
def test_how_long_ago(text: str, shown: str) -> None:
    assert since(text, 15 * 86400.0) == shown


def test_columns_are_padded_to_the_widest() -> None:
    assert columns([["A", "B"], ["long", "x"]]) == "A      B\nlong   x"


COMMAND = Command(
    "demo",
    "[OPTIONS] IMAGE [ARG...]",
    (
        Flag("interactive", "bool", "", short="i"),
        Flag("tty", "bool", "", short="t"),
        Flag("publish", "list", "", short="p"),
        Flag("name", "string", ""),
        Flag("count", "int", ""),
    ),
    min_args=1,
    max_args=-1,
    interspersed=False,
)


def test_flags_as_docker_s_users_type_them() -> None:
    options = parse(
        COMMAND, ["-it", "-p8080:80", "-p", "1:2", "--name=x", "--count", "3", "image", "-x", "--name", "y"]
    )
    assert options is not None
    assert options.flag("interactive") and options.flag("tty")
    assert options.strings("publish") == ["8080:80", "1:2"]
    assert options.string("name") == "x" and options.integer("count") == 3
    assert options.args == ["image", "-x", "--name", "y"]


def test_a_boolean_flag_may_be_given_a_value_and_two_dashes_end_the_flags() -> None:
    options = parse(COMMAND, ["--tty=false", "--", "-i"])
    assert options is not None
    assert not options.flag("tty") and options.args == ["-i"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--nmae", "x", "i"], "name"),
        (["-x", "i"], "-x"),
        (["--name"], "name"),
        (["--count", "many", "i"], "many"),
        (["--tty=perhaps", "i"], "perhaps"),
        ([], "requires"),
    ],
)
def test_flags_that_are_wrong_are_usage_errors(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(COMMAND, words)
    assert said in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.exit_code == (1 if said == "requires" else 125)


@pytest.mark.parametrize(
    ("words", "names", "context"),
    [
        (["--push=r.example/app:1", "."], ["r.example/app:1"], "."),
        (["--push", "r.example/app:1", "."], ["r.example/app:1"], "."),
        ([".", "--push", "r.example/app:1"], ["r.example/app:1"], "."),
        (["--push", "r.example/app", "-t", "r.a/b", "./app"], ["r.a/b", "r.example/app"], "./app"),
        # docker's own: what follows is the context.
        (["--push", "./app"], [], "./app"),
        (["--push", "-t", "r.example/app", "./a"], ["r.example/app"], "./a"),
        (["--push=true", "r.example/app"], [], "r.example/app"),
    ],
)
def test_push_takes_a_name_where_nothing_else_can_be_meant(
    words: list[str], names: list[str], context: str
) -> None:
    options = parse(BUILD, words)
    assert options is not None
    assert options.flag("push") and options.strings("tag") == names and options.args == [context]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--push", "app", "."], "exactly 1 argument"),
        (["--push=false", "r.example/app", "."], "exactly 1 argument"),
        (["--push", "r.example/app", "a", "b"], "exactly 1 argument"),
        (["--push=flase", "."], "--push=REGISTRY/NAME"),
        (["--check=a/b", "."], "not true or false"),
    ],
)
def test_what_is_no_name_for_push_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(BUILD, words)
    assert said in f"{caught.value.message} {caught.value.hint}"
