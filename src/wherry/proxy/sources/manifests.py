"""One file of Kubernetes manifests to what is followed of them; what is wrong in it, with its line."""

from __future__ import annotations

import contextlib
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.kube.fields import BadObject
from wherry.proxy import names
from wherry.proxy.model import Rejected
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.resources.table import FOLLOWED, kinds
from wherry.proxy.sources import documents, lists

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wherry.kube.resource import Resource
    from wherry.proxy.resources.table import Followed

ALIKE = 0.8
"""More of a word than that is the word, mistyped: a Secret is not meant to be a Service."""
LARGEST = 16 << 20
"""Bytes of a file; a larger one is no manifest."""


Key = tuple[bytes, str | None]
"""A text, and the kind of the list that it is an item of ("": any); None for a document."""


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
    name: str, data: bytes, known: Mapping[Key, Part], followed: Sequence[Followed] = FOLLOWED
) -> tuple[Manifests, Mapping[Key, Part]]:
    """As parse(), with what the file's parts mean; only parts that are not `known` are read.

    `known` is what an earlier call returned for the file; it is returned again where the file is broken.
    Of a file of one part nothing is: whatever changes is all of it.
    """
    if len(data) > LARGEST:
        return _broken(f"{name} is larger than {LARGEST >> 20} MiB", name), known
    reader = _Reader(name.endswith(".json"), known, followed)
    placed: list[tuple[int, Part]] = []
    borrowed = above = 0
    try:
        for above, text in [(0, data)] if reader.is_json else documents.split(data):
            found = reader.read(text)
            for lines, part in found:
                placed.append((above + lines, part))
                borrowed += part.borrowed
            documents.checked_number(len(placed))
            if borrowed > documents.MOST_NODES:
                message = f"its aliases stand for more than {documents.MOST_NODES} values"
                raise documents.NotYaml(1, message)
    except documents.NotYaml as error:
        return _broken(f"{name}:{above + error.line}: {error}", name), known
    return Manifests(_joined(name, placed, followed)), reader.parts if len(placed) > 1 else {}


class _Reader:
    """Reads the texts of a file, but for those that are `known`; `parts` is what all of them mean."""

    def __init__(self, is_json: bool, known: Mapping[Key, Part], followed: Sequence[Followed]) -> None:
        self.is_json = is_json
        self._known = known
        self._followed = followed
        self.parts: dict[Key, Part] = {}

    def read(self, text: bytes) -> Sequence[tuple[int, Part]]:
        """The parts of a text, with the number of the lines above each.  Raises documents.NotYaml.

        A List is read item by item: of a large one that was edited most are known.
        """
        known = self._known.get((text, None))
        if known is not None:
            self.parts[text, None] = known
            return ((0, known),)
        found = lists.of_json(text) if self.is_json else lists.of_yaml(text)
        kind = _listed(found.frame, self._followed) if found is not None else None
        if found is None or kind is None:
            return [(0, self._part(text))]
        try:
            return list(self._items(found.items, kind))
        except documents.NotYaml:
            # One that needs the others (an alias) is understood only with them.
            with contextlib.suppress(documents.NotYaml):
                return [(0, self._part(text))]
            raise

    def _items(self, items: Iterable[tuple[int, bytes]], kind: str) -> Iterator[tuple[int, Part]]:
        """Raises documents.NotYaml."""
        for above, text in items:
            try:
                yield above, self._part(text, kind)
            except documents.NotYaml as error:
                raise documents.NotYaml(above + error.line, str(error)) from None

    def _part(self, text: bytes, kind: str | None = None) -> Part:
        """Raises documents.NotYaml."""
        key = text, kind
        if key not in self.parts:
            self.parts[key] = self._known.get(key) or self._read(text, kind)
        return self.parts[key]

    def _read(self, text: bytes, kind: str | None) -> Part:
        """Raises documents.NotYaml."""
        borrowed = 0
        found: Iterable[tuple[int, Any]]
        if self.is_json:
            found = documents.of_json(text)
        elif simple := documents.of_plain(text):
            found = [simple]
        else:
            borrowed = documents.check(text)
            found = documents.of_yaml(text)
        objects: list[tuple[Resource[Any], Any]] = []
        faults: list[Fault] = []
        for line, document in found:
            for object_ in _objects(document, self._followed) if kind is None else _item(document, kind):
                try:
                    resource = _resource(object_, self._followed)
                    if resource is not None:
                        objects.append((resource, resource.project(object_)))
                    else:
                        faults.append(Fault(line, kind=_kind(object_)))
                except BadObject as bad:
                    faults.append(Fault(line, bad=str(bad)))
        return Part(tuple(objects), tuple(faults), borrowed)


def _joined(name: str, parts: Sequence[tuple[int, Part]], followed: Sequence[Followed]) -> Snapshot:
    """Parts, each with the number of the lines above it, as one."""
    objects: dict[Resource[Any], list[Any]] = {}
    rejected: list[Rejected] = []
    others: set[str] = set()
    kind: Resource[Any] | None = (
        None  # mostly the next one's, too, and to hash it costs more than all the rest
    )
    for above, part in parts:
        for resource, value in part.objects:
            if resource is not kind:
                kind, held = resource, objects.setdefault(resource, [])
            held.append(value)
        for line, other, bad in part.faults:
            where = f"{name}:{above + line}"
            if bad:
                rejected.append(Rejected(name, "bad-manifest", f"{where}: {bad}"))
            elif other not in others:
                others.add(other)
                rejected.append(
                    Rejected(name, "unknown-kind", f"{where}: {_not_followed(other, followed)}")
                )
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
    items, kind = document.get("items"), _listed(document, followed)
    if kind is not None and isinstance(items, list):
        for item in items:
            yield from _item(item, kind)
    else:
        yield document


def _item(item: object, kind: str) -> Iterator[dict[str, Any]]:
    """An item of a list of objects of that `kind` ("": of any)."""
    if isinstance(item, dict):
        yield {"kind": kind, **item} if kind else item


def _listed(document: Mapping[str, Any], followed: Sequence[Followed]) -> str | None:
    """The kind of the items where a document is a list of what is followed; "" for any (``kind: List``)."""
    kind = str(document.get("kind"))
    if not kind.endswith("List"):
        return None
    listed = kind.removesuffix("List")
    return listed if listed in ("", *(row.resource.kind for row in followed)) else None
