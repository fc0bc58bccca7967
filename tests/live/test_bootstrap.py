"""A base image of Debian packages from a mirror that asks for a password."""

from __future__ import annotations

import pytest

from support.wherry import Wherry

pytestmark = [pytest.mark.root, pytest.mark.network]
MIRROR = "http://someone:geheim@deb.debian.org/debian"


def test_a_mirrors_password_is_in_no_file_and_no_history(wherry: Wherry) -> None:
    done = wherry.run("bootstrap", "base", "--variant", "essential", "--mirror", MIRROR, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "deb http://deb.debian.org/debian" in wherry(
        "run", "--rm", "base", "cat", "/etc/apt/sources.list"
    )
    found = wherry.run("run", "--rm", "base", "grep", "-rl", "geheim", "/etc", "/var", "/root", "/tmp")
    assert found.stdout == ""
    for said in ("downloading packages", "extracting archives", "cleaning"):
        assert f"\n  {said}" in done.stderr, "what takes minutes is shown"
    links = "ln -s java.1.gz /usr/share/man/man1/link.1.gz && ls /usr/share/man"
    kept = wherry("run", "--rm", "base", "sh", "-c", links)
    assert kept.split() == [f"man{section}" for section in range(1, 10)], "openjdk links into it"
    shown = done.stdout + done.stderr + wherry("history", "--no-trunc", "base") + wherry("inspect", "base")
    assert "geheim" not in shown


@pytest.mark.programs
def test_packages_that_link_manual_pages_while_they_are_configured(wherry: Wherry) -> None:
    wherry("bootstrap", "java", "--include", "openjdk-17-jre-headless", timeout=800)
    assert "openjdk version" in wherry.run("run", "--rm", "java", "java", "-version").stderr
