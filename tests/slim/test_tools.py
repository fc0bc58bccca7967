"""Tools and programs of one's own, fat and slim: `make test-slim`.  As in test_programs."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import Authority
from support.gitserver import git_server
from support.slimmed import debian_with, program, slimmed
from support.wherry import Wherry

pytestmark = [pytest.mark.programs, pytest.mark.mounts, pytest.mark.runtime, pytest.mark.network]

RECORDS = "var/lib/dpkg/status.d"
TIME = re.compile(r" \d+-\d+-\d+ \d+:\d+:\d+")
PACKAGES = ("ca-certificates", "curl", "git", "jq", "file", "gawk", "tzdata", "locales", "sudo", "g++")


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wherry]:
    with debian_with(tmp_path_factory, *PACKAGES) as wherry:
        yield wherry


def test_a_shell_script_that_calls_eight_tools(debian: Wherry, tmp_path: Path) -> None:
    one = slimmed(debian, program("shell", tmp_path), "--exec", "run")
    assert debian("run", "--rm", one.name).split("\n")[:3] == ["3", "[1,2]", "ASCII text"]
    assert debian("run", "--rm", one.name, "bash", "-c", "echo $BASH_VERSION").startswith("5.")
    assert one.size < 25_000_000


def test_a_program_in_its_locale_and_time_zone(debian: Wherry, tmp_path: Path) -> None:
    one = slimmed(debian, program("locale", tmp_path))
    assert debian("run", "--rm", one.name) == "Donnerstag 01:00:00 CET"
    assert one.size < 10_000_000


def test_plugins_of_a_program_in_cplusplus(debian: Wherry, tmp_path: Path) -> None:
    """The folder of the plugins stands in the program, their names nowhere; it was built in the image."""
    one = slimmed(debian, program("plugins", tmp_path))
    assert debian("run", "--rm", one.name) == "circle.so threw no pi\nsquare.so 4"
    assert one.size < 10_000_000


def test_a_setuid_program_that_asks_pam(debian: Wherry, tmp_path: Path) -> None:
    one = slimmed(debian, program("setuid", tmp_path), "--exec", "id -u")
    assert debian("run", "--rm", one.name) == "0"
    assert debian("run", "--rm", "--entrypoint", "id", one.name, "-u") != "0"
    assert any(line.startswith("-rwsr-xr-x 0/0 ") and line.endswith("usr/bin/sudo")
               for line in listed(exported(debian, one.name, tmp_path)))  # fmt: skip
    assert one.size < 30_000_000


def test_git_clones_over_tls(debian: Wherry, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    context = program("git", tmp_path)
    shutil.copy(authority.certificate, context)
    repository(tmp_path)
    pair = authority.server("server", "/CN=localhost", ["IP:127.0.0.1"])
    with git_server(tmp_path / "served", pair) as url:
        one = slimmed(debian, context, "--exec", f"git clone -q {url}/shop.git /tmp/shop")
        (tmp_path / "out").mkdir()
        debian(
            "run",
            "--rm",
            "-v",
            f"{tmp_path}/out:/out",
            one.name,
            "clone",
            "-q",
            f"{url}/shop.git",
            "/out/shop",
        )
    assert (tmp_path / "out/shop/hello").read_text() == "hello\n"
    assert one.size < 75_000_000


def repository(folder: Path) -> None:
    """``served/shop.git``, with one commit."""
    made = folder / "shop"
    made.mkdir()
    (made / "hello").write_text("hello\n")
    who = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    for words in (("init", "-q"), ("add", "hello"), (*who, "commit", "-qm", "first")):
        subprocess.run(["git", "-C", made, *words], check=True)
    (folder / "served").mkdir()
    subprocess.run(["git", "clone", "-q", "--bare", made, folder / "served/shop.git"], check=True)


def test_curl_over_tls_and_the_dockerfile_that_gives_the_same(debian: Wherry, tmp_path: Path) -> None:
    words = "curl -sS -o /dev/null -w %{http_code} https://deb.debian.org/debian/dists/stable/Release"
    suggested = str(tmp_path / "Suggested")
    one = slimmed(
        debian,
        program("curl", tmp_path),
        "--exec",
        words,
        "--exec",
        "git --version",
        "--suggest",
        suggested,
    )
    debian("build", "-q", "-t", "suggested", "-f", suggested, str(tmp_path), timeout=300)
    assert listed(exported(debian, one.name, tmp_path)) == listed(exported(debian, "suggested", tmp_path))
    assert "curl 7" in debian("run", "--rm", "suggested")


def listed(archive: str) -> list[str]:
    """Kind, mode, owner, size, time and name of all in an archive but what containers are given; of the
    records of packages, which are made anew, without the time."""
    words = ["tar", "-tvf", archive, "--numeric-owner", "--full-time"]
    words += [f"--exclude={name}" for name in ("dev", "proc", "sys")]
    lines = subprocess.run(words, capture_output=True, check=True, text=True).stdout.splitlines()
    return sorted(TIME.sub("", line) if RECORDS in line else line for line in lines)


def exported(wherry: Wherry, name: str, folder: Path) -> str:
    container = wherry("create", name)
    path = str(folder / f"{name}.tar")
    wherry("export", "-o", path, container)
    wherry("rm", container)
    return path
