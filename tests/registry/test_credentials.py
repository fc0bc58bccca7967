"""Who we are to a registry: docker's and podman's files, and the helpers that they name."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path

import pytest

from wherry.errors import RegistryError
from wherry.registry.credentials import Credentials, find, forget, save
from wherry.registry.settings import Settings, from_environment

HELPER = """#!/bin/sh
echo "$1 $(cat)" >> {log}
case $1 in
get) {get} ;;
esac
"""


def encoded(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def settings(tmp_path: Path, *files: object, path: str = os.defpath) -> Settings:
    names = []
    for number, value in enumerate(files):
        file = tmp_path / f"auth{number}.json"
        file.write_text(value if isinstance(value, str) else json.dumps(value))
        names.append(str(file))
    return Settings(auth_files=tuple(names), login_file=names[0] if names else "", path=path)


@pytest.mark.parametrize(
    ("auths", "host", "path", "found"),
    [
        ({"h:5000": {"auth": encoded("u", "p:w")}}, "h:5000", "", ("u", "p:w", "")),
        ({"https://h:5000": {"auth": encoded("u", "p")}}, "h:5000", "a", ("u", "p", "")),
        ({"https://h/v1/": {"auth": encoded("u", "p")}}, "h", "a", ("u", "p", "")),
        ({"http://h": {"username": "u", "password": "p"}}, "h", "a", ("u", "p", "")),
        ({"https://index.docker.io/v1/": {"auth": encoded("u", "p")}}, "docker.io", "a", ("u", "p", "")),
        ({"docker.io": {"auth": encoded("u", "p")}}, "docker.io", "a", ("u", "p", "")),
        ({"h": {"identitytoken": "t"}}, "h", "a", ("", "", "t")),
        (
            {"h": {"auth": encoded("u", "p")}, "h/a": {"auth": encoded("v", "q")}},
            "h",
            "a/b",
            ("v", "q", ""),
        ),
        ({"h/a": {"auth": encoded("v", "q")}}, "h", "ab", None),
        ({"h": {}}, "h", "a", None),
        ({"other": {"auth": encoded("u", "p")}}, "h", "a", None),
        ({"h": {"auth": encoded("", "")}}, "h", "a", None),
        ({"h": 5}, "h", "a", None),
    ],
)
def test_what_a_file_says(
    tmp_path: Path, auths: object, host: str, path: str, found: tuple[str, str, str] | None
) -> None:
    known = find(settings(tmp_path, {"auths": auths}), host, path)
    assert known == (Credentials(*found) if found else None)


def test_the_first_file_that_knows_the_registry_wins(tmp_path: Path) -> None:
    first, second = (
        {"auths": {"g": {"auth": encoded("u", "p")}}},
        {"auths": {"h": {"auth": encoded("v", "q")}}},
    )
    assert find(settings(tmp_path, first, second), "h") == Credentials("v", "q")
    assert find(settings(tmp_path, {}, {}), "h") is None
    assert find(Settings(auth_files=("/nowhere/config.json",)), "h") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ("[" * 100_000, "is not JSON"),
        ('{"auths":{"h":{"auth":"!!!"}}}', "is no user and password"),
        ('{"auths":{"h":{"auth":"/w=="}}}', "is no user and password"),
        ('{"credsStore":"nosuch"}', "docker-credential-nosuch is not on PATH"),
        ('{"credsStore":"../../bin/sh"}', "is not on PATH"),
    ],
)
def test_what_is_broken_is_said_and_no_password_with_it(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(RegistryError, match=says):
        find(settings(tmp_path, text), "h")


def helper(tmp_path: Path, get: str) -> tuple[str, Path]:
    """The PATH on which docker-credential-mine is, and what it was asked."""
    folder, log = tmp_path / "bin", tmp_path / "log"
    folder.mkdir()
    program = folder / "docker-credential-mine"
    program.write_text(HELPER.format(log=log, get=get))
    program.chmod(0o755)
    return f"{folder}:{os.defpath}", log


def test_a_helper_gives_and_takes_by_standard_input(tmp_path: Path) -> None:
    path, log = helper(tmp_path, """echo '{"ServerURL":"h","Username":"u","Secret":"s"}'""")
    known = settings(tmp_path, {"credHelpers": {"h": "mine"}}, path=path)
    assert find(known, "h") == Credentials("u", "s")
    assert save(known, "h", Credentials("v", "geheim")) == ("mine", True)
    assert forget(known, "h")
    assert log.read_text().splitlines() == [
        "get h",
        'store {"ServerURL": "h", "Username": "v", "Secret": "geheim"}',
        "erase h",
    ]
    assert "geheim" not in (tmp_path / "auth0.json").read_text()


@pytest.mark.parametrize(
    ("get", "found"),
    [
        ("""echo '{"Username":"<token>","Secret":"s"}'""", Credentials(token="s")),
        ("echo credentials not found in native keychain; exit 1", None),
    ],
)
def test_what_else_a_helper_says(tmp_path: Path, get: str, found: Credentials | None) -> None:
    path, _ = helper(tmp_path, get)
    assert find(settings(tmp_path, {"credsStore": "mine"}, path=path), "h") == found


@pytest.mark.parametrize("get", ["echo no JSON", "echo '{}'", "echo locked >&2; exit 3", "echo '[1]'"])
def test_a_helper_that_fails_is_an_error(tmp_path: Path, get: str) -> None:
    path, _ = helper(tmp_path, get)
    with pytest.raises(RegistryError, match="docker-credential-mine"):
        find(settings(tmp_path, {"credsStore": "mine"}, path=path), "h")


def test_login_keeps_what_else_the_file_says_and_is_its_owners_alone(tmp_path: Path) -> None:
    known = settings(
        tmp_path, {"auths": {"https://h/v1/": {"auth": "eDp5"}, "g": {"auth": "eDp5"}}, "x": 1}
    )
    file = tmp_path / "auth0.json"
    file.chmod(0o644)
    assert save(known, "h", Credentials("u", "p")) == (str(file), False)
    assert json.loads(file.read_text()) == {
        "auths": {"g": {"auth": "eDp5"}, "h": {"auth": encoded("u", "p")}},
        "x": 1,
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert forget(known, "h") and not forget(known, "h")
    assert list(json.loads(file.read_text())["auths"]) == ["g"]


def test_login_writes_to_what_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    real, link = tmp_path / "dotfiles/config.json", tmp_path / "home/.docker/config.json"
    real.write_text("{}")
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    save(Settings(login_file=str(link)), "h", Credentials("u", "p"))
    assert link.is_symlink() and "auths" in real.read_text()


def test_where_the_files_are() -> None:
    plain = from_environment({}, "/home/me")
    assert plain.login_file == "/home/me/.docker/config.json"
    assert plain.auth_files == ("/home/me/.docker/config.json", "/home/me/.config/containers/auth.json")
    told = from_environment({"REGISTRY_AUTH_FILE": "/a.json", "DOCKER_CONFIG": "/d"}, "/home/me")
    assert (told.auth_files, told.login_file) == (("/a.json",), "/a.json")
    assert from_environment({"DOCKER_CONFIG": "/d"}, "/home/me").login_file == "/d/config.json"


def test_small_letters_win_and_a_client_of_cgi_names_no_proxy() -> None:
    found = from_environment({"HTTPS_PROXY": "a", "https_proxy": "b", "NO_PROXY": "c"}, "/")
    assert found.proxies == {"https": "b", "no": "c"}
    assert from_environment({"HTTP_PROXY": "a", "REQUEST_METHOD": "GET"}, "/").proxies == {}
