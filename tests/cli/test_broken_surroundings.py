# ruff: noqa: E501
"""Every command where something that each program takes for granted is not there: an error, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.checkout import ROOT
from support.wherry import Wherry
from wherry.cli.commands import COMMANDS
from wherry.cli.main import load

# They wait, or write where a machine's nginx looks.
AWAY = {"bootstrap", "proxy serve", "proxy generate"}
NAMES = [name for name in COMMANDS if name not in AWAY]
ENOUGH = {
    "proxy render": ["--wait=0", "--from-dir=."],
    "proxy run": ["--nginx=/nonexistent"],
    "build": ["/nonexistent"],
    # Without a host they ask docker.io, for each value anew.
    **{name: ["localhost:1/x"] for name in ("create", "pull", "run")},
}


def words(name: str) -> list[str]:
    command = load(name).COMMAND
    return [*name.split(), *ENOUGH.get(name, ["x"] * command.min_args)]


def sane(done: subprocess.CompletedProcess[bytes]) -> str:
    said = done.stderr.decode("utf-8", "backslashreplace")
    assert 0 <= done.returncode < 128 or done.returncode == 141, said
    for sign in ("Traceback", "a fault of wherry's own", "Exception ignored", "Fatal Python"):
        assert sign not in said, said
    return said


def shell(
    wherry: Wherry, script: str, *arguments: str, **options: object
) -> subprocess.CompletedProcess[bytes]:
    """A script in which "$@" is the command."""
    options.setdefault("env", wherry.env)
    return subprocess.run(
        ["/bin/sh", "-c", script, "sh", *wherry.prefix, *arguments],
        capture_output=True, check=False, timeout=120, **options,  # type: ignore[call-overload]
    )  # fmt: skip


SURROUNDINGS = {
    "standard output is closed": '"$@" >&-',
    "standard output is full": '"$@" >/dev/full',
    "standard error is closed": '"$@" 2>&-',
    "standard error is full": '"$@" 2>/dev/full',
    "all three are closed": '"$@" <&- >&- 2>&-',
    "nobody reads": '{ "$@"; echo $? >&3; } 3>&2 | true',
    "the folder is gone": 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && "$@"',
    "no PATH": 'PATH= "$@"',
    "no HOME": 'unset HOME; "$@"',
    "no locale": 'LC_ALL=C LANG=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 "$@"',
    "an encoding of one byte": 'PYTHONIOENCODING=ascii "$@"',
    "few descriptors": 'ulimit -n 20; "$@"',
}


@pytest.mark.parametrize("script", SURROUNDINGS.values(), ids=SURROUNDINGS.keys())
def test_every_command_in(wherry: Wherry, script: str) -> None:
    for name in NAMES:
        sane(shell(wherry, script, *words(name)))


@pytest.mark.parametrize("name", ["images", "version", "ps"])
def test_output_that_is_lost_is_an_error_of_one_line(wherry: Wherry, name: str) -> None:
    for script in ('"$@" >&-', '"$@" >/dev/full'):
        done = shell(wherry, script, name)
        assert done.returncode == 1
        assert done.stderr.startswith(b"error: standard output cannot be written: ")
        assert done.stderr.count(b"\n") == 1


def test_render_with_a_closed_standard_output(wherry: Wherry, tmp_path: Path) -> None:
    done = shell(wherry, '"$@" >&-', "proxy", "render", "--wait=0", "--from-dir", str(tmp_path))
    assert done.returncode == 1
    assert b"standard output cannot be written" in sane(done).encode()


def test_a_closed_descriptor_does_not_become_the_store_s(wherry: Wherry, tmp_path: Path) -> None:
    """What is printed, then, would be written into a file."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
    done = shell(wherry, '"$@" <&- >&- 2>&-', "build", "-t", "app", str(tmp_path))
    assert done.returncode == 0
    assert wherry("inspect", "--format", "{{.Config.Labels}}", "app") == "map[a:b]"


STRANGE = [
    "",
    "-1",
    "9" * 30,
    "\udcff\udc80",
    "70000:1",
    "..",
    ",",
    "=",
    "{{",
    "0x10",
    "NaN",
    "/dev/null",
    "a" * 5000,
]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("proxy r")])
def test_every_flag_with_strange_values(wherry: Wherry, name: str, tmp_path: Path) -> None:
    """In forks of one process for each command, which imports what a fork had to: each for itself takes minutes."""
    code = f"""
import contextlib, importlib, os, sys
sys.path[:0] = {sys.path!r}
from wherry.cli.main import main
from wherry.cli.commands import COMMANDS
from wherry.cli.main import load
os.chdir({str(tmp_path)!r})
for flag in load({name!r}).COMMAND.flags:
    for value in {STRANGE!r}:
        told, tells = os.pipe()
        child = os.fork()
        if not child:
            had = set(sys.modules)
            main(["--root", {str(wherry.root)!r}, *{name.split()!r}, f"--{{flag.name}}={{value}}", *{words(name)[len(name.split()) :]!r}])
            sys.stderr.flush()
            os.write(tells, " ".join(set(sys.modules) - had).encode())
            os._exit(0)
        os.close(tells)
        with open(told) as imported:
            for module in imported.read().split():
                with contextlib.suppress(ImportError):  # what C code calls a module, and no file is
                    importlib.import_module(module)
        status = os.waitpid(child, 0)[1]
        if status:
            print("ended with", status, flag.name, value, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=300,
                          stdin=subprocess.DEVNULL, env={**wherry.env, "PYTHONIOENCODING": "utf-8:backslashreplace"})  # fmt: skip
    said = sane(done)
    assert "ended with" not in said, said


def test_a_package_that_is_missing_is_named(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['yaml'] = None\n")
    (tmp_path / "a.yaml").write_text("{kind: Service}\n")  # not as most are written, which needs no yaml
    said = wherry.fails(
        "proxy", "render", "--from-dir", str(tmp_path), env={"PYTHONPATH": f"{tmp_path}:{ROOT}/src"}, code=1
    )
    assert said == ("error: the Python package yaml is not installed\nhint: pip install wherry brings it\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [("ARG X=1", "'ARG X=1' is not a valid change command"), ("RUN id", "not a valid change"), ("FROM x", "not a valid change"),
     ("MAINTAINER x", "not a valid change"), ("ENV", "requires at least one argument"), ("EXPOSE 99999", "invalid containerPort"),
     ("ENV A=${", "bad substitution"), ("NONESUCH", "unknown instruction")],
)  # fmt: skip
def test_changes_of_an_import_that_docker_refuses(
    wherry: Wherry, tmp_path: Path, change: str, said: str
) -> None:
    (tmp_path / "x.tar").write_bytes(bytes(1024))
    assert said in wherry.fails("import", "-c", change, str(tmp_path / "x.tar"))


def test_changes_of_an_import_that_docker_takes(wherry: Wherry, tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(bytes(1024))
    changes = ['ENV A="x y" B=1', "ENV C=$A", "ONBUILD RUN id", 'CMD ["sh"]', "LABEL l=${B}", "USER 7"]
    flags = [word for change in changes for word in ("-c", change)]
    image = wherry("import", *flags, str(tmp_path / "x.tar"))
    shown = wherry(
        "inspect",
        "--format",
        "{{json .Config.Env}} {{.Config.OnBuild}} {{.Config.Labels}} {{.Config.User}}",
        image,
    )
    assert shown == '["A=x y","B=1","C=x y"] [RUN id] map[l:1] 7'
