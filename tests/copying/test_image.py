"""``wherry copy``: images from place to place as they are; and ``manifest inspect``."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

import pytest
import urllib3

from fakes.registry import FakeRegistry, Request, cut, digest, fake_registry
from registry.test_faults import PIECE, SIZE, layer, put_image, stops
from support.registry import Registry
from support.wherry import Wherry

pytestmark = [pytest.mark.registry]
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def put_index(fake: FakeRegistry, name: str) -> str:
    """An index of two platforms, an attestation, and members that nobody knows; oddly spaced."""
    found = []
    for number, machine in enumerate(("amd64", "arm64")):
        put_image(fake, name, [layer(number)], tag=machine, architecture=machine)
        data = fake.manifests[name, machine][1]
        platform = {"os": "linux", "architecture": machine}
        found.append({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(data),
                      "size": len(data), "platform": platform, "x": 1})  # fmt: skip
    text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": found, "odd": [1]}, indent=5)
    return fake.put(name, "latest", INDEX, text.encode())


def same(one: FakeRegistry, name: str, two: FakeRegistry, other: str) -> None:
    for (where, reference), found in one.manifests.items():
        if where == name and reference.startswith("sha256:"):
            assert two.manifests[other, reference] == found
    assert one.blobs == two.blobs


def test_an_index_goes_from_registry_to_registry_byte_for_byte(wherry: Wherry, fake: FakeRegistry) -> None:
    top = put_index(fake, "a/b")
    with fake_registry() as there:
        words = (f"docker://{fake.host}/a/b", f"docker://{there.host}/c:2")
        assert wherry("copy", "-q", *words) == top
        same(fake, "a/b", there, "c")
        assert there.manifests["c", "2"] == fake.manifests["a/b", "latest"]
        there.asked.clear()
        assert "Already there" in wherry("copy", *words)
        assert there.count("PATCH", "") == 0


def test_one_platform_alone(wherry: Wherry, fake: FakeRegistry) -> None:
    put_index(fake, "a")
    with fake_registry() as there:
        words = (f"docker://{fake.host}/a", f"docker://{there.host}/a")
        copied = wherry("copy", "-q", "--platform", "linux/arm64", *words)
        assert there.manifests["a", "latest"] == fake.manifests["a", "arm64"]
        assert copied == digest(fake.manifests["a", "arm64"][1]) and len(there.blobs) == 2


def put_foreign(fake: FakeRegistry, *, there: bool) -> str:
    """An image whose only layer names another place for its bytes; its digest there is returned."""
    put_image(fake, "a", [layer()])
    value = json.loads(fake.manifests["a", "latest"][1])
    (foreign,) = value["layers"]
    foreign["mediaType"] = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    foreign["urls"] = ["https://files.invalid/layer"]
    fake.put("a", "latest", value["mediaType"], json.dumps(value).encode())
    if not there:
        del fake.blobs[foreign["digest"]]
    return str(foreign["digest"])


@pytest.mark.parametrize("there", [False, True])
def test_a_foreign_layer_goes_along_where_its_bytes_are_and_is_named_where_they_are_not(
    wherry: Wherry, fake: FakeRegistry, tmp_path: Path, there: bool
) -> None:
    digest = put_foreign(fake, there=there)
    with fake_registry() as other:
        said = wherry("copy", f"docker://{fake.host}/a", f"oci:{tmp_path}/layout:1")
        assert ("Skipped foreign layer" in said) != there
        wherry("copy", "-q", f"oci:{tmp_path}/layout:1", f"docker://{other.host}/a")
        assert other.manifests["a", "latest"] == fake.manifests["a", "latest"]
        assert (digest in other.blobs) == there
        assert other.count("POST", "/uploads/") == (2 if there else 1)  # nothing begun is left behind


@pytest.mark.parametrize("target", ["docker-archive:{}/x.tar:x", "wherry:x"])
def test_what_needs_a_foreign_layer_s_bytes_says_that_they_are_elsewhere(
    wherry: Wherry, fake: FakeRegistry, tmp_path: Path, target: str
) -> None:
    put_foreign(fake, there=False)
    said = wherry.fails("copy", f"docker://{fake.host}/a", target.format(tmp_path), code=1)
    assert "is foreign" in said and not (tmp_path / "x.tar").exists()


def test_what_is_in_one_registry_is_not_sent(wherry: Wherry, fake: FakeRegistry) -> None:
    put_index(fake, "a")
    wherry("copy", "-q", f"docker://{fake.host}/a", f"docker://{fake.host}/b")
    assert fake.count("PATCH", "") == 0 and fake.count("GET", "/blobs/sha256") == 0
    assert fake.manifests["b", "latest"] == fake.manifests["a", "latest"]


def test_signatures_and_referrers_come_along_when_asked_for(wherry: Wherry, fake: FakeRegistry) -> None:
    top = put_index(fake, "a")
    put_image(fake, "a", [layer(7, 100)], tag=top.replace(":", "-") + ".sig")
    with fake_registry() as there:
        words = (f"docker://{fake.host}/a", f"docker://{there.host}/a")
        wherry("copy", "-q", *words)
        assert not [tag for _, tag in there.manifests if tag.endswith(".sig")]
        wherry("copy", "-q", "--all", *words)
        assert [tag for _, tag in there.manifests if tag.endswith(".sig")]
        same(fake, "a", there, "a")


def put_artifact(fake: FakeRegistry, name: str, subject: str, text: bytes) -> str:
    """What is attached to a manifest; its digest."""
    blob = {"mediaType": "text/plain", "digest": fake.put_blob(text), "size": len(text)}
    value = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "x/y",
        "config": {**blob, "mediaType": "application/vnd.oci.empty.v1+json"},
        "layers": [blob],
        "subject": {"mediaType": MANIFEST, "digest": subject, "size": 1},
        "annotations": {"text": text.decode()},
    }
    return fake.put(name, text.decode(), MANIFEST, json.dumps(value).encode())


def test_what_is_attached_is_listed_where_the_registry_lists_nothing(
    wherry: Wherry, fake: FakeRegistry
) -> None:
    subject = put_image(fake, "a", [layer(1, 100)])
    made = [put_artifact(fake, "a", subject, text) for text in (b"one", b"two")]
    with fake_registry() as there:
        for tag in ("one", "two", "one"):
            wherry("copy", "-q", f"docker://{fake.host}/a:{tag}", f"docker://{there.host}/a:{tag}")
        kind, data = there.manifests["a", subject.replace(":", "-")]
        listed = json.loads(data)["manifests"]
    assert kind == INDEX and [each["digest"] for each in listed] == made
    assert listed[0]["artifactType"] == "x/y" and listed[1]["annotations"] == {"text": "two"}


def test_what_is_attached_there_stays_listed_when_more_comes_along(
    wherry: Wherry, fake: FakeRegistry
) -> None:
    subject = put_image(fake, "a", [layer(1, 100)])
    tag = subject.replace(":", "-")
    with fake_registry() as there:
        made = []
        for place, text in ((fake, b"ours"), (there, b"theirs")):
            put_image(place, "a", [layer(1, 100)])
            made.append(put_artifact(place, "a", subject, text))
            entry = {
                "mediaType": MANIFEST,
                "digest": made[-1],
                "size": len(place.manifests["a", made[-1]][1]),
            }
            place.put("a", tag, INDEX, json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
        wherry("copy", "-q", "--all", f"docker://{fake.host}/a", f"docker://{there.host}/a")
        listed = json.loads(there.manifests["a", tag][1])["manifests"]
        assert sorted(each["digest"] for each in listed) == sorted(made)
        assert there.manifests["a", made[0]] == fake.manifests["a", made[0]]


def listed(registry: Registry, name: str, subject: str) -> list[str]:
    """What a registry says is attached there; by a tag where it answers no such question."""
    for path in (f"referrers/{subject}", f"manifests/{subject.replace(':', '-')}"):
        address = f"http://{registry.host}/v2/{name}/{path}"
        answer = urllib3.request("GET", address, headers={"Accept": INDEX}, retries=False)
        if answer.status == 200:
            return [each["digest"] for each in answer.json()["manifests"]]
    raise AssertionError(f"{answer.status} {answer.data!r}")


def test_what_is_attached_goes_to_a_real_registry_and_comes_back(
    wherry: Wherry, fake: FakeRegistry, registry: Registry
) -> None:
    subject = put_image(fake, "a", [layer(1, 100)])
    made = put_artifact(fake, "a", subject, b"one")
    entry = {"mediaType": MANIFEST, "digest": made, "size": len(fake.manifests["a", made][1])}
    tag = subject.replace(":", "-")
    fake.put("a", tag, INDEX, json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode())
    there = f"docker://{registry.host}/attached/a"
    wherry("copy", "-q", "--all", f"docker://{fake.host}/a", there)
    assert listed(registry, "attached/a", subject) == [made]
    with fake_registry() as back:
        wherry("copy", "-q", "--all", there, f"docker://{back.host}/a")
        same(fake, "a", back, "a")
        assert [each["digest"] for each in json.loads(back.manifests["a", tag][1])["manifests"]] == [made]


def test_a_registry_that_knows_of_subjects_gets_no_list(wherry: Wherry, fake: FakeRegistry) -> None:
    subject = put_image(fake, "a", [layer(1, 100)])
    put_artifact(fake, "a", subject, b"one")

    def knowing(request: Request) -> bool:
        if request.command != "PUT" or "/manifests/" not in request.path:
            return False
        data = request.body()
        there.put("a", "one", request.headers["Content-Type"], data)
        request.answer(201, OCI_Subject=subject)
        return True

    with fake_registry() as there:
        there.hooks.append(knowing)
        wherry("copy", "-q", f"docker://{fake.host}/a:one", f"docker://{there.host}/a:one")
        assert {tag for _, tag in there.manifests if not tag.startswith("sha256:")} == {"one"}


def test_a_tag_that_is_no_list_is_not_written_over(wherry: Wherry, fake: FakeRegistry) -> None:
    subject = put_image(fake, "a", [layer(1, 100)])
    put_artifact(fake, "a", subject, b"one")
    tag = subject.replace(":", "-")
    with fake_registry() as there:
        put_image(there, "a", [layer(2, 100)], tag=tag)
        before = there.manifests["a", tag]
        said = wherry.fails(
            "copy", "-q", f"docker://{fake.host}/a:one", f"docker://{there.host}/a:one", code=1
        )
        assert f"{tag} stands for something else" in said and there.manifests["a", tag] == before


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_by_folders_and_archives_and_back(
    wherry: Wherry, fake: FakeRegistry, tmp_path: Path, kind: str
) -> None:
    top = put_index(fake, "a")
    put_image(fake, "a", [layer(3)], tag="other")
    place = f"{kind}:{tmp_path}/place"
    assert wherry("copy", "-q", f"docker://{fake.host}/a", f"{place}:one") == top
    if kind == "oci":
        wherry("copy", "-q", f"docker://{fake.host}/a:other", f"{place}:two")
    with fake_registry() as there:
        assert wherry("copy", "-q", f"{place}:one", f"docker://{there.host}/c") == top
        if kind == "oci":
            wherry("copy", "-q", f"{place}:two", f"docker://{there.host}/c:other")
            assert "has no image alone" in wherry.fails("copy", place, f"docker://{there.host}/d", code=1)
        else:
            assert wherry("copy", "-q", place, f"docker://{there.host}/c") == top
            del fake.manifests["a", "other"]
        assert {tag for _, tag in there.manifests} >= {"latest", top}
        assert all(there.blobs[name] == fake.blobs[name] for name in there.blobs)


def test_skopeo_reads_what_copy_wrote(bb: Wherry, registry: Registry, tmp_path: Path) -> None:
    name = f"docker://{registry.host}/copy/skopeo"
    bb("tag", "bb", name.removeprefix("docker://"))
    bb("push", "-q", name.removeprefix("docker://"))
    bb("copy", "-q", name, f"oci:{tmp_path}/layout:1")
    bb("copy", "-q", name, f"oci-archive:{tmp_path}/a.tar:1")
    for number, place in enumerate((f"oci:{tmp_path}/layout:1", f"oci-archive:{tmp_path}/a.tar:1")):
        copy = ["skopeo", "copy", "-q", "--preserve-digests", place, f"dir:{tmp_path}/{number}"]
        subprocess.run(copy, check=True)
    for theirs in (f"oci:{tmp_path}/theirs:x", f"oci-archive:{tmp_path}/theirs.tar:x"):
        subprocess.run(["skopeo", "copy", "-q", f"oci:{tmp_path}/layout:1", theirs], check=True)
    bb("copy", "-q", f"oci:{tmp_path}/theirs:x", f"docker://{registry.host}/copy/back")
    bb("copy", "-q", f"oci-archive:{tmp_path}/theirs.tar", f"docker://{registry.host}/copy/archive")
    with tarfile.open(tmp_path / "a.tar") as archive:
        assert {"oci-layout", "index.json"} <= set(archive.getnames())


def test_a_line_that_is_cut_on_both_sides_goes_on(wherry: Wherry, fake: FakeRegistry) -> None:
    put_image(fake, "a", [layer()])
    fake.hooks.append(cut("", 3 * PIECE, 2))
    with fake_registry() as there:
        there.hooks.append(stops(PIECE, 2))
        wherry("copy", "-q", f"docker://{fake.host}/a", f"docker://{there.host}/a")
        same(fake, "a", there, "a")


@pytest.mark.parametrize("there", ["docker", "oci"])
def test_what_is_damaged_is_not_copied(
    wherry: Wherry, fake: FakeRegistry, tmp_path: Path, there: str
) -> None:
    put_image(fake, "a", [layer()])
    name = json.loads(fake.manifests["a", "latest"][1])["layers"][0]["digest"]
    fake.blobs[name] = bytes(len(fake.blobs[name]))
    with fake_registry() as other:
        place = f"docker://{other.host}/a" if there == "docker" else f"oci:{tmp_path}/layout"
        said = wherry.fails("copy", f"docker://{fake.host}/a", place, code=1)
        assert "came with" in said or "digest invalid" in said
        assert not other.manifests and name not in other.blobs
    assert not (tmp_path / "layout/index.json").exists()
    assert not (tmp_path / "layout/blobs/sha256" / name[7:]).exists()


def test_a_blob_that_was_cut_off_in_a_folder_is_said_at_once(
    wherry: Wherry, fake: FakeRegistry, tmp_path: Path
) -> None:
    put_image(fake, "a", [layer()])
    wherry("copy", "-q", f"docker://{fake.host}/a", f"oci:{tmp_path}/layout:1")
    name = json.loads(fake.manifests["a", "latest"][1])["layers"][0]["digest"]
    file = tmp_path / "layout/blobs/sha256" / name[7:]
    file.write_bytes(file.read_bytes()[:1000])
    with fake_registry() as there:
        words = (f"oci:{tmp_path}/layout:1", f"docker://{there.host}/a")
        said = wherry.fails("copy", *words, code=1, timeout=30)
        assert name in said and "came with 1000 bytes" in said and "were promised" in said
        assert not there.manifests


@pytest.mark.parametrize(
    ("words", "says", "code"),
    [
        (("docker://a",), "requires exactly 2 arguments", 1),
        (("a", "oci:x"), "'a' is no place of an image", 125),
        (("docker:a", "oci:x"), "docker://a", 125),
        (("dokcer://a", "oci:x"), "did you mean docker:?", 125),
        (("docker-archive:x", "oci:x"), "open x: no such file", 1),
        (("docker-daemon:x", "oci:x"), "wherry save NAME | docker load", 1),
        (("docker-archive:x:UPPER", "oci:x"), "repository name must be lowercase", 1),
        (("wherry:nothing", "oci:x"), "No such image: nothing", 1),
        (("wherry:a", "wherry:B"), "repository name must be lowercase", 1),
        (("docker://A", "oci:x"), "repository name must be lowercase", 1),
        (("oci:nowhere", "oci:x"), "is no OCI layout", 1),
        (("oci-archive:nowhere", "oci:x"), "no such file", 1),
        (("docker://127.0.0.1:1/a", "oci:x"), "connection refused", 1),
    ],
)
def test_what_cannot_be_copied(
    wherry: Wherry, tmp_path: Path, words: tuple[str, ...], says: str, code: int
) -> None:
    assert says in wherry.fails("copy", *words, code=code, cwd=tmp_path)
    assert not (tmp_path / "x/index.json").exists()


def test_manifest_inspect(wherry: Wherry, fake: FakeRegistry) -> None:
    top = put_index(fake, "a")
    shown = json.loads(wherry("manifest", "inspect", f"{fake.host}/a"))
    assert [m["platform"]["architecture"] for m in shown["manifests"]] == ["amd64", "arm64"]
    about = json.loads(wherry("manifest", "inspect", "-v", f"{fake.host}/a@{top}"))
    assert about["Descriptor"]["digest"] == top
    raw = [*wherry.prefix, "manifest", "inspect", "--raw", f"{fake.host}/a"]
    done = subprocess.run(raw, capture_output=True, env=wherry.env)
    assert "sha256:" + hashlib.sha256(done.stdout).hexdigest() == top
    assert "not found" in wherry.fails("manifest", "inspect", f"{fake.host}/b", code=1)


def test_bytes_are_counted(wherry: Wherry, fake: FakeRegistry) -> None:
    put_image(fake, "a", [layer()])
    with fake_registry() as there:
        wherry("copy", "-q", f"docker://{fake.host}/a", f"docker://{there.host}/a")
        sent = [int(a.headers["Content-Length"]) for a in there.asked if a.method == "PATCH"]
        assert SIZE < sum(sent) < SIZE + 4096
