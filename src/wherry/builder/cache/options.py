"""PURE: what ``--cache-to`` and ``--cache-from`` ask for, in buildx's spelling."""

from __future__ import annotations

from wherry.booleans import TRUE
from wherry.digits import whole
from wherry.errors import InvalidReferenceError, UnsupportedError, UsageError, nearest
from wherry.typed import NamedTuple

TYPES = ("registry", "local")
ELSEWHERE = ("gha", "s3", "azblob")
"""Types of buildx that are understood, and refused by name."""
HOW = ("mode", "ignore-error", "compression", "compression-level", "oci-mediatypes", "checkpoint")
TO = {
    "registry": {"ref", "image-manifest", *HOW},
    "local": {"dest", *HOW},
    "inline": {"mode"},
}
FROM = {"registry": {"ref", "ignore-error"}, "local": {"src", "tag", "ignore-error"}}
MODES = ("min", "max")
LEVELS = {"gzip": range(10), "zstd": range(1, 23)}


class SharedCache(NamedTuple):
    """`place` is a name at a registry, or a folder; the image itself has none.

    With `all_stages` (mode=max) the layers of stages that are not in the image go there, too.  With
    `checkpoint`, which buildx has not, what a step made goes there while the next ones run."""

    type: str
    place: str
    all_stages: bool = False
    ignore_error: bool = False
    compression: str = "gzip"
    level: int | None = None
    checkpoint: bool = False

    @property
    def is_inline(self) -> bool:
        """Whether it goes into the image."""
        return self.type == "inline"

    def __str__(self) -> str:
        return f"{self.type} {self.place}"


def parse_to(text: str) -> SharedCache:
    """Raises UsageError, UnsupportedError."""
    values = _values(text, "--cache-to", TO)
    kind = values["type"]
    mode = values.get("mode", "min")
    if mode not in MODES:
        raise UsageError(f"invalid cache mode {mode!r} of --cache-to", hint="min or max")
    if kind == "inline":
        if mode == "max":
            raise UsageError(
                "an inline cache holds the image's own layers: mode=max is not for it",
                hint="type=registry holds those of all stages",
            )
        return SharedCache(kind, "")
    place = _place(values, "dest" if kind == "local" else "ref", text)
    compression = values.get("compression", "gzip")
    if compression not in LEVELS:
        raise UsageError(f"unsupported compression type {compression} of --cache-to", hint="gzip or zstd")
    word = values.get("compression-level")
    level = None if word is None else whole(word)
    if word is not None and level not in LEVELS[compression]:
        raise UsageError(f"compression-level {word} is none of {compression}'s")
    ignore = values.get("ignore-error", "") in TRUE
    early = values.get("checkpoint", "") in TRUE
    return SharedCache(kind, place, mode == "max", ignore, compression, level, early)


def parse_from(text: str) -> SharedCache:
    """Also a name alone, as docker has it.  Raises UsageError, UnsupportedError."""
    if "=" not in text:
        return SharedCache("registry", _reference(text))
    values = _values(text, "--cache-from", FROM)
    kind = values["type"]
    ignore = values.get("ignore-error", "") in TRUE
    place = _place(values, "src" if kind == "local" else "ref", text)
    return SharedCache(kind, place, ignore_error=ignore)


def _values(text: str, flag: str, known: dict[str, set[str]]) -> dict[str, str]:
    values: dict[str, str] = {}
    for field in text.split(","):
        key, equals, value = field.partition("=")
        if not equals:
            raise UsageError(f"invalid value {field!r} for {flag}", hint="say type=registry,ref=NAME")
        values[key.strip().lower()] = value
    kind = values.get("type", "")
    if kind in ELSEWHERE:
        raise UnsupportedError(
            f"{flag}: caches of type {kind} are not supported", hint="type=registry or type=local"
        )
    if kind == "inline" and flag == "--cache-from":
        raise UsageError(
            f"{flag}: an inline cache is in an image",
            hint="type=registry,ref=IMAGE reads the one of an image",
        )
    if kind not in known:
        near = nearest(kind, TYPES) if kind else None
        raise UsageError(
            f"{flag}: unknown cache type {kind!r}" if kind else f"{flag}: a type is required",
            hint=f"did you mean type={near}?" if near else "type=registry or type=local",
        )
    for key in values:
        if key != "type" and key not in known[kind]:
            near = nearest(key, sorted(known[kind]))
            meant = f"did you mean {near}?" if near else f"known: {', '.join(sorted(known[kind]))}"
            raise UsageError(f"{flag}: unknown attribute {key} of type {kind}", hint=meant)
    return values


def _place(values: dict[str, str], key: str, text: str) -> str:
    place = values.get(key, "")
    if not place:
        raise UsageError(f"{key} is required for a cache of type {values['type']}: {text!r}")
    return _reference(place) if key == "ref" else place


def _reference(text: str) -> str:
    from wherry.oci.reference import parse

    try:
        name = parse(text)
    except InvalidReferenceError as error:
        raise UsageError(error.message, hint=error.hint) from None
    return name.canonical()
