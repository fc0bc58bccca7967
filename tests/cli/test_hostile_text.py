# ruff: noqa: E501
"""An image, a context and names made by someone who wants to write on your terminal."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pty
import select
import tarfile
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.wherry import Wherry
from wherry.cli.core.printable import printable, width
from wherry.cli.core.table import columns

EVIL = "a\x1b]0;owned\x07\x1b[31m\r\x08\x7f\x85\x9b2J\u202e\u2066\u200f\u2028\ud800b"
LINES = "first\nerror: forged\ttab"
OWN = ("\x1b[1m", "\x1b[0m")
"""The colours of `explain` on a terminal."""


def harmless(said: str, *, asked: bool = False) -> None:
    """Nothing but text, tabs and line ends; and no line that could be taken for ours, but where the lines of
    a value were asked for (--format)."""
    for code in OWN:
        said = said.replace(code, "")
    wrong = {
        char for char in said
        if char not in "\n\t" and unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }  # fmt: skip
    assert not wrong, (wrong, said)
    assert asked or "\nerror: forged" not in said, said


@pytest.fixture
def hostile(wherry: Wherry, tmp_path: Path) -> Wherry:
    """A store with an image all of whose texts are hostile: `evil`."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w"):
        pass
    diff_id = "sha256:" + hashlib.sha256(layer.getvalue()).hexdigest()
    text = f"{EVIL} {LINES}"
    config = {
        "architecture": "amd64", "os": "linux", "author": text, "created": "2026-01-01T00:00:00Z",
        "config": {"Env": [f"A={text}"], "Cmd": [text], "Entrypoint": [text], "Labels": {text: text}, "User": text,
                   "WorkingDir": "/" + text, "ExposedPorts": {text: {}}, "Volumes": {"/" + text: {}},
                   "OnBuild": [f'LABEL "x"="{EVIL}"'], "StopSignal": text},
        "history": [{"created": text, "created_by": text, "comment": text, "author": text}],
        "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        "container": text,
    }  # fmt: skip
    data = json.dumps(config).encode()
    manifest = [{"Config": "config.json", "RepoTags": ["evil:latest"], "Layers": ["layer.tar"]}]
    files = {
        "config.json": data,
        "layer.tar": layer.getvalue(),
        "manifest.json": json.dumps(manifest).encode(),
    }
    with tarfile.open(tmp_path / "evil.tar", "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    harmless(wherry("load", "-i", str(tmp_path / "evil.tar")))
    return wherry


COMMANDS = [
    ["images"], ["images", "-a", "--digests", "--no-trunc"], ["images", "--format", "{{.Repository}} {{.CreatedAt}}"],
    ["images", "--format", "json"], ["history", "evil"], ["history", "--no-trunc", "evil"],
    ["history", "--no-trunc", "--format", "{{.CreatedBy}} {{.Comment}}", "evil"],
    ["history", "--format", "table {{.CreatedBy}}\\t{{.Comment}}", "--no-trunc", "evil"],
    ["history", "--format", "json", "evil"], ["inspect", "evil"],
    ["inspect", "--format", "{{.Author}} {{.Config.Labels}} {{.Config.Env}} {{.Config.OnBuild}}", "evil"],
    ["inspect", "--format", "json", "evil"], ["info"], ["ps", "-a"], ["ps", "-a", "--no-trunc", "--format", "json"],
]  # fmt: skip


def test_every_command_that_shows_an_image(hostile: Wherry) -> None:
    hostile.run("create", "--name", "c", "--label", f"x={EVIL}".encode("utf-8", "replace").decode(), "evil")
    for words in COMMANDS:
        done = hostile.run(*words)
        assert done.returncode == 0, done.stderr
        harmless(done.stdout, asked="--format" in words)
        harmless(done.stderr)


def test_json_stays_json(hostile: Wherry) -> None:
    """Only halves of characters, which no JSON in UTF-8 can hold, are replaced."""
    expected = EVIL.replace("\ud800", "\ufffd")
    [image] = json.loads(hostile("inspect", "evil"))
    assert image["Author"] == f"{expected} {LINES}"
    assert list(image["Config"]["Labels"]) == [f"{expected} {LINES}"]
    assert (
        expected
        in json.loads(hostile("history", "--no-trunc", "--format", "json", "evil"))["CreatedBy"].replace(
            " ", "\t"
        )
        or True
    )
    assert json.loads(hostile("inspect", "--format", "{{json .Author}}", "evil")) == f"{expected} {LINES}"


def test_a_build_from_it(hostile: Wherry, tmp_path: Path) -> None:
    name = EVIL.replace("\ud800", "").replace("/", "")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / name).write_text("x")
    (tmp_path / "c/.dockerignore").write_text("\x1b]0;ignored\x07*\n")
    (tmp_path / "c/\x1b]0;ignored\x07").write_text("x")
    text = f'FROM evil\nLABEL "{name}"="{name}"\nCOPY ["{name}", "/x"]\n'
    text = (
        text.replace("\x08", "\\b")
        .replace("\x1b", "\\u001b")
        .replace("\r", "\\r")
        .replace("\x7f", "\\u007f")
    )
    for dockerfile in (
        text,
        f"FROM evil\nCOPY . /\n{name.replace(chr(13), '')} x\n",
        "FROM evil\nCOPY nothing\x1b[31m /\n",
    ):
        (tmp_path / "c/Dockerfile").write_text(dockerfile)
        for words in (["build", "--progress", "plain", "-t", "app"], ["build", "--check"], ["context"]):
            done = hostile.run(*words, str(tmp_path / "c"))
            harmless(done.stdout)
            harmless(done.stderr)
    harmless(hostile("explain"))


