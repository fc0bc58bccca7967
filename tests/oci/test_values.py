"""References, digests, manifests and configs: what is read, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wherry.errors import CorruptError, InvalidReferenceError, WherryError
from wherry.oci import config, manifest, reference
from wherry.oci.digest import chain_id, digest_of, is_digest

A = "sha256:" + "a" * 64
B = "sha256:" + "b" * 64


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("debian", "docker.io/library/debian:latest", "debian:latest"),
        ("debian:bookworm", "docker.io/library/debian:bookworm", "debian:bookworm"),
        ("me/app", "docker.io/me/app:latest", "me/app:latest"),
        ("docker.io/me/app:1", "docker.io/me/app:1", "me/app:1"),
        ("index.docker.io/library/x", "docker.io/library/x:latest", "x:latest"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c"),
        ("reg.example/a__b/c-d.e", "reg.example/a__b/c-d.e:latest", "reg.example/a__b/c-d.e:latest"),
        (f"x@{A}", f"docker.io/library/x@{A}", f"x@{A}"),
    ],
)
def test_references_as_docker_reads_them(text: str, canonical: str, familiar: str) -> None:
    found = reference.parse(text)
    assert (found.canonical(), found.familiar()) == (canonical, familiar)
    assert reference.from_canonical(canonical) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":tag",
        "UPPER",
        "a b",
        "a//b",
        "a:",
        "a:b:c",
        "-a",
        "a_",
        "a:-t",
        "x@sha256:12",
        "a\n",
        "a/../b",
        "é",
    ]
    + ["a" * 64, "x" * 256],
)
def test_names_that_no_one_may_write(text: str) -> None:
    with pytest.raises(InvalidReferenceError):
        reference.parse(text)


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_refused_and_what_is_read_is_stable(text: str) -> None:
    try:
        found = reference.parse(text)
    except InvalidReferenceError:
        return
    assert reference.parse(found.canonical()) == found
    assert reference.parse(found.familiar()) == found


def test_digests_and_chain_ids() -> None:
    assert digest_of(b"") == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert is_digest(A) and not is_digest("sha256:" + "A" * 64) and not is_digest(None)
    assert chain_id([A]) == A
    assert chain_id([A, B]) == digest_of(f"{A} {B}".encode())


CONFIG = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Env": ["A=1"], "Cmd": ["x"]},
    "rootfs": {"type": "layers", "diff_ids": [A]},
    "history": [{"created_by": "x"}, {"created_by": "y", "empty_layer": True}],
    "vendor.extension": {"kept": True},
}


def test_a_config_survives_with_members_that_nobody_knows() -> None:
    found = config.parse(json.dumps(CONFIG).encode())
    again = json.loads(found.to_json())
    assert again["vendor.extension"] == {"kept": True}
    assert again["rootfs"] == CONFIG["rootfs"]
    assert config.parse(json.dumps(again).encode()) == found


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.sampled_from(sorted(CONFIG)), JSON)
def test_a_hostile_config_is_corrupt_and_nothing_else(member: str, value: Any) -> None:
    try:
        config.parse(json.dumps({**CONFIG, member: value}).encode())
    except CorruptError:
        pass


MANIFEST = {
    "schemaVersion": 2,
    "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": A, "size": 2},
    "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": B, "size": 3}],
}


@settings(max_examples=300)
@given(st.sampled_from(sorted(MANIFEST)), JSON)
def test_a_hostile_manifest_is_corrupt_and_nothing_else(member: str, value: Any) -> None:
    for read in (manifest.parse, manifest.parse_index):
        try:
            read(json.dumps({**MANIFEST, member: value}).encode())
        except CorruptError:
            pass


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_as_json(data: bytes) -> None:
    for read in (manifest.parse, manifest.parse_index, config.parse):
        with pytest.raises(WherryError):
            read(data)


@pytest.mark.parametrize(
    ("text", "meant"),
    [("UPPER", "upper"), ("My/App:V1", "my/app:V1"), ("host.io:5000/A/b", "host.io:5000/a/b")],
)
def test_a_name_in_capitals_is_answered_with_the_one_that_was_meant(text: str, meant: str) -> None:
    with pytest.raises(InvalidReferenceError, match="must be lowercase") as raised:
        reference.parse(text)
    assert raised.value.hint == f"did you mean {meant}?"
    reference.parse(meant)
