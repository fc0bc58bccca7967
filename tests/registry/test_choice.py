"""Which image of an index is for a platform, and which proxy a request goes through."""

from __future__ import annotations

import json

import pytest

from wherry.errors import CorruptError, NotFoundError
from wherry.oci.platform import parse
from wherry.registry.choice import choose, entries
from wherry.remote.proxies import proxy_for


def index(*platforms: str | None) -> bytes:
    found = []
    for number, platform in enumerate(platforms):
        entry: dict[str, object] = {"mediaType": "m", "digest": f"sha256:{number:064x}", "size": 1}
        if platform is not None:
            os_name, machine, *variant = platform.split("/")
            entry["platform"] = {
                "os": os_name,
                "architecture": machine,
                **({"variant": variant[0]} if variant else {}),
            }
        found.append(entry)
    return json.dumps({"manifests": found}).encode()


@pytest.mark.parametrize(
    ("platforms", "wanted", "number"),
    [
        (("linux/amd64", "linux/arm64"), "linux/arm64", 1),
        (("linux/arm/v6", "linux/arm/v7"), "linux/arm/v7", 1),
        (("linux/arm/v5", "linux/arm/v6", "linux/arm/v8"), "linux/arm/v7", 1),
        (("linux/arm64/v8",), "linux/arm64", 0),
        (("unknown/unknown", "linux/amd64"), "linux/amd64", 1),
        (("linux/amd64", "linux/amd64"), "linux/amd64", 0),
        ((None,), "linux/riscv64", 0),
        (("windows/amd64", "linux/amd64/v2"), "linux/amd64", 1),
    ],
)
def test_the_image_for_a_platform(platforms: tuple[str | None, ...], wanted: str, number: int) -> None:
    found = choose(entries(index(*platforms), "index"), parse(wanted), "app")
    assert found.digest == f"sha256:{number:064x}"


@pytest.mark.parametrize(
    ("platforms", "hint"),
    [
        (("linux/amd64", "linux/s390x", "unknown/unknown"), "it has linux/amd64, linux/s390x"),
        (("linux/arm/v8",), "it has linux/arm/v8"),
        (("unknown/unknown",), "it has no images"),
        ((None, None), "it has no images"),
        ((), "it has no images"),
    ],
)
def test_there_is_none(platforms: tuple[str | None, ...], hint: str) -> None:
    with pytest.raises(NotFoundError, match="no matching manifest for linux/arm/v7") as raised:
        choose(entries(index(*platforms), "index"), parse("linux/arm/v7"), "app")
    assert raised.value.hint == hint


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"manifests": 5}',
        b'{"manifests":[{}]}',
        b'{"manifests":[{"digest":"x","size":1}]}',
    ],
)
def test_what_is_no_index(data: bytes) -> None:
    with pytest.raises(CorruptError):
        entries(data, "index")


@pytest.mark.parametrize(
    ("proxies", "scheme", "host", "proxy"),
    [
        ({}, "https", "h", ""),
        ({"https": "http://p:3"}, "https", "h", "http://p:3"),
        ({"https": "p:3"}, "https", "h", "http://p:3"),
        ({"http": "http://p:3"}, "https", "h", ""),
        ({"all": "http://p:3"}, "https", "h", "http://p:3"),
        ({"https": "http://p", "no": "h"}, "https", "h", ""),
        ({"https": "http://p", "no": "example.com"}, "https", "a.example.com", ""),
        ({"https": "http://p", "no": ".example.com"}, "https", "example.com", ""),
        ({"https": "http://p", "no": "example.com"}, "https", "badexample.com", "http://p"),
        ({"https": "http://p", "no": "x, h:443"}, "https", "h", ""),
        ({"https": "http://p", "no": "*"}, "https", "h", ""),
        ({"https": "http://p", "no": "10.0.0.0/8"}, "https", "10.1.2.3", ""),
        ({"https": "http://p", "no": "10.0.0.0/8,bad/net"}, "https", "11.1.2.3", "http://p"),
        ({"https": "http://p"}, "https", "127.0.0.1", ""),
        ({"https": "http://p"}, "https", "localhost", ""),
    ],
)
def test_the_proxy_of_a_request(proxies: dict[str, str], scheme: str, host: str, proxy: str) -> None:
    assert proxy_for(proxies, scheme, host) == proxy