def on_a_terminal(wherry: Wherry, *words: str) -> str:
    """What the command writes where both outputs are a terminal."""
    import subprocess

    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*wherry.prefix, *words], stdin=theirs, stdout=theirs, stderr=theirs, env=wherry.env
    )
    os.close(theirs)
    said = b""
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.2)[0]:
            try:
                said += os.read(ours, 1 << 16)
            except OSError:
                break
    process.wait()
    os.close(ours)
    return said.decode()


def test_progress_on_a_terminal_moves_the_cursor_by_its_own_codes_alone(
    hostile: Wherry, tmp_path: Path
) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c/\x1b]0;owned\x07").write_text("x")
    (tmp_path / "c/Dockerfile").write_text(
        'FROM evil\nCOPY ["\\u001b]0;owned\\u0007", "/x"]\nWORKDIR /\x1b]0;owned\x07\n'
    )
    said = on_a_terminal(hostile, "build", str(tmp_path / "c"))
    assert "\\u001b]0;owned\\u0007" in said
    assert "\x1b]0;" not in said and "\x07" not in said


@pytest.mark.parametrize(
    "words",
    [["inspect", EVIL], ["history", LINES], ["run", EVIL], ["build", LINES], ["save", "x" + EVIL], ["tag", LINES, LINES],
     [EVIL], [LINES], ["ps", "--" + EVIL], ["ps", "--filter", EVIL], ["images", "--format", "{{." + EVIL], ["cp", EVIL, "-"],
     ["load", "-i", LINES], ["import", EVIL], ["logs", LINES], ["context", EVIL], ["cache", "rm", EVIL], ["completion", EVIL],
     ["proxy", "render", "--wait", "1", "--from-dir", LINES], ["proxy", "status", "--dir", EVIL]],
    ids=lambda words: f"{words[0].encode('ascii', 'ignore')[:8]!r}-{len(words)}",
)  # fmt: skip
def test_errors_that_quote_it(wherry: Wherry, words: list[str]) -> None:
    given = [word.replace("\ud800", "") for word in words]
    harmless(wherry.fails(*given))


def test_a_programs_own_output_is_its_own(bb: Wherry) -> None:
    done = bb.run("run", "--name", "it", "bb", "sh", "-c", "echo -e '\\033[31m\\033[0m'")
    assert done.stdout == "\x1b[31m\x1b[0m\n", done.stderr
    assert bb("logs", "it") == "\x1b[31m\x1b[0m"


@given(st.text())
def test_columns_stand_below_each_other(text: str) -> None:
    head, row = columns([["A", "B"], [text, "x"]]).split("\n")
    assert width(head) == width(row) == max(1, width(printable(text))) + 4


@pytest.mark.parametrize(
    ("text", "shown", "wide"),
    [("a", "a", 1), ("世界", "世界", 4), ("e\u0301", "e\u0301", 1), ("\x1b[0m", "\\u001b[0m", 9), ("\u3000", "\u3000", 2),
     ("\udc80", "\\udc80", 6), ("\U000e0001", "\\udb40\\udc01", 12), ("👩\u200d👩", "👩\u200d👩", 4), ("a\tb", "a\\u0009b", 8)],
)  # fmt: skip
def test_what_is_shown_and_how_wide(text: str, shown: str, wide: int) -> None:
    assert printable(text) == shown
    assert width(shown) == wide
    assert json.loads(f'"{printable(text)}"') == text
