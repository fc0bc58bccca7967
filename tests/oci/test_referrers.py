"""Lists of who refers to a manifest."""

from __future__ import annotations

import json

import pytest

from wherry.errors import CorruptError
from wherry.oci.manifest import INDEX, MANIFEST, Descriptor
from wherry.oci.referrers import entry, fallback_tag, is_fallback_tag, listed, merged, subject_of

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64


def test_a_subject_is_a_digest_or_nothing() -> None:
    assert subject_of(json.dumps({"subject": {"digest": DIGEST}}).encode()) == DIGEST
    for value in ({}, {"subject": None}, {"subject": DIGEST}, {"subject": {"digest": "sha256:../x"}}):
        assert subject_of(json.dumps(value).encode()) == ""
    assert fallback_tag(DIGEST) == "sha256-" + "a" * 64


def test_an_entry_says_what_the_manifest_says_of_itself() -> None:
    own = Descriptor(MANIFEST, DIGEST, 9, {"not": "this"})
    data = json.dumps({"artifactType": "a/b", "config": {"mediaType": "c/d"}, "annotations": {"k": "v"}})
    assert entry(own, data.encode()) == {
        "mediaType": MANIFEST,
        "digest": DIGEST,
        "size": 9,
        "artifactType": "a/b",
        "annotations": {"k": "v"},
    }
    assert entry(own, b'{"config":{"mediaType":"c/d"}}')["artifactType"] == "c/d"
    assert entry(own, b'{"config":[],"annotations":[]}')["artifactType"] == ""


def test_a_list_keeps_what_it_has_and_names_each_once() -> None:
    first = listed(b"", {"digest": DIGEST})
    assert first is not None and json.loads(first)["mediaType"] == INDEX
    assert listed(first, {"digest": DIGEST}) is None
    kept = json.dumps({**json.loads(first), "annotations": {"theirs": "1"}}).encode()
    second = json.loads(listed(kept, {"digest": OTHER}) or b"")
    assert [each["digest"] for each in second["manifests"]] == [DIGEST, OTHER]
    assert second["annotations"] == {"theirs": "1"}


def test_two_lists_become_one_and_equal_ones_stay_as_they_are() -> None:
    ours = b'{"manifests": [{"digest":"%s"}],  "odd": 1}' % DIGEST.encode()
    theirs = b'{"manifests": [{"digest":"%s"}, 5, {"digest":"%s"}]}' % (DIGEST.encode(), OTHER.encode())
    assert merged(ours, ours) == ours
    value = json.loads(merged(ours, theirs))
    assert [each["digest"] for each in value["manifests"]] == [DIGEST, OTHER] and value["odd"] == 1
    assert is_fallback_tag(fallback_tag(DIGEST)) and not is_fallback_tag("sha256-x")


@pytest.mark.parametrize("data", [b"[]", b"x", b'{"manifests":{}}', b'{"mediaType":"a/b","manifests":[]}'])
def test_what_is_no_index_is_not_written_over(data: bytes) -> None:
    with pytest.raises(CorruptError):
        listed(data, {"digest": DIGEST})
