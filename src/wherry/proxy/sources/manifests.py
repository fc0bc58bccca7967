"""One file of Kubernetes manifests to what is followed of them; what is wrong in it, with its line."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.kube.fields import BadObject
from wherry.proxy import names
from wherry.proxy.model import Rejected
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.resources.table import FOLLOWED, kinds
from wherry.proxy.sources import documents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wherry.kube.resource import Resource
    from wherry.proxy.resources.table import Followed

ALIKE = 0.8
"""More of a word than that is the word, mistyped: a Secret is not meant to be a Service."""
LARGEST = 16 << 20
"""Bytes of a file; a larger one is no manifest."""


class Manifests(NamedTuple):
    """What a file holds.  `broken`: it is no YAML, so it says nothing about what it held before."""

    snapshot: Snapshot = Snapshot()
    broken: bool = False


class Fault(NamedTuple):
    """What is not followed in a part of a file: an object of another `kind`, or what `bad` says of it."""

    line: int
    kind: str = ""
    bad: str = ""


class Part(NamedTuple):
    """What the objects of a part of a file are.  `borrowed`: the values that its aliases stand for."""

    objects: Sequence[tuple[Resource[Any], Any]]
    faults: Sequence[Fault]
    borrowed: int


def parse(name: str, data: bytes, followed: Sequence[Followed] = FOLLOWED) -> Manifests:
    """Read the documents of one file; never raises.  Each kind that is not followed is reported once."""
    return parse_again(name, data, {}, followed)[0]


def parse_again(
    name: str, data: bytes, known: Mapping[bytes, Part], followed: Sequence[Followed] = FOLLOWED
) -> tuple[Manifests, Mapping[bytes, Part]]:
    """As parse(), with what the file's parts mean; only parts that are not `known` are read.

    `known` is what an earlier call returned for the file; it is returned again where the file is broken.
    """
    if len(data) > LARGEST:
        return _broken(f"{name} is larger than {LARGEST >> 20} MiB", name), known
    texts = [(0, data)] if name.endswith(".json") else documents.split(data)
    parts: dict[bytes, Part] = {}
    borrowed = 0
    for above, text in texts:
        if text in parts:
            continue
        try:
            parts[text] = known.get(text) or _part(name, text, followed)
        except documents.NotYaml as error:
            return _broken(f"{name}:{above + error.line}: {error}", name), known
        borrowed += parts[text].borrowed
        if borrowed > documents.MOST_NODES:
            message = f"its aliases stand for more than {documents.MOST_NODES} values"
            return _broken(f"{name}:{above + 1}: {message}", name), known
    return Manifests(_joined(name, [(above, parts[text]) for above, text in texts], followed)), parts


def _part(name: str, text: bytes, followed: Sequence[Followed]) -> Part:
    """Raises documents.NotYaml."""
    is_json = name.endswith(".json")
    borrowed = 0 if is_json else documents.check(text)
    objects: list[tuple[Resource[Any], Any]] = []
    faults: list[Fault] = []
    for line, document in documents.of_json(text) if is_json else documents.of_yaml(text):
        for object_ in _objects(document, followed):
            try:
                resource, kind = _resource(object_, followed), _kind(object_)
                if resource is not None:
                    objects.append((resource, resource.project(object_)))
                else:
                    faults.append(Fault(line, kind=kind))
            except BadObject as bad:
                faults.append(Fault(line, bad=str(bad)))
    return Part(objects, faults, borrowed)


def _joined(name: str, parts: Sequence[tuple[int, Part]], followed: Sequence[Followed]) -> Snapshot:
    """Parts, each with the number of the lines above it, as one."""
    objects: dict[Resource[Any], list[Any]] = {}
    rejected: list[Rejected] = []
    others: set[str] = set()
    for above, part in parts:
        for resource, value in part.objects:
            objects.setdefault(resource, []).append(value)
        for line, kind, bad in part.faults:
            where = f"{name}:{above + line}"
            if bad:
                rejected.append(Rejected(name, "bad-manifest", f"{where}: {bad}"))
            elif kind not in others:
                others.add(kind)
                rejected.append(Rejected(name, "unknown-kind", f"{where}: {_not_followed(kind, followed)}"))
    return Snapshot(objects, tuple(rejected))


def _resource(object_: Mapping[str, Any], followed: Sequence[Followed]) -> Resource[Any] | None:
    """What the object is one of; without an apiVersion its kind says it."""
    kind, group = object_.get("kind"), None
    if object_.get("apiVersion") is not None:
        group = str(object_["apiVersion"]).rpartition("/")[0]
    for row in followed:
        if row.resource.kind == kind and group in (None, row.resource.group):
            return row.resource
    return None


def _kind(object_: Mapping[str, Any]) -> str:
    """The object's kind for a message, with its API in front (a Service may be one of Knative)."""
    words = (object_.get("apiVersion"), object_.get("kind"))
    return " ".join(names.shown(str(word))[1:-1] for word in words if word not in (None, ""))


def _not_followed(kind: str, followed: Sequence[Followed]) -> str:
    word = kind.rpartition(" ")[2].lower()
    known = (row.resource.kind for row in followed)
    near = next((k for k in known if SequenceMatcher(None, k.lower(), word).ratio() > ALIKE), None)
    meant = f"did you mean {near}?" if near else f"{kinds(followed)} are"
    return f"{kind or 'an object without a kind'} is not followed; {meant}"


def _broken(message: str, name: str) -> Manifests:
    return Manifests(Snapshot(rejected=(Rejected(name, "bad-manifest", message),)), broken=True)


def _objects(document: object, followed: Sequence[Followed]) -> Iterator[dict[str, Any]]:
    """The objects of a document: itself, or the items of a List."""
    if not isinstance(document, dict):
        return
    items = document.get("items")
    kind = str(document.get("kind")).removesuffix("List")
    known = ["", *(row.resource.kind for row in followed)]
    is_list = kind in known and kind != document.get("kind")
    if is_list and isinstance(items, list):
        for item in items:
            if isinstance(item, dict):
                yield {"kind": kind, **item} if kind else item
    else:
        yield document
