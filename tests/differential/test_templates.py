# ruff: noqa: E501 - a table of templates
"""``--format`` gives what the docker client gives, which needs no engine for `docker context inspect`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.dockerd import DOCKER
from support.machine import require
from wherry.cli.core.template import Template
from wherry.errors import WherryError

pytestmark = pytest.mark.dockerd

TEMPLATES = (
    "{{.Name}}", "{{gt 2 1}}{{gt 1 2}} {{lt \"a\" \"b\"}} {{ge 2 2}}{{le 3 2}}{{ne 1 2}}{{eq 1 2 1}}{{eq \"a\" \"b\"}}",
    "{{gt 1 1.5}}", "{{lt \"a\" 1}}", "{{lt true false}}", "{{eq 1 \"a\"}}", "{{eq 1}}", "{{lt 1.5 2.5}} {{ge -1 -2}}",
    "{{$x := .Name}}{{$x}}", "{{$x := 1}}{{$x = 2}}{{$x}}", "{{if $x := .Name}}{{$x}}{{end}}", "{{$x}}",
    "{{if $x := .Name}}{{$x}}{{end}}{{$x}}", "{{with $y := 1}}{{$y = 2}}{{$y}}{{end}}", "{{$.Name}}",
    "{{$x := 1}}{{range split \"a,b\" \",\"}}{{$x = .}}{{end}}{{$x}}",
    "{{$x := 1}}{{if true}}{{$x := 2}}{{$x}}{{end}}{{$x}}", "{{$x = 1}}", "{{$x, $y := 1}}", "{{$ := 1}}{{$}}",
    "{{html \"<a&'\\\">\"}}", "{{js \"a=<>&'\\\"\\\\x\\n\"}}", "{{urlquery \"a b&\" 1}}", "{{html 1 2}}",
    "{{truncate .Name 3}}|{{truncate .Name 30}}|{{truncate .Name 0}}", "{{pad .Name 2 1}}|{{pad \"\" 2 2}}|",
    "{{range $i, $c := split \"a,b,c\" \",\"}}{{if eq $c \"b\"}}{{continue}}{{end}}{{$i}}{{$c}}{{end}}",
    "{{range split \"a,b,c\" \",\"}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{else}}none{{end}}",
    "{{range split \"a,b\" \",\"}}{{range split \"x,y\" \",\"}}{{.}}{{break}}{{end}}{{.}}{{end}}",
    "{{break}}", "{{continue}}", "{{range split \"a\" \",\"}}{{else}}{{break}}{{end}}", "{{range 5}}{{end}}",
    "{{print 1 2 \"a\" \"b\" 3}}", "{{print \"a\" 1 2 true nil}}", "{{println \"a\" 1}}", "{{print}}",
    "{{printf \"%5d|%-4s|%q|%v|%x|%t|%05.2f|%%\" 3 \"a\" \"b\" 1 255 true 1.5}}", "{{printf \"%s\" 5}}",
    "{{printf \"%d\" \"a\"}}", "{{printf \"%s\"}}", "{{printf \"a\" 1}}", "{{printf \"%.2s|%6.1f\" \"abc\" 2.25}}",
    "{{1 | printf \"%d-%d\" 2}}", "{{(index (split \"a,b\" \",\") 1)}}", "{{index (split \"a,b\" \",\") 5}}",
    "{{slice \"abcdef\" 1 3}}", "{{slice \"abc\" 2}}", "{{slice \"abc\" 2 9}}", "{{len \"é\"}}", "{{not 1}}{{not \"\"}}",
    "{{and 1 0 2}} {{or 0 \"x\"}} {{and 1 2}} {{or 0 \"\"}}", "{{join (split \"a,b\" \",\") \"-\"}}", "{{title \"ab cd\"}}",
    "{{json \"é\"}}", "{{/* c */}}x", "a {{- /* c */ -}} b", "{{else}}", "{{end}}", "{{if}}{{end}}", "{{if 1}}", "{{",
    "{{\"a\" 1}}", "{{.Name 1}}", "{{.Name.X}}", "{{.Nope}}", "{{nosuch 1}}", "{{'a'}} {{0x10}} {{1.5}} {{1e3}} {{-3}}",
    "{{ `raw\\n` }}", "{{\"\\u00e9\\t\\x41\"}}", "{{\"}}\"}}", "{{\"a}}", "{{1 2}}", "{{()}}", "{{(1}}", "{{1)}}", "{{|}}",
    "{{.Name | upper | lower}}", "{{.Name | 1}}", "{{if 0}}a{{else if 1}}b{{else}}c{{end}}", "{{with 0}}a{{else}}b{{end}}",
    "{{with .Name}}{{.}}{{end}}", "{{.Endpoints.docker.Host}}", "{{(.Endpoints).docker.Host}}",
    "{{range $k, $v := .Endpoints}}{{$k}}={{$v.Host}}{{end}}", "{{index .Endpoints \"docker\" \"Host\"}}",
    "{{with $e := index .Endpoints \"docker\"}}{{$e.Host}}{{end}}", "{{json .Endpoints}}", "{{true}} {{false}}",
    "{{- .Name -}}", "  {{- .Name}}", "{{-3}}", "{{3 -}} x", "{{if and (gt 2 1) (lt 1 2)}}y{{end}}", "{{split \"a\" }}",
    "{{split \"abc\" \"\"}}", "{{upper \"é\"}}", "{{truncate \"abc\" -1}}", "{{pad \"a\" -1 0}}", "{{len 3}}", "{{len nil}}",
)  # fmt: skip
# Where wherry goes its own way: what docker does.
DIFFERENCES = {
    '{{index .Endpoints "docker" "Host"}}': "docker has a structure there, wherry the map of its JSON",
    "{{$x = 1}}": "docker finds out when it runs the template (1), wherry when it reads it (64)",
    "{{len nil}}": "an empty list of Docker's is null in JSON, and has no length but 0",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require(os.path.exists(DOCKER), "needs the docker client")
    return tmp_path_factory.mktemp("home")


def docker(home: Path, template: str) -> tuple[int, str]:
    words = [DOCKER, "context", "inspect", "default", "-f", template]
    env = {"HOME": str(home), "PATH": os.environ["PATH"]}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    return done.returncode, done.stdout.removesuffix("\n") if done.returncode == 0 else ""


def ours(template: str, value: object) -> tuple[int, str]:
    try:
        return 0, Template(template).render(value)
    except WherryError as error:
        return error.exit_code, ""


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_gives_what_docker_gives(home: Path, template: str) -> None:
    value = json.loads(docker(home, "{{json .}}")[1])
    theirs, mine = docker(home, template), ours(template, value)
    assert (theirs == mine) != (template in DIFFERENCES), f"docker {theirs}, wherry {mine}"
