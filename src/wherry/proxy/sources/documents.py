"""PURE: the documents of a file of YAML or JSON, within limits; what is not one, with its line."""

from __future__ import annotations

import functools
import re
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

from wherry.proxy.sources import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from yaml import Event

DEEPEST = 64
"""Levels of a document: libyaml's own stack, and with it this process, ends with some ten thousand."""
TOO_DEEP = f"more than {DEEPEST} levels"
PYYAML_TOO_DEEP = "exceeded maximum nesting depth"
"""What PyYAML 6.0.4 and later say of a document that it does not even look through."""
MOST_NODES = 1_000_000
"""Values in a document once its aliases are replaced by what they stand for (merge keys do that); and those
that all aliases of a file stand for."""
TOO_MANY = f"more than {MOST_NODES} values in one document"
MOST_DOCUMENTS = 200_000
"""Documents and items of Lists in one file: a Service takes eighty bytes, and a file has at most 16 MiB."""
LONGEST_NUMBER = 256
"""Characters; what is longer is text.  PyYAML takes hours for 1:1:1:..., which is to the base of sixty."""
OPENERS = tuple(b"[{-:?")
"""Each level of a document begins with one of these (YAML 1.2, chapters 7.4 and 8.2)."""
# A line that begins a document, wherever it stands.
BEGINNING = re.compile(rb"\n---(?=[ \t\r\n]|\Z)")
ACROSS = (b"\n%", b"\r%", b"\n...", b"\r...", b"\0", b"\xff\xfe", b"\xfe\xff")
"""What may mean something for more than one document: directives, ends, bytes of UTF-16."""


STR, MAP, SEQ, *NUMBERS = (f"tag:yaml.org,2002:{name}" for name in ("str", "map", "seq", "int", "float"))


