"""Where a name is asked for: registries.conf, and what is this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from wherry.errors import RegistryError
from wherry.oci.reference import parse
from wherry.registry.endpoints import endpoints, is_loopback
from wherry.registry.settings import Settings

DIGEST = "sha256:" + "a" * 64


def asked(tmp_path: Path, text: str, name: str, *, pulls: bool = True) -> list[tuple[str, str, bool]]:
    file = tmp_path / "registries.conf"
    file.write_text(text)
    settings = Settings(registries_files=(str(file),))
    return [(e.host, e.path, e.insecure) for e in endpoints(settings, parse(name), pulls=pulls)]


MIRRORS = """
[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "mirror.example:5000"
insecure = true
[[registry.mirror]]
location = "127.0.0.1:5000/hub"
pull-from-mirror = "digest-only"
"""
MOVED = """
[[registry]]
prefix = "example.com/old"
location = "127.0.0.1:5000/new"
[[registry]]
prefix = "*.corp.example"
location = "proxy.example/corp"
[[registry]]
prefix = "example.com/old/secret"
blocked = true
[aliases]
"fedora" = "registry.fedoraproject.org/fedora"
"""


@pytest.mark.parametrize(
    ("text", "name", "found"),
    [
        ("", "debian", [("registry-1.docker.io", "library/debian", False)]),
        ("", "docker.io/a/b", [("registry-1.docker.io", "a/b", False)]),
        ("", "localhost:5000/a", [("localhost:5000", "a", True)]),
        ("", "127.9.9.9:1/a", [("127.9.9.9:1", "a", True)]),
        ("", "quay.io/a/b", [("quay.io", "a/b", False)]),
        (
            "unqualified-search-registries = ['quay.io']",
            "a",
            [("registry-1.docker.io", "library/a", False)],
        ),
        (
            MIRRORS,
            "debian:12",
            [
                ("mirror.example:5000", "library/debian", True),
                ("registry-1.docker.io", "library/debian", False),
            ],
        ),
        (
            MIRRORS,
            f"debian@{DIGEST}",
            [
                ("mirror.example:5000", "library/debian", True),
                ("127.0.0.1:5000", "hub/library/debian", True),
                ("registry-1.docker.io", "library/debian", False),
            ],
        ),
        (MOVED, "example.com/old/app", [("127.0.0.1:5000", "new/app", True)]),
        (MOVED, "example.com/older", [("example.com", "older", False)]),
        (MOVED, "a.corp.example/app", [("proxy.example", "corp/app", False)]),
        (MOVED, "fedora:42", [("registry.fedoraproject.org", "fedora", False)]),
        (MOVED, "someone/fedora", [("registry-1.docker.io", "someone/fedora", False)]),
    ],
)
def test_where_a_name_is_asked_for(
    tmp_path: Path, text: str, name: str, found: list[tuple[str, str, bool]]
) -> None:
    assert asked(tmp_path, text, name) == found


def test_what_is_pushed_goes_to_the_registry_and_to_no_mirror(tmp_path: Path) -> None:
    assert asked(tmp_path, MIRRORS, "a/b", pulls=False) == [("registry-1.docker.io", "a/b", False)]


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        (MOVED, "example.com/old/secret/x", "example.com/old/secret is blocked"),
        ("[[registry", "a", "is not TOML"),
        ("\xff\xfe", "a", "is not TOML"),
    ],
)
def test_what_is_forbidden_or_broken_is_said(tmp_path: Path, text: str, name: str, says: str) -> None:
    with pytest.raises(RegistryError, match=says):
        asked(tmp_path, text, name)


@pytest.mark.parametrize(
    "text",
    [
        "registry = 5",
        "registry = [1, 'a']",
        "[[registry]]\nprefix = 5",
        "[[registry]]\nmirror = 7\nlocation = 'docker.io'",
        "[[registry]]\nlocation = 'docker.io'\n[[registry.mirror]]\nlocation = 5",
        "aliases = 3",
        "[aliases]\ndebian = 4",
    ],
)
def test_nonsense_in_the_right_form_is_passed_over(tmp_path: Path, text: str) -> None:
    assert asked(tmp_path, text, "debian")[-1][1].endswith("debian")


def test_drop_ins_overrule_the_file(tmp_path: Path) -> None:
    (tmp_path / "registries.conf.d").mkdir()
    (tmp_path / "registries.conf.d/9.conf").write_text(
        "[[registry]]\nprefix = 'quay.io'\nlocation = 'late.example'\n"
    )
    text = "[[registry]]\nprefix = 'quay.io'\nlocation = 'early.example'\n"
    assert asked(tmp_path, text, "quay.io/a") == [("late.example", "a", False)]


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("a.localhost:80", True),
        ("127.0.0.1", True),
        ("127.1.2.3:5000", True),
        ("[::1]:5000", True),
        ("[::1]", True),
        ("127.0.0.1.example.com", False),
        ("127.evil.example:5000", False),
        ("notlocalhost", False),
        ("10.0.0.1:5000", False),
        ("localhost.example.com", False),
    ],
)
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert is_loopback(host) == local
