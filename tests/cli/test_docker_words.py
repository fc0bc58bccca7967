"""Words and small rules that docker's users have in their hands, about containers and images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.wherry import Wherry
from wherry.cli.core.printable import go_quoted

pytestmark = pytest.mark.root


def names(bb: Wherry, *filters: str) -> list[str]:
    words = [word for text in filters for word in ("-f", text)]
    return sorted(bb("ps", "-a", *words, "--format", "{{.Names}}").split())


def test_ps_filters_by_regular_expressions_one_of_each_kind(bb: Wherry) -> None:
    for name in ("p1", "p10", "xp1"):
        bb("create", "--name", name, "-l", f"n={name}", "-l", "all", "bb", "true")
    assert names(bb, "name=p1") == ["p1", "p10", "xp1"]
    assert names(bb, "name=^p1$") == names(bb, "name=^/p1$") == ["p1"]
    assert names(bb, "name=^p1$", "name=^xp") == ["p1", "xp1"]
    assert names(bb, "name=p1", "status=running") == names(bb, "name=(") == []
    assert names(bb, "label=all", "label=n=p10") == ["p10"]
    for wrong in ("status=bogus", "exited=x", "nosuch=1"):
        assert "invalid filter" in bb.fails("ps", "-f", wrong, code=125)


def test_how_many_containers_ps_shows(bb: Wherry) -> None:
    for name in ("one", "two"):
        bb("create", "--name", name, "bb", "true")
    assert bb("ps", "-q", "-n", "-1") == bb("ps", "-q", "-n", "0") == ""
    assert len(bb("ps", "-qa", "-n", "-1").split()) == 2
    assert bb("ps", "-n", "1", "--format", "{{.Names}}") == "two"


def test_ps_quotes_commands_as_docker_does(bb: Wherry) -> None:
    bb("create", "bb", "sh", "-c", 'echo "a\\b"\tc')
    assert bb("ps", "-a", "--no-trunc", "--format", "{{.Command}}") == r'''"sh -c 'echo \"a\\b\"\tc'"'''


@pytest.mark.parametrize(
    ("text", "quoted"),
    [("a b", '"a b"'), ('"\\', r'"\"\\"'), ("\n\x1b\x7f", r'"\n\x1b\x7f"'), ("é\u2028", r'"é\u2028"')],
)
def test_quotes_are_gos(text: str, quoted: str) -> None:
    assert go_quoted(text) == quoted


def test_images_takes_patterns(bb: Wherry) -> None:
    for name in ("b2:1", "de:2", "host:5000/de/b2:1"):
        bb("tag", "bb", name)

    def found(pattern: str) -> list[str]:
        return sorted(bb("images", pattern, "--format", "{{.Repository}}:{{.Tag}}").split())

    assert found("b?:1") == ["b2:1"]
    assert found("b*") == ["b2:1", "bb:latest"]
    assert found("*:latest") == ["bb:latest"] and found("[^b]*") == ["de:2"]
    assert found("*/de/*") == ["host:5000/de/b2:1"] and found("de") == ["de:2"]


def test_files_of_variables_are_read_as_docker_reads_them(bb: Wherry, tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_bytes("\ufeffA=1 \n  # no\n\t\nB=x y\n  C=\nCALLERS\nABSENT\n".encode())
    bb("create", "--name", "box", "--env-file", str(file), "bb", "true", env={"CALLERS": "yes"})
    env = bb("inspect", "box", "-f", "{{range .Config.Env}}{{println .}}{{end}}").split("\n")
    assert [entry for entry in env if entry[:1] in "ABC" and entry] == [
        "A=1 ",
        "B=x y",
        "C=",
        "CALLERS=yes",
    ]
    for text, why in (("G = x\n", "'G ' contains whitespaces"), ("=x\n", "no variable name on line '=x'")):
        file.write_text(text)
        assert why in bb.fails("run", "--env-file", str(file), "bb", "true", code=125)
    assert "Is a directory" in bb.fails("run", "--env-file", str(tmp_path), "bb", "true", code=125)


def test_names_and_addresses(bb: Wherry) -> None:
    bb("create", "--name", "/box", "bb", "true")
    assert names(bb) == ["box"]
    said = bb.fails("run", "--add-host", "a:b", "bb", "true", code=125)
    assert 'invalid IP address in add-host: "b"' in said
    assert "ambiguous tag" in bb.fails("tag", "bb", "sha256:abc")


def test_h_is_the_host_name_where_docker_has_it_so(bb: Wherry) -> None:
    assert bb("run", "--rm", "-h", "foo", "bb", "hostname") == "foo"
    assert "Usage:" in bb("run", "--help") and "-h, --hostname" in bb("run", "--help")
    assert "Usage:" in bb("ps", "-h")


def test_all_lines_are_what_a_negative_tail_means(bb: Wherry) -> None:
    bb("run", "--name", "box", "bb", "sh", "-c", "echo 1; echo 2")
    assert bb("logs", "--tail", "-1", "box") == "1\n2" and bb("logs", "--tail", "1", "box") == "2"


def test_forcing_the_removal_of_what_is_not_there_is_no_failure(bb: Wherry) -> None:
    done = bb.run("rmi", "-f", "nosuch", "bb")
    assert done.returncode == 0 and "No such image: nosuch:latest" in done.stderr
    assert bb("images", "-q") == ""
    assert "No such image" in bb.fails("rmi", "nosuch", code=1)


def test_templates_of_ps_know_labels_and_sizes(bb: Wherry) -> None:
    bb("run", "--name", "box", "--label", "com.example.some-key=v", "bb", "sh", "-c", "echo 12345 > /x")
    assert bb("ps", "-a", "--format", '{{.Label "com.example.some-key"}}|{{.Label "none"}}') == "v|"
    table = bb("ps", "-a", "--format", 'table {{.Names}}\\t{{.Label "com.example.some-key"}}')
    assert [line.split() for line in table.splitlines()] == [["NAMES", "some", "key"], ["box", "v"]]
    size = bb("ps", "-a", "--format", "{{.Size}}")
    assert size.startswith("6B (virtual ") and size.endswith("MB)")
    assert "SIZE" in bb("ps", "-a", "-s").splitlines()[0]
    assert "Label" not in json.loads(bb("ps", "-a", "--format", "json"))
    bb("volume", "create", "--label", "a=b", "data")
    assert bb("volume", "ls", "--format", '{{.Label "a"}}') == "b"
    assert bb("info", "--format", "{{.Driver}}") == "overlay2"


def test_a_text_that_is_no_template_exits_with_64_and_a_field_that_is_absent_with_1(bb: Wherry) -> None:
    bb("create", "--name", "box", "bb", "true")
    for words in (("inspect", "-f"), ("ps", "-a", "--format"), ("images", "--format")):
        name = ("box",) if words[0] == "inspect" else ()
        assert "template parsing error" in bb.fails(*words, "{{.ID", *name, code=64)
        assert "Nonesuch" in bb.fails(*words, "{{.Nonesuch}}", *name, code=1)
    assert "wrong number of args for .Label" in bb.fails("ps", "-a", "--format", "{{.Label}}", code=1)
    assert "wrong number of args for upper" in bb.fails("ps", "-a", "--format", "{{upper}}", code=1)


def test_an_image_is_found_by_its_name_and_its_id(bb: Wherry) -> None:
    image = bb("inspect", "-f", "{{.Id}}", "bb")
    for name in (f"bb@{image}", f"bb:any@{image}", f"docker.io/library/bb@{image}"):
        assert bb("inspect", "-f", "{{.Id}}", name) == image
        bb("tag", name, "other")
        assert bb("run", "--rm", name, "echo", "ran") == "ran"
    assert bb("images", "-q", "--no-trunc", "other") == image
    assert "No such" in bb.fails("inspect", f"unlike@{image}", code=1)
    assert "no such" in bb.fails("tag", f"bb@sha256:{'0' * 64}", "x", code=1).lower()