class NotYaml(Exception):
    """With the line (1-based) at which that shows."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def split(data: bytes) -> list[tuple[int, bytes]]:
    """YAML as texts of a document each, with the lines above it; one text where it is not plain.

    Raises NotYaml for too many.
    """
    # One byte is found ten times as fast as two are.
    across = (sign for sign in ACROSS if sign[:1] in data and sign[-1:] in data and sign in data)
    if b"\n---" not in data or data.startswith((b"%", b"...")) or any(across):
        return [(0, data)]
    texts = data.split(b"\n---")
    checked_number(len(texts))
    if all(text.startswith(b"\n") for text in texts[1:]):
        texts = [text + b"\n" for text in texts[:-1]] + texts[-1:]
    else:  # some say more on the line of their beginning, or are no beginnings
        bounds = [0, *(found.start() + 1 for found in BEGINNING.finditer(data)), len(data)]
        texts = [data[start:end] for start, end in pairwise(bounds)]
    above = accumulate((text.count(b"\n") for text in texts), initial=0)
    return list(zip(above, texts, strict=False))


def check(text: bytes) -> int:
    """The number of values that aliases stand for.  Raises NotYaml for what no manifest needs.

    Before anything is built of it.  Most texts are seen to be harmless without parsing them.
    """
    if b"*" not in text and len(text) < MOST_NODES and sum(map(text.count, OPENERS)) <= DEEPEST:
        return 0
    import yaml

    with _mapped(text):
        return _borrowed(yaml.parse(text, Loader=_loader()))


def checked_number(documents: int) -> None:
    """Raises NotYaml."""
    if documents > MOST_DOCUMENTS:
        raise NotYaml(1, f"more than {MOST_DOCUMENTS} documents or items")


def of_plain(text: bytes) -> tuple[int, Any] | None:
    """The document of a text that needs no check(), with its first line (1-based)."""
    return plain.read(text, DEEPEST) if len(text) < MOST_NODES else None


def of_yaml(text: bytes) -> Iterator[tuple[int, Any]]:
    """Each document of a text that passed check(), with its first line (1-based).  Raises NotYaml."""
    with _mapped(text) as at:
        loader = _loader()(text)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None  # noqa: S101  check_node said so
            at.line = node.start_mark.line + 1
            yield at.line, loader.construct_document(node) if b"*" in text else _value(node, loader)


def of_json(text: bytes) -> Iterator[tuple[int, Any]]:
    """The one document of a JSON file (YAML would take most of them, and no tabs).  Raises NotYaml."""
    import json

    if sum(map(text.count, b"[{,")) > MOST_NODES:
        raise NotYaml(1, TOO_MANY)
    try:
        yield 1, json.loads(text)
    except json.JSONDecodeError as error:
        raise NotYaml(error.lineno, error.msg) from None
    except (ValueError, RecursionError) as error:
        raise NotYaml(1, f"it is not JSON that can be read ({type(error).__name__})") from None


@functools.cache
def _loader() -> Any:
    import yaml

    safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast
    resolvers = safe.yaml_implicit_resolvers

    class Loader(safe):  # type: ignore[misc]
        """PyYAML's resolver without what no SafeLoader has (paths), which took longer than libyaml; its
        numbers within limits."""

        def resolve(self, kind: Any, value: str, implicit: tuple[bool, bool]) -> str:
            if kind is not yaml.ScalarNode:
                return MAP if kind is yaml.MappingNode else SEQ
            if implicit[0] and len(value) <= LONGEST_NUMBER:
                for tag, pattern in resolvers.get(value[:1], ()):
                    if pattern.match(value):
                        return str(tag)
            return STR

        def construct_scalar(self, node: Any) -> Any:
            if node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
                message = f"a number of more than {LONGEST_NUMBER} characters"
                raise yaml.constructor.ConstructorError(None, None, message, node.start_mark)
            return super().construct_scalar(node)

        def descend_resolver(self, current_node: Any, current_index: Any) -> None: ...

        def ascend_resolver(self) -> None: ...

    return Loader


def _value(node: Any, loader: Any) -> Any:
    """What the loader would construct, which takes four times as long; for a text without aliases."""
    kind, tag, value = node.id, node.tag, node.value
    if tag == STR and kind == "scalar":
        return value
    if tag == MAP and kind == "mapping":
        found = {
            key.value: _value(item, loader) for key, item in value if key.tag == STR and key.id == "scalar"
        }
        if len(found) == len(value):
            return found
    elif tag == SEQ and kind == "sequence":
        return [_value(item, loader) for item in value]
    return loader.construct_object(node, deep=True)


class _mapped:  # noqa: N801  a context manager
    """PyYAML's exceptions as NotYaml.  `line` is where the document begins, for those that know none."""

    def __init__(self, text: bytes) -> None:
        self.line = 1
        self._text = text

    def __enter__(self) -> _mapped:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        import yaml

        if isinstance(error, yaml.MarkedYAMLError):
            mark = error.problem_mark or error.context_mark
            problem = error.problem or "it is not YAML"
            if problem.startswith(PYYAML_TOO_DEEP):
                problem = TOO_DEEP
            raise NotYaml(mark.line + 1 if mark else self.line, problem) from None
        if isinstance(error, yaml.reader.ReaderError):
            position = error.position
            line = self._text[:position].count(b"\n") + 1 if isinstance(position, int) else self.line
            raise NotYaml(line, str(error.reason)) from None
        if isinstance(error, (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError)):
            raise NotYaml(self.line, f"it is not YAML that can be read ({type(error).__name__})") from None


def _borrowed(events: Iterable[Event]) -> int:
    """The values that aliases stand for.  Raises NotYaml for too many levels or values of a document."""
    import yaml

    borrowed = 0
    sizes = [0]  # of the collections that are open; the first is the document
    anchors: dict[str, int] = {}
    opened: list[str | None] = []
    for event in events:
        size = 0
        if isinstance(event, yaml.DocumentStartEvent):
            sizes, anchors = [0], {}
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append(event.anchor)
            sizes.append(1)
        elif isinstance(event, yaml.CollectionEndEvent):
            size, anchor = sizes.pop(), opened.pop()
            if anchor is not None:
                anchors[anchor] = size
        elif isinstance(event, yaml.AliasEvent):
            size = anchors.get(event.anchor or "", 1)
            borrowed += size
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
        sizes[-1] += size
        line = event.start_mark.line + 1 if event.start_mark else 1
        if len(opened) > DEEPEST:
            raise NotYaml(line, TOO_DEEP)
        if sizes[-1] > MOST_NODES:
            raise NotYaml(line, TOO_MANY)
    return borrowed
