"""Keys: everything that a step reads changes its key, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from wherry.builder.plan import keys

RUN: dict[str, Any] = {
    "chain": "c",
    "argv": ["/bin/sh", "-c", "x"],
    "env": ["A=1"],
    "user": "",
    "workdir": "/",
    "network": "host",
}
COPY: dict[str, Any] = {
    "chain": "c",
    "content": "f",
    "dest": "/d",
    "owner": None,
    "mode": None,
    "unpack": False,
}


def test_keys_are_what_they_were() -> None:
    """Stores and shared caches live on: whoever changes a key has to raise VERSION, and these."""
    assert keys.VERSION == 3
    assert keys.run_key(**RUN).digest == (
        "88a22fb94fcae1118a52c6a4d8f781587c4836e8f231ddb28755cc63f326df55"
    )
    assert keys.copy_key(**COPY).digest == (
        "5661eea6fbe481d15d18dfe321af8a85deb1f174895e8a1c52ac4399a408f291"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"chain": "d"},
        {"argv": ["/bin/sh", "-c x"]},
        {"env": []},
        {"env": ["A=1", "B=2"]},
        {"user": "u"},
        {"workdir": "/w"},
        {"network": "none"},
        {"scripts": {"s": "#!"}},
        {"security": "insecure"},
        {"platform": "linux/arm64"},
        {"hosts": ["a:1"]},
    ],
)
def test_all_that_a_run_reads_is_in_its_key(change: dict[str, Any]) -> None:
    assert keys.run_key(**{**RUN, **change}).digest != keys.run_key(**RUN).digest


def test_what_is_empty_does_not_count() -> None:
    assert keys.run_key(**RUN, scripts={}, security="", hosts=[]) == keys.run_key(**RUN)


@pytest.mark.parametrize(
    "change",
    [
        {"chain": ""},
        {"content": "g"},
        {"dest": "/e"},
        {"owner": (0, 0)},
        {"mode": "0755"},
        {"unpack": True},
    ],
)
def test_all_that_a_copy_reads_is_in_its_key(change: dict[str, Any]) -> None:
    assert keys.copy_key(**{**COPY, **change}).digest != keys.copy_key(**COPY).digest


def test_steps_of_two_kinds_have_no_key_in_common() -> None:
    found = [
        keys.run_key(**RUN),
        keys.with_mounts(keys.run_key(**RUN), [{"target": "/m"}]),
        keys.copy_key(**COPY),
        keys.copy_from_key("c", "s", ["/a"], "/d", "", "", {}),
        keys.unseen_copy_key("c", "f", "/d", "/", "", "", {}),
        keys.workdir_key("c", "/d"),
        keys.workdir_key("c", "/d", (7, 7)),
        keys.unseen_workdir_key("c", "/d", ""),
        keys.image_key(b"c"),
    ]
    assert len({key.digest for key in found}) == len(found)


def test_mounts_are_added_to_what_the_run_is() -> None:
    key = keys.with_mounts(keys.run_key(**RUN), [{"target": "/m"}])
    assert key.components["mounts"] == [{"target": "/m"}]
    assert {k: v for k, v in key.components.items() if k != "mounts"} == keys.run_key(**RUN).components


def test_names_that_are_no_utf8_have_keys() -> None:
    assert keys.copy_key(**{**COPY, "dest": "/\udcff"}).digest != keys.copy_key(**COPY).digest
