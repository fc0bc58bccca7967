"""One file of manifests: what it may hold, what is said of it, and what it can never do."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.services import endpoint, service, slice_of
from wherry.proxy.resources.endpoint_slice import ENDPOINT_SLICES
from wherry.proxy.resources.service import SERVICES
from wherry.proxy.sources import documents, lists
from wherry.proxy.sources.documents import DEEPEST, MOST_DOCUMENTS, MOST_NODES
from wherry.proxy.sources.manifests import LARGEST, Manifests, parse, parse_again


def names(found: Manifests) -> list[str]:
    return [s.name for s in found.snapshot.of(SERVICES)]


def said(found: Manifests) -> list[str]:
    return [r.message for r in found.snapshot.rejected]


def yaml_of(*objects: dict[str, Any]) -> bytes:
    return "\n---\n".join(map(json.dumps, objects)).encode()  # JSON is YAML


def test_several_documents_lists_and_other_kinds() -> None:
    many = {
        "kind": "List",
        "items": [service("c"), {"kind": "Secret"}, "text", slice_of("c", endpoint("10.0.0.9"))],
    }
    typed = {"kind": "ServiceList", "items": [{k: v for k, v in service("d").items() if k != "kind"}]}
    found = parse("x.yaml", yaml_of(service("a"), {"kind": "Deployment"}, service("b"), many, typed))
    assert names(found) == ["a", "b", "c", "d"] and [
        s.service for s in found.snapshot.of(ENDPOINT_SLICES)
    ] == ["c"]
    assert not found.broken
    others = "is not followed; Services and EndpointSlices are"
    assert said(found) == [f"x.yaml:3: Deployment {others}", f"x.yaml:7: Secret {others}"]


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("kind: Servcie", "Servcie is not followed; did you mean Service?"),
        ("kind: service", "service is not followed; did you mean Service?"),
        ("kind: Endpointslice", "Endpointslice is not followed; did you mean EndpointSlice?"),
        ("kind: Ingress", "Ingress is not followed; Services and EndpointSlices are"),
        ("metadata: {}", "an object without a kind is not followed; Services and EndpointSlices are"),
        ("kind: 7", "7 is not followed; Services and EndpointSlices are"),
        (
            "apiVersion: serving.knative.dev/v1\nkind: Service",
            "serving.knative.dev/v1 Service is not followed; did you mean Service?",
        ),
        ('kind: "a\\e[2Jb"', "a\\x1b[2Jb is not followed; Services and EndpointSlices are"),
        (
            "apiVersion: v1\nkind: EndpointSlice",
            "v1 EndpointSlice is not followed; did you mean EndpointSlice?",
        ),
    ],
)
def test_a_kind_that_is_not_followed_is_said_once(head: str, message: str) -> None:
    document = f"{head}\nspec: {{}}\n"
    found = parse("x.yaml", f"{document}---\n{document}".encode())
    assert not found.broken and not found.snapshot.of(SERVICES) and said(found) == [f"x.yaml:1: {message}"]


@pytest.mark.parametrize("version", ["v1", None])
def test_our_own_kinds_are_followed_with_or_without_their_group(version: str | None) -> None:
    made = {k: v for k, v in service("a").items() if k != "apiVersion"}
    found = parse("x.yaml", yaml_of(made if version is None else {**made, "apiVersion": version}))
    assert names(found) == ["a"] and not said(found)


@pytest.mark.parametrize("text", ["", "---\n---\n", "# nothing\n", "null", "[1, 2]", "just text"])
def test_a_file_without_an_object_is_no_fault(text: str) -> None:
    assert parse("x.yaml", text.encode()) == Manifests()


def test_what_is_wrong_with_one_object_is_told_with_its_line_and_the_others_count() -> None:
    sound = "kind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n"
    found = parse("x.yaml", f"{sound}---\nkind: Service\nmetadata: {{name: 7}}\n".encode())
    assert names(found) == ["a"] and not found.broken
    assert said(found) == ["x.yaml:5: metadata.name is not text"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Service\n  half: saved\n", "x.yaml:2: mapping values are not allowed in this context"),
        ("a: [1\n", "x.yaml:2: did not find expected ',' or ']'"),
        ("a: b\n\tc: d\n", "x.yaml:2: found a tab character"),
        ("a: *nobody\n", "x.yaml:1: found undefined alias"),
        ("a: !!python/object/apply:os.system ['true']\n", "x.yaml:1: could not determine a constructor"),
        ("a: \x00\n", "x.yaml:1: control characters are not allowed"),
        ("a: \udcff".encode("utf-8", "surrogateescape").decode("latin-1"), ""),
        ("a: 2026-99-99\n", "x.yaml:1: it is not YAML that can be read (ValueError)"),
        ("? {a: b}\n: c\n", "x.yaml:1: found unhashable key"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_told_with_its_line(text: str, message: str) -> None:
    found = parse("x.yaml", text.encode())
    if message:
        assert found.broken and said(found)[0].startswith(message), found
    assert not found.snapshot.of(SERVICES)


def test_json_is_read_as_json() -> None:
    assert names(parse("x.json", json.dumps(service("a"), indent="\t").encode())) == ["a"]
    found = parse("x.json", b'{"kind":\n "Service"\n "x"}')
    assert found.broken and said(found) == ["x.json:3: Expecting ',' delimiter"]
    assert "RecursionError" in said(parse("x.json", b"[" * 200_000))[0]


def test_an_annotation_that_yaml_takes_for_a_number_is_said() -> None:
    text = "kind: Service\nmetadata: {name: a, annotations: {wherry.dev/port: 8080}}\n"
    (message,) = said(parse("x.yaml", text.encode()))
    assert message == 'x.yaml:1: metadata.annotations["wherry.dev/port"] is not a string: quote it'


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name}\n  <<: [{', '.join([f'*{before}'] * 40)}]\n"
    for before, name in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BOMB.encode(), "more than 1000000 values"),
        (MERGES.encode(), "more than 1000000 values"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), f"more than {DEEPEST} levels"),
        (b"[" * 1_000_000, f"more than {DEEPEST} levels"),
        (b"{a: " * 100_000, f"more than {DEEPEST} levels"),
        (b"- " * 100_000, f"more than {DEEPEST} levels"),
        (b"x" * (LARGEST + 1), "is larger than 16 MiB"),
    ],
    ids=["aliases", "merge keys", "one too deep", "brackets", "braces", "dashes", "large"],
)
def test_what_would_take_the_memory_or_the_stack_is_refused_in_time(data: bytes, message: str) -> None:
    begun = time.monotonic()
    found = parse("x.yaml", data)
    assert found.broken and message in said(found)[0]
    assert time.monotonic() - begun < 30, "minutes, before there was a limit"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("x.yaml", b"---\n" * (MOST_DOCUMENTS + 2), "x.yaml:1: more than 200000 documents or items"),
        ("x.yaml", b"kind: List\nitems:\n" + b"- a\n" * (MOST_DOCUMENTS + 2), "documents or items"),
        (
            "x.json",
            b'{"kind": "List", "items": [' + b"{}," * MOST_DOCUMENTS + b"{}]}",
            "documents or items",
        ),
        ("x.json", b"[" + b"[]," * MOST_NODES + b"1]", "x.json:1: more than 1000000 values"),
        (
            "x.json",
            b'{"kind": "List", "items": [[' + b"1," * MOST_NODES + b"1]]}",
            "more than 1000000 values",
        ),
        ("x.yaml", b"a: !!int 1" + b":1" * 1_000_000, "x.yaml:1: a number of more than 256 characters"),
        ("x.yaml", b"a: !!float 1" + b":1" * 1_000_000 + b".", "x.yaml:1: a number of more than 256 char"),
    ],
    ids=["documents", "items", "items in JSON", "JSON", "an item in JSON", "!!int", "!!float"],
)
def test_what_would_take_hours_is_not_begun(name: str, data: bytes, message: str) -> None:
    """Nothing is built of it: the memory that is held meanwhile is less than thrice the text."""
    tracemalloc.start()
    try:
        found = parse(name, data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.broken and message in said(found)[0]
    assert most < 3 * len(data) + 40_000_000


def test_a_number_that_is_longer_than_any_is_text() -> None:
    text = f"kind: Service\nmetadata: {{name: 1{':1' * 1_000_000}}}\n"
    (found,) = parse("x.yaml", text.encode()).snapshot.of(SERVICES)
    assert len(found.name) == 2_000_001


def test_as_deep_as_is_allowed_is_read() -> None:
    assert parse("x.yaml", b"[" * DEEPEST + b"]" * DEEPEST) == Manifests()


def test_many_documents_of_a_million_values_together_are_all_served() -> None:
    values = ", ".join(["x"] * 1000)
    one = f"kind: Service\nmetadata: {{name: s%d}}\nspec: {{ports: [{{port: 80}}]}}\nmore: [{values}]\n"
    found = parse("x.yaml", "---\n".join(one % number for number in range(1100)).encode())
    assert not found.broken and len(names(found)) == 1100


def test_aliases_of_many_documents_together_are_limited() -> None:
    one = "a: &a [" + "x, " * 1000 + "]\nb: [" + "*a, " * 900 + "]\n"
    assert not parse("x.yaml", one.encode()).broken
    found = parse("x.yaml", f"{one}---\n{one}# another\n".encode())
    assert found.broken and said(found) == ["x.yaml:3: its aliases stand for more than 1000000 values"]


PLAIN = "kind: Service\nmetadata: {name: %s}\nspec: {ports: [{port: 80}]}\n"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The texts that were read, by whatever reads them."""
    texts: list[bytes] = []

    def counted(function: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def call(text: bytes) -> Any:
            found = function(text)
            if found is not None:
                texts.append(text)
            return found

        return call

    for name in ("of_plain", "of_yaml", "of_json"):
        monkeypatch.setattr(documents, name, counted(getattr(documents, name)))
    return texts


def test_of_an_edited_file_only_the_changed_document_is_read(read: list[bytes]) -> None:
    data = "---\n".join(PLAIN % name for name in "abc")
    data += "---\nkind: Other\n---\nkind: Service\nmetadata: {name: 7}\n"
    before, known = parse_again("x.yaml", data.encode(), {})
    assert len(read) == 5
    edited = data.replace("name: b}", "name: b2}\n# a line more")
    read.clear()
    after, kept = parse_again("x.yaml", edited.encode(), known)
    assert [b"b2" in text for text in read] == [True]
    assert after == parse("x.yaml", edited.encode()) and names(after)[:3] == ["a", "b2", "c"]
    assert said(before)[-1] == "x.yaml:15: metadata.name is not text"
    assert said(after)[-1] == "x.yaml:16: metadata.name is not text"
    broken, still = parse_again("x.yaml", edited.encode() + b"---\na: [", kept)
    assert broken.broken and still is kept


LISTS = {
    "x.yaml": """\
apiVersion: v1
items:
%s
- kind: Service
  metadata: {name: 7}
kind: List
metadata:
  resourceVersion: ""
""",
    "y.yaml": "# ours\nkind: ServiceList\nitems:\n%s\n- metadata: {name: 7}\n",
    "x.json": """\
{
  "apiVersion": "v1",
  "items": [
%s,
{"kind": "Service", "metadata": {"name": 7}}
  ],
  "kind": "List"
}
""",
}


def listed(file: str, *those: str) -> bytes:
    """A List of Services of these names, and one whose name is a number."""
    if file.endswith(".json"):
        items = ",\n".join(json.dumps(service(name)) for name in those)
    else:
        items = "\n".join(f"- kind: Service\n  metadata:\n    name: {name}" for name in those)
    return (LISTS[file] % items).encode()


@pytest.mark.parametrize("file", LISTS)
def test_of_an_edited_list_only_the_changed_item_is_read(file: str, read: list[bytes]) -> None:
    before, known = parse_again(file, listed(file, "a", "b", "c"), {})
    assert names(before) == ["a", "b", "c"] and len(read) == 4
    assert said(before) == [
        f"{file}:{12 if file == 'x.yaml' else 13 if file == 'y.yaml' else 7}: metadata.name is not text"
    ]
    read.clear()
    after, _ = parse_again(file, listed(file, "a", "b2", "c"), known)
    assert names(after) == ["a", "b2", "c"] and [b"b2" in text for text in read] == [True]
    unchanged = [
        new is old
        for new, old in zip(after.snapshot.of(SERVICES), before.snapshot.of(SERVICES), strict=True)
    ]
    assert unchanged == [True, False, True]


def test_a_list_of_more_values_than_a_document_may_have_is_served() -> None:
    values = "\n".join(f"  - x{number}" for number in range(1000))
    item = f"- kind: Service\n  metadata:\n    name: s%d\n  more:\n{values}"
    found = parse("x.yaml", (LISTS["x.yaml"] % "\n".join(item % number for number in range(1100))).encode())
    assert not found.broken and len(names(found)) == 1100


A, B = (f"- kind: Service\n  metadata: {{name: {name}}}\n" for name in "ab")


@pytest.mark.parametrize(
    "text",
    [
        f"kind: List\nitems:\n{A}{B}",
        "items:\n- &a {kind: Service, metadata: {name: a}}\n- *a\nkind: List\n",
        f"kind: List\nitems:\n{A}items:\n",
        f"kind: List\nitems:\nitems:\n{A}",
        'kind: List\nitems:\n- kind: Service\n  metadata:\n    name: "a\n- b"\n',
        "kind: List\nitems:\n- kind: Service\n  metadata: {name: a,\n- x}\n",
        f'a: "\nitems:\n{A}"\nkind: List\n',
        f'items:\nkind: List\na: "\nitems:\n{A}b"\n',
        f"a: |\n  x\nitems:\n{A}kind: List\n",
        "kind: List\nitems:\n  - kind: Service\n    metadata: {name: a}\n - x\n",
        f"kind: List\nitems:\n{A[:-1]}\r{B}",
        f"kind: List\nitems:\n{A}# a line\n\n{B}",
        "kind: List\nitems:\n-  kind: Service\n   metadata: {name: a}\n- |\n kind: x\n- [x]\n-\n  a: b\n",
        f"kind: Deployment\nitems:\n{A}",
        f"kind: List\nitems:\n{A}- [\n{B}",
        f"kind: ServiceList\nitems:\n{A}- metadata: {{name: c}}\nmore: [1]\n",
    ],
)
def test_a_list_that_is_read_item_by_item_means_what_the_file_means(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = parse("x.yaml", text.encode())
    monkeypatch.setattr(lists, "of_yaml", lambda text: None)
    whole = parse("x.yaml", text.encode())
    assert found.broken == whole.broken and found.snapshot.objects == whole.snapshot.objects


@pytest.mark.parametrize(
    "text",
    [
        "a: |\n ---\n---\nb: 1\n",
        "%YAML 1.1\n---\na: 1\n---\nb: 2\n",
        "%TAG !e! tag:yaml.org,2002:\n---\na: !e!str 1\n...\n---\nb: 2\n",
        "a: 1\n...\nb: 2\n",
        "--- 1\n---\t2\n---x\n",
        "---\r\na: 1\r\n---\r\nb: 2\r\n",
        "\ufeffa: 1\n---\nb: 2\n",
        "a: 'x\n--- y'\n",
        "[\n---\n]\n",
        "- 1\n---",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_documents_that_are_read_apart_are_those_of_the_file(text: str, encoding: str) -> None:
    def values(texts: list[tuple[int, bytes]]) -> list[tuple[int, Any]] | None:
        try:
            found = [(above + line, v) for above, each in texts for line, v in documents.of_yaml(each)]
            return [one for one in found if one[1] is not None]  # one that says nothing is none
        except documents.NotYaml:
            return None

    data = text.encode(encoding)
    assert values(documents.split(data)) == values([(0, data)])


WORDS = ["---", "...", "%", "a: 1", " ", "\n", "\n---\n", "- ", "[", "]", "|", "'", "#", "x"]


@given(st.lists(st.sampled_from(WORDS)))
def test_any_text_that_is_read_apart_means_what_the_file_means(words: list[str]) -> None:
    test_documents_that_are_read_apart_are_those_of_the_file("".join(words), "utf-8")


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_manifests_or_a_message_of_one_line(data: bytes) -> None:
    for name in ("x.yaml", "x.json"):
        found = parse(name, data)
        assert all("\n" not in r.message and r.message.startswith(name) for r in found.snapshot.rejected)
