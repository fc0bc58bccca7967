"""One file of Kubernetes manifests to what is followed of them; what is wrong in it, with its line."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, NamedTuple

from wherry.kube.fields import BadObject
from wherry.proxy import names
from wherry.proxy.model import Rejected
from wherry.proxy.resources.snapshot import Snapshot
from wherry.proxy.resources.table import FOLLOWED, kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from yaml import Event

    from wherry.kube.resource import Resource
    from wherry.proxy.resources.table import Followed

ALIKE = 0.8
"""More of a word than that is the word, mistyped: a Secret is not meant to be a Service."""
LARGEST = 16 << 20
"""Bytes of a file; a larger one is no manifest."""
DEEPEST = 64
"""Levels of a document: libyaml's own stack, and with it this process, ends with some ten thousand."""
TOO_DEEP = f"more than {DEEPEST} levels"
PYYAML_TOO_DEEP = "exceeded maximum nesting depth"
"""What PyYAML 6.0.4 and later say of a document that it does not even look through."""
MOST_NODES = 1_000_000
"""Values in a file once its aliases are replaced by what they stand for (merge keys do that)."""


class Manifests(NamedTuple):
    """What a file holds.  `broken`: it is no YAML, so it says nothing about what it held before."""

    snapshot: Snapshot = Snapshot()
    broken: bool = False


def parse(name: str, data: bytes, followed: Sequence[Followed] = FOLLOWED) -> Manifests:
    """Read the documents of one file; never raises.  Each kind that is not followed is reported once."""
    objects: dict[Resource[Any], list[Any]] = {}
    rejected: list[Rejected] = []
    others: set[str] = set()
    if len(data) > LARGEST:
        return _broken(f"{name} is larger than {LARGEST >> 20} MiB", name)
    try:
        for line, document in _json(data) if name.endswith(".json") else _documents(data):
            for object_ in _objects(document, followed):
                try:
                    resource, kind = _resource(object_, followed), _kind(object_)
                    if resource is not None:
                        objects.setdefault(resource, []).append(resource.project(object_))
                    elif kind not in others:
                        others.add(kind)
                        message = f"{name}:{line}: {_not_followed(kind, followed)}"
                        rejected.append(Rejected(name, "unknown-kind", message))
                except BadObject as bad:
                    rejected.append(Rejected(name, "bad-manifest", f"{name}:{line}: {bad}"))
    except _NotYaml as error:
        return _broken(f"{name}:{error.line}: {error}", name)
    return Manifests(Snapshot(objects, tuple(rejected)))


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


class _NotYaml(Exception):
    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def _broken(message: str, name: str) -> Manifests:
    return Manifests(Snapshot(rejected=(Rejected(name, "bad-manifest", message),)), broken=True)


def _documents(data: bytes) -> Iterator[tuple[int, Any]]:
    """Each YAML document with the line it begins at (1-based)."""
    import yaml

    loader_type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast
    line = 1
    try:
        for line, too_much in _excesses(yaml.parse(data, Loader=loader_type)):
            raise _NotYaml(line, too_much)
        loader = loader_type(data)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None  # noqa: S101  check_node said so
            line = node.start_mark.line + 1
            yield line, loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or "it is not YAML"
        if problem.startswith(PYYAML_TOO_DEEP):
            problem = TOO_DEEP
        raise _NotYaml(mark.line + 1 if mark else line, problem) from None
    except yaml.reader.ReaderError as error:
        at = data[: error.position].count(b"\n") + 1 if isinstance(error.position, int) else line
        raise _NotYaml(at, str(error.reason)) from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise _NotYaml(line, f"it is not YAML that can be read ({type(error).__name__})") from None


def _excesses(events: Iterable[Event]) -> Iterator[tuple[int, str]]:
    """What no manifest needs, with its line, before anything is built of it."""
    import yaml

    sizes = [0]  # of the collections that are open; the first is the file
    anchors: dict[str, int] = {}
    opened: list[str | None] = []
    for event in events:
        size = 0
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append(event.anchor)
            sizes.append(1)
        elif isinstance(event, yaml.CollectionEndEvent):
            size, anchor = sizes.pop(), opened.pop()
            if anchor is not None:
                anchors[anchor] = size
        elif isinstance(event, yaml.AliasEvent):
            size = anchors.get(event.anchor or "", 1)
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
        sizes[-1] += size
        line = event.start_mark.line + 1 if event.start_mark else 1
        if len(opened) > DEEPEST:
            yield line, TOO_DEEP
        if sizes[-1] > MOST_NODES:
            yield line, f"more than {MOST_NODES} values"


def _json(data: bytes) -> Iterator[tuple[int, Any]]:
    """The one document of a JSON file (YAML would take most of them, and no tabs)."""
    import json

    try:
        yield 1, json.loads(data)
    except json.JSONDecodeError as error:
        raise _NotYaml(error.lineno, error.msg) from None
    except (ValueError, RecursionError) as error:
        raise _NotYaml(1, f"it is not JSON that can be read ({type(error).__name__})") from None


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
