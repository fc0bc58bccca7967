"""Programs of other languages than C, fat and slim: `make test-slim`.  As in test_programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.certificates import Authority
from support.ports import fetch, free_port
from support.slimmed import debian_with, program, slimmed
from support.wherry import Wherry

pytestmark = [pytest.mark.programs, pytest.mark.mounts, pytest.mark.runtime, pytest.mark.network]

PACKAGES = (
    *("ca-certificates", "tzdata", "python3-venv", "postgresql", "nodejs", "node-express"),
    *("ruby", "ruby-sinatra", "puma"),
    *("libmojolicious-perl", "libjson-xs-perl", "libdbd-sqlite3-perl"),
)


@pytest.fixture(scope="module")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wherry]:
    with debian_with(tmp_path_factory, *PACKAGES) as wherry:
        yield wherry


@pytest.fixture(scope="module")
def debian_with_rails(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wherry]:
    """Apart: gems that are there are found by whatever would use them if they were."""
    with debian_with(tmp_path_factory, "ruby-rails", "ruby-sqlite3", "puma", "tzdata") as wherry:
        yield wherry


def test_fastapi_and_requests_over_tls(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    authority = Authority(tmp_path / "ca")
    pair = authority.server("server", "/CN=localhost", ["IP:127.0.0.1"])
    context = program("fastapi", tmp_path, port=port)
    for file in (authority.certificate, pair.certificate, pair.key):
        shutil.copy(file, context)
    url = f"https://127.0.0.1:{port}/"
    one = slimmed(debian, context, "--probe", url, "--probe", f"{url}openapi.json")
    debian("run", "-d", "--rm", one.name)
    answer = json.loads(fetch(url, trusting=authority.certificate))
    assert answer == {"asked": {"name": "boat", "price": 1.5}, "trusts": True}
    assert one.size < 65_000_000


def test_django_with_psycopg_and_a_database(debian: Wherry, tmp_path: Path) -> None:
    """An image that needs a variable and a database, both of which `wherry slim` is given."""
    port, database = free_port(), free_port()
    debian.build(program("postgres", tmp_path, port=database), None, "-t", "database")
    debian("run", "-d", "--rm", "database")
    url = f"http://127.0.0.1:{port}/"
    needs = ("--env", f"DATABASE_PORT={database}")
    one = slimmed(
        debian,
        program("django", tmp_path, port=port),
        *(*needs, "--probe", url, "--probe", f"{url}admin/login/"),
    )
    debian("run", "-d", "--rm", *needs, one.name)
    assert fetch(url, within=60) == "42 15 ada 14"
    assert "csrfmiddlewaretoken" in fetch(f"{url}admin/login/")
    assert one.size < 110_000_000


def test_node_with_express(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    one = slimmed(debian, program("node", tmp_path, port=port), "--probe", f"http://127.0.0.1:{port}/")
    debian("run", "-d", "--rm", one.name)
    assert json.loads(fetch(f"http://127.0.0.1:{port}/")) == {"hello": "node", "zone": "1.1.1970"}
    assert one.size < 105_000_000


def test_node_as_docker_s_image_has_it_started_by_npm(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    one = slimmed(
        debian, program("dockernode", tmp_path, port=port), "--probe", f"http://127.0.0.1:{port}/"
    )
    debian("run", "-d", "--rm", one.name)
    assert json.loads(fetch(f"http://127.0.0.1:{port}/")) == {"hello": "node", "zone": "1.1.1970"}
    assert one.size < 160_000_000


@pytest.mark.parametrize(("target", "most"), [("jdk", 220_000_000), ("linked", 80_000_000)])
def test_java_of_a_jdk_and_of_its_linked_modules(
    debian: Wherry, tmp_path: Path, target: str, most: int
) -> None:
    port = free_port()
    one = slimmed(
        debian, program("java", tmp_path, port=port), "--probe", f"http://127.0.0.1:{port}/",
        build=("--target", target),
    )  # fmt: skip
    debian("run", "-d", "--rm", one.name)
    told = fetch(f"http://127.0.0.1:{port}/")
    assert told == "hello java 1970-01-01T09:00+09:00[Asia/Tokyo] true 1,234,567"
    assert one.size < most


def test_ruby_with_sinatra(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    one = slimmed(debian, program("sinatra", tmp_path, port=port), "--probe", url)
    debian("run", "-d", "--rm", one.name)
    assert json.loads(fetch(url)) == {"hello": "ruby", "latin": [0xE4]}
    assert fetch(f"{url}page") == "<p>42</p>", "nothing asked for that while it was tried"
    assert one.size < 45_000_000


def test_rails_with_records_and_a_view(debian_with_rails: Wherry, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    one = slimmed(debian_with_rails, program("rails", tmp_path, port=port), "--probe", url)
    debian_with_rails("run", "-d", "--rm", one.name)
    assert fetch(url, within=60) == "<ul><li>wherry $12.50</li></ul>"
    answer = json.loads(fetch(f"{url}json"))
    assert answer["boats"] == 1 and answer["said"] == "January 02, 2026", "nothing asked for that"
    assert one.size < 100_000_000


def test_perl_with_mojolicious_and_sqlite(debian: Wherry, tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    one = slimmed(debian, program("mojolicious", tmp_path, port=port), "--probe", url)
    debian("run", "-d", "--rm", one.name)
    assert fetch(url) == '{"b":[128],"n":42}'
    assert fetch(f"{url}page") == "<p>42</p>\n", "nothing asked for that while it was tried"
    assert one.size < 40_000_000
