"""What a pod hears about the client: wherry's words, those of trusted proxies, and nobody else's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from proxy.nginx.conftest import Open, Pods
from support.pods import Door, route
from wherry.proxy.nginx.headers import CLAIMS, MADE

LOCAL = ("127.0.0.0/8",)


def heard(door: Door, said: list[tuple[str, str]], path: str = "/") -> dict[str, str]:
    """The headers that the pod got of a request with those of `said`."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in said)
    head = f"GET {path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n{lines}\r\n"
    found: dict[str, str] = json.loads(door.say(head.encode()).partition(b"\r\n\r\n")[2])["headers"]
    return found


@pytest.mark.parametrize("spelling", [str, str.lower, str.upper, lambda name: name.replace("-", "_")])
def test_a_stranger_says_nothing_about_itself_under_any_name(
    serve: Open, pods: Pods, spelling: type[str]
) -> None:
    (pod,) = pods()
    said = [(spelling(name), "said") for name, _ in MADE if name != "Host"]
    said += [(spelling(name), "said") for name in CLAIMS]
    for trusted in ((), ("192.0.2.0/24",)):
        found = heard(serve(route(pod.address), trusted=trusted), [*said, ("X-Other", "said")])
        assert [name for name, value in found.items() if value == "said"] == ["x-other"]


@pytest.mark.parametrize("name", CLAIMS)
def test_a_trusted_proxy_is_passed_on(serve: Open, pods: Pods, name: str) -> None:
    (pod,) = pods()
    door = serve(route(pod.address), trusted=LOCAL)
    found = heard(door, [(name, "said $host; {}")])
    assert found[name.lower()] == "said $host; {}"
    others = {other.lower() for other in CLAIMS} - {name.lower()}
    assert not others & set(found), "what it did not say is not there, not even empty"


def test_a_header_that_the_client_declares_to_be_of_its_connection_stays(serve: Open, pods: Pods) -> None:
    """CVE-2024-45410 and CVE-2022-31813: `Connection: X-Forwarded-Host` took the proxy's header away."""
    (pod,) = pods()
    door = serve(route(pod.address))
    made = [name for name, value in MADE if value]
    assert {name.lower() for name in made} <= set(heard(door, [("Connection", ", ".join(made))]))


def test_even_of_a_trusted_proxy_the_id_and_the_host_are_wherrys_own(serve: Open, pods: Pods) -> None:
    (pod,) = pods()
    door = serve(route(pod.address), trusted=LOCAL)
    names = ("X-Request-Id", "X-Forwarded-Host", "X-Real-IP", "Forwarded")
    found = heard(door, [(name, "said") for name in names])
    assert "said" not in found.values() and found["x-forwarded-host"] == "a.example"


def test_nginx_has_nothing_to_warn_of(serve: Open, pods: Pods) -> None:
    """Neither of a table of names that is too small nor of variables that were never set."""
    (pod,) = pods()
    for trusted in ((), LOCAL, ("192.0.2.0/24",)):
        door = serve(route(pod.address), trusted=trusted, level="warn")
        heard(door, [])
        assert door.errors() == ""


def test_the_page_names_every_claim() -> None:
    page = (Path(__file__).parents[3] / "docs/proxy.md").read_text()
    said = page[page.index("The same things have other names") :].partition("\n\n")[0]
    assert set(CLAIMS) == named(said[: said.index("`Forwarded`")])


def named(text: str) -> set[str]:
    """The headers of a list in which one that begins with a dash goes on from the family before it."""
    found: set[str] = set()
    family = ""
    for word in re.findall("`([^`]+)`", text):
        if word.startswith("-"):
            found.add(family + word)
        else:
            found.add(word)
            family = "Ssl-Client" if word.startswith("Ssl-Client") else "X-Forwarded"
    return found
