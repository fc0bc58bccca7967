"""What only running an image shows is seen in each isolation, and on machines that lack some of Linux."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from support.plain import plain_user
from support.ways import by_root
from support.wherry import Wherry

pytestmark = [pytest.mark.mounts, pytest.mark.runtime]

# crun as one without notifications: it tells nobody, and lets the calls pass.
DEAF = """#!/usr/bin/python3
import json, os, sys
place = sys.argv[sys.argv.index("--bundle") + 1] + "/config.json"
with open(place) as file:
    config = json.load(file)
seccomp = config["linux"]["seccomp"]
seccomp.pop("listenerPath", None)
for each in seccomp["syscalls"]:
    if each["action"] == "SCMP_ACT_NOTIFY":
        each["action"] = "SCMP_ACT_ALLOW"
with open(place, "w") as file:
    json.dump(config, file)
os.execvp("crun", ["crun", *sys.argv[1:]])
"""
# Relative paths from several folders, processes of processes, one that is stopped and goes on, and one that
# is ended by a signal that it handles.
BUSY = """#!/bin/sh
cd /data/deep && (cd er && read a < file && echo $a)
sh -c 'sh -c "read b < ../one; echo \\$b" & wait'
sh -c 'kill -STOP $$; read c < two; echo $c' & child=$!
while kill -CONT $child; do :; done
(trap 'read d < three; echo $d; exit 7' TERM; kill -TERM $(sh -c 'echo $PPID'); while :; do :; done)
echo $?
"""


def without(wherry: Wherry, what: str) -> Wherry:
    """The same on a kernel that has not that (support.denied)."""
    tests = Path(__file__).parents[1]
    wherry.prefix = [sys.executable, "-m", "support.denied", what, *wherry.prefix]
    wherry.env["PYTHONPATH"] = f"{tests}:{tests.parent}:{wherry.env.get('PYTHONPATH', '')}"
    return wherry


def deaf(wherry: Wherry, folder: Path) -> Wherry:
    program = folder / "crun-deaf"
    program.write_text(DEAF)
    program.chmod(0o755)
    wherry.env["WHERRY_RUNTIME"] = str(program)
    return wherry


@pytest.fixture(
    params=[
        ("crun", "", False), ("crun", "deaf", True), ("crun", "listener", True), ("runc", "", None),
        ("runc", "listener", True), ("chroot", "", False), ("chroot", "listener", True),
        ("no mounts", "", False), ("no mounts", "listener", True),
    ],
    ids=lambda each: " ".join(map(str, each)),
)  # fmt: skip
def watched(request: pytest.FixtureRequest, fat: Wherry, tmp_path: Path) -> tuple[Wherry, bool | None]:
    """The store of `fat` in an isolation with something missing, and whether ptrace has to do (None: that
    depends on the version of runc)."""
    name, lacks, traced = request.param
    way = by_root(name, fat)
    if lacks == "deaf":
        return deaf(way, tmp_path), traced
    return without(way, lacks) if lacks else way, traced


def test_what_is_looked_for_is_seen(watched: tuple[Wherry, bool | None], tmp_path: Path) -> None:
    wherry, traced = watched
    done = wherry.run(
        "slim", "fat", "-t", "small", "--exec", "/app/reads", "--audit", str(tmp_path / "log")
    )
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()[-1]
    assert "1 of them new" in said and traced in (None, "running it (by ptrace)" in said)
    kept = {each["path"]: each["reasons"] for each in json.loads((tmp_path / "log").read_text())["kept"]}
    assert kept["/data/secret"][0]["rule"].startswith("seen: open")
    lost = wherry.fails("slim", "fat", "-t", "x", "--exec", "/app/reads", "--drop", "/data", code=1)
    assert "missed: /data/secret (--drop)" in lost


def test_processes_of_processes_signals_and_relative_paths(
    watched: tuple[Wherry, bool | None], tmp_path: Path
) -> None:
    wherry, _ = watched
    folder = tmp_path / "busy"
    folder.mkdir()
    (folder / "busy").write_text(BUSY)
    (folder / "busy").chmod(0o755)
    wherry.build(
        folder,
        "FROM bb\nCOPY busy /bin/\nRUN mkdir -p /data/deep/er && cd /data/deep && echo in er > er/file && "
        "echo 1 > one && echo 1 > ../one && echo 2 > two && echo 3 > three\nCMD sleep 1000\n",
        "-t", "busy",
    )  # fmt: skip
    log = tmp_path / "log"
    words = ("--exec", "busy", "--drop", "/data/deep/one", "--audit", str(log))
    done = wherry.run("slim", "busy", "-t", "small", *words)
    assert done.returncode == 0, done.stderr
    kept = {each["path"]: each["reasons"][0]["rule"] for each in json.loads(log.read_text())["kept"]}
    seen = {path for path, rule in kept.items() if rule.startswith("seen: open")}
    assert {"/data/deep/er/file", "/data/one", "/data/deep/two", "/data/deep/three"} <= seen
    assert wherry("run", "--rm", "small", "busy").split("\n") == ["in er", "1", "2", "3", "7"]


def test_where_nothing_can_be_watched_the_image_is_proved_all_the_same(fat: Wherry) -> None:
    wherry = without(by_root("chroot", fat), "seccomp")
    done = wherry.run("slim", "fat", "-t", "small", "--keep", "/data", "--exec", "/app/reads")
    assert done.returncode == 0, done.stderr
    assert "running it" not in done.stderr.splitlines()[-1]
    said = wherry.fails("slim", "fat", "-t", "other", "--exec", "/app/reads", code=1)
    assert "processes cannot be watched here" in said
    assert "other" not in wherry("images")


@pytest.mark.rootless
def test_a_plain_user_s_processes_are_traced_too(fat: Wherry, entered_by_all: Path) -> None:
    plain = plain_user(entered_by_all)
    fat("save", "-o", str(entered_by_all / "fat.tar"), "fat")
    (entered_by_all / "fat.tar").chmod(0o644)
    plain("load", "-i", str(entered_by_all / "fat.tar"))
    deaf(plain, entered_by_all)
    done = plain.run("slim", "fat", "-t", "small", "--exec", "/app/reads")
    assert done.returncode == 0, done.stderr
    assert "running it (by ptrace)" in done.stderr and "1 of them new" in done.stderr
