"""--selector means what kubectl's -l means, for everything that either takes."""

from __future__ import annotations

import itertools
import random
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cluster.apiserver import ApiServer
from cluster.objects import service
from support.wherry import Wherry
from wherry.kube.access import Finder
from wherry.kube.client import Client
from wherry.kube.reflector import Policy
from wherry.kube.selector import BadSelector, parse
from wherry.proxy.resources.service import SERVICES
from wherry.proxy.sources.cluster import Cluster

NAMESPACE = "selectors"
APPS: Sequence[str | None] = (None, "", "web", "api")
TIERS: Sequence[str | None] = (None, "", "front", "back.end-1_x")

WRITTEN = (
    "",
    "app",
    "!app",
    "! app",
    "app=web",
    "app==web",
    "app = web",
    "app!=web",
    "app=",
    "app!=",
    "app in (web)",
    "app in (web,api)",
    "app in ( web , api )",
    "app in(web)",
    "app in ()",
    "app in (,web)",
    "app notin (web)",
    "app notin (web,api)",
    "app notin ()",
    "app=web,tier=front",
    "app=web , tier=front",
    "app,tier",
    "app,!tier",
    "app=web,app=api",
    "app=web,app!=web",
    "tier=back.end-1_x",
    "in=web",
    "in in (web)",
    "notin",
    "example.com/team=a",
    "example.com/team",
    "!example.com/team",
    "Example.com/team",
    "example.com/",
    "/team",
    "a/b/c",
    "app=web,",
    ",app=web",
    "app=web,,tier=front",
    ",",
    "app web",
    "app=web tier=front",
    "app===web",
    "app=!web",
    "app in web",
    "app in (web",
    "app in web)",
    "app in (web api)",
    "app in ((web))",
    "(app)",
    "app notin",
    "!app=web",
    "!!app",
    "!",
    "=web",
    "-app=web",
    "app=-web",
    "app=web-",
    "app=w eb",
    "app=wäb",
    "app=web;tier=front",
    'app="web"',
    "app=" + "a" * 63,
    "app=" + "a" * 64,
    "a" * 63,
    "a" * 64,
    "a" * 250 + "/x",
    "a" * 254 + "/x",
    "app=web\n",
    "\tapp=web",
    "app\n=\nweb",
)


def made_up(number: int) -> list[str]:
    """Words that selectors are made of, in any order: most are no selectors, and many are."""
    chance = random.Random(35)
    words = ["app", "tier", "web", "front", "in", "notin", "(", ")", ",", "=", "==", "!=", "!", " ", ""]
    whole = ["app=web", "tier", "!tier", "app in (web,api)", "tier notin (front)", "app!=api"]
    scrambled = ["".join(chance.choices(words, k=chance.randint(1, 7))) for _ in range(number)]
    joined = [",".join(chance.choices(whole, k=chance.randint(2, 4))) for _ in range(number // 3)]
    return scrambled + joined


@pytest.fixture(scope="module")
def labelled(server: ApiServer) -> Iterator[ApiServer]:
    for number, (app, tier, team) in enumerate(itertools.product(APPS, TIERS, (None, "a"))):
        given = {"app": app, "tier": tier, "example.com/team": team, "in": app and "web"}
        labels = {key: value for key, value in given.items() if value is not None}
        server.create(service(NAMESPACE, f"s{number}", labels))
    yield server
    server.remove_created()


def by_kubectl(api: ApiServer, selector: str) -> set[str] | None:
    """None: it refuses the selector."""
    words = [str(api.programs / "kubectl"), "--kubeconfig", str(api.kubeconfig()), "-n", NAMESPACE]
    words += ["get", "svc", "-o", "name", f"--selector={selector}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return {line.removeprefix("service/") for line in done.stdout.split()}
    assert "selector" in done.stderr or "labels" in done.stderr or "parse" in done.stderr, done.stderr
    return None


def by_wherry(api: ApiServer, selector: str) -> set[str] | None:
    try:
        parse(selector)
    except BadSelector:
        return None
    client = Client(Finder(str(api.kubeconfig())), Policy())
    return {s.name for s in Cluster(client, [NAMESPACE], selector).list().of(SERVICES)}


@pytest.mark.parametrize("selector", WRITTEN)
def test_a_selector_gives_what_kubectl_gives(labelled: ApiServer, selector: str) -> None:
    assert by_wherry(labelled, selector) == by_kubectl(labelled, selector)


def test_words_in_any_order_are_taken_and_refused_as_by_kubectl(labelled: ApiServer) -> None:
    selectors = made_up(90)
    found = {selector: by_wherry(labelled, selector) for selector in selectors}
    assert found == {selector: by_kubectl(labelled, selector) for selector in selectors}
    assert sum(names is not None for names in found.values()) > 30, "too few of them are selectors"
    assert sum(names is None for names in found.values()) > 30, "too few of them are none"


def test_the_command_takes_it_and_refuses_it(labelled: ApiServer, tmp_path: Path) -> None:
    wherry = Wherry(tmp_path / "store")
    words = ["proxy", "render", "--kubeconfig", str(labelled.kubeconfig()), "-n", NAMESPACE]
    text = wherry(*words, "--selector", "app in (web),tier=front,!example.com/team")
    assert [n for n in range(32) if f"s{n}.{NAMESPACE}.cluster.local" in text] == [20]
    said = wherry.fails(*words, "--selector", "app in web", code=125)
    assert "--selector: in and notin take values in parentheses\nhint: as kubectl" in said
