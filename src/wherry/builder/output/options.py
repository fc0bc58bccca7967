"""PURE: what ``--output`` asks for.

The words, the attributes and the errors are those of buildx (util/buildflags, build/opt.go) and of
BuildKit's exporters.  An attribute that nothing knows is an error here, where BuildKit passes over it.
"""

from __future__ import annotations

from wherry.booleans import FALSE, TRUE
from wherry.commas import separated
from wherry.errors import InvalidReferenceError, UnsupportedError, UsageError, nearest
from wherry.pattern import pattern
from wherry.typed import NamedTuple

STDOUT = "-"

IMAGE = frozenset(
    {"name", "compression", "compression-level", "force-compression", "oci-mediatypes", "rewrite-timestamp"}
)
FILES = frozenset({"dest", "platform-split"})
KNOWN = {
    "local": FILES,
    "tar": FILES,
    "oci": IMAGE | {"dest", "tar"},
    "docker": IMAGE | {"dest", "tar"},
    "image": IMAGE | {"push"},
}
# What BuildKit takes and what means nothing here: there is one store, and nothing to attest.
IGNORED = frozenset(
    {"attestation-inline", "buildinfo", "oci-artifact", "prefer-nondist-layers", "store", "unpack"}
)
# Compiled where it is used: a build that says nothing of outputs starts without it.
ANNOTATION = pattern(r"annotation(?:-([a-z-]+))?(?:\[([A-Za-z0-9_/.-]+)\])?\.(\S+)\Z")
ANNOTATION_KINDS = ("index", "index-descriptor", "manifest", "manifest-descriptor")
LEVELS = {"gzip": range(10), "zstd": range(23), "uncompressed": range(23)}


class Annotation(NamedTuple):
    """`kind` is one of ANNOTATION_KINDS; `platform` is "" for all."""

    kind: str
    platform: str
    key: str
    value: str


class Output(NamedTuple):
    """One output.

    `dest` is a path, STDOUT, or "" for the store; `folder` says that the path is that of a folder.
    `compression` is "gzip", "zstd", "uncompressed" or None where nothing was said; so are the others that
    may be None.  With `push` the image goes to the registries of its names, too.
    """

    type: str
    dest: str = ""
    folder: bool = False
    names: tuple[str, ...] = ()
    compression: str | None = None
    level: int | None = None
    force: bool = False
    oci_types: bool | None = None
    annotations: tuple[Annotation, ...] = ()
    split: bool | None = None
    rewrite: bool | None = None
    push: bool = False

    @property
    def to_store(self) -> bool:
        return not self.dest

    @property
    def is_files(self) -> bool:
        """Whether it is the file system alone, and no image."""
        return self.type in ("local", "tar")

    @property
    def says_how(self) -> bool:
        """Whether it says how the image's layers and its manifest are to be."""
        return (self.compression, self.level, self.force, self.oci_types, self.annotations) != UNSAID


UNSAID = (None, None, False, None, ())

TO_STORE = Output("image")
"""An image in the store, which is what a build gives where nothing is said."""


def check_index(output: Output, *, is_index: bool) -> None:
    """Raises UsageError for an output that cannot hold what is built, which is an image or, for several
    platforms or with attestations, an image index."""
    if is_index and output.type == "docker" and output.dest:
        raise UsageError(
            "docker exporter does not currently support exporting manifest lists",
            hint="use type=oci, or one --platform without attestations",
        )
    if not is_index and any(note.kind.startswith("index") for note in output.annotations):
        raise UsageError("index annotations not supported for single platform export")


def parse(text: str) -> Output:
    """``DIR``, ``-``, or ``type=TYPE[,KEY=VALUE…]``.  Raises UsageError, UnsupportedError."""
    fields = separated(text, "--output")
    if fields == [text] and not text.startswith("type="):
        return Output("tar", STDOUT) if text == STDOUT else Output("local", text, folder=True)
    values: dict[str, str] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals:
            raise UsageError(f"invalid value {field}", hint="say type=local,dest=DIR")
        key = key.strip()
        values[key if key.startswith("annotation") else key.lower()] = value
    kind = values.pop("type", "")
    if not kind:
        raise UsageError("type is required for output", hint="say type=local,dest=DIR")
    if kind == "registry":
        kind = "image"
        values.setdefault("push", "true")
    if kind not in KNOWN:
        near = nearest(kind, list(KNOWN))
        raise UsageError(
            f'exporter "{kind}" could not be found',
            hint=f"did you mean type={near}?" if near else f"one of {', '.join(KNOWN)}",
        )
    return _output(kind, values)


def _output(kind: str, values: dict[str, str]) -> Output:
    annotations = tuple(_annotation(k, v) for k, v in values.items() if k.startswith("annotation"))
    values = {k: v for k, v in values.items() if not k.startswith("annotation") and k not in IGNORED}
    for key in values:
        if key not in KNOWN[kind]:
            near = nearest(key, sorted(KNOWN[kind]))
            meant = f"did you mean {near}?" if near else f"known: {', '.join(sorted(KNOWN[kind]))}"
            raise UsageError(f"unknown attribute {key} for the {kind} exporter", hint=meant)
    folder = kind == "local" or not _flag(values, "tar", default=True)
    dest = values.get("dest", "")
    if folder and not dest:
        raise UsageError(f"dest is required for {kind} exporter")
    if folder and dest == STDOUT:
        raise UsageError(f"dest cannot be stdout for {kind} exporter")
    if kind in ("tar", "oci") and not dest:
        dest = STDOUT
    compression = _compression(values)
    return Output(
        kind,
        dest,
        folder,
        _names(values.get("name", "")),
        compression,
        _level(values, compression or "gzip"),
        _flag(values, "force-compression", bare=True) or False,
        _flag(values, "oci-mediatypes", bare=True),
        annotations,
        _flag(values, "platform-split"),
        _flag(values, "rewrite-timestamp", bare=True),
        _flag(values, "push") or False,
    )


def _flag(
    values: dict[str, str], key: str, *, default: bool | None = None, bare: bool = False
) -> bool | None:
    """A truth value as Go reads one; with `bare`, an empty one is true."""
    value = values.get(key)
    if value is None:
        return default
    if (bare and not value) or value in TRUE:
        return True
    if value in FALSE:
        return False
    raise UsageError(f"non-bool value {value} specified for {key}", hint="true or false")


def _compression(values: dict[str, str]) -> str | None:
    value = values.get("compression")
    if value == "estargz":
        raise UnsupportedError("compression=estargz is not supported", hint="gzip, zstd or uncompressed")
    if value is not None and value not in LEVELS:
        near = nearest(value, list(LEVELS))
        raise UsageError(
            f"unsupported compression type {value}",
            hint=f"did you mean {near}?" if near else "gzip, zstd or uncompressed",
        )
    return value


def _level(values: dict[str, str], compression: str) -> int | None:
    value = values.get("compression-level")
    if value is None:
        return None
    try:
        level = int(value)
    except ValueError:
        raise UsageError(f"non-integer value {value} specified for compression-level") from None
    levels = LEVELS[compression]
    if level not in levels:
        raise UsageError(f"compression-level {level} is none of {compression}'s", hint=f"0 to {levels[-1]}")
    return level


def _names(text: str) -> tuple[str, ...]:
    from wherry.oci.reference import parse as parse_reference

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        try:
            parse_reference(name)
        except InvalidReferenceError as error:
            raise UsageError(f"failed to parse {name}: {error.message}", hint=error.hint) from None
    return names


def _annotation(key: str, value: str) -> Annotation:
    match = ANNOTATION.match(key)
    if match is None:
        raise UsageError(f"invalid annotation {key}={value}", hint="say annotation.KEY=VALUE")
    kind, platform, name = match.groups()
    if (kind or "manifest") not in ANNOTATION_KINDS:
        raise UsageError(
            f'unrecognized annotation type "{kind}"', hint=f"one of {', '.join(ANNOTATION_KINDS)}"
        )
    return Annotation(kind or "manifest", platform or "", name, value)


def parse_annotation(text: str) -> Annotation:
    """``[TYPE[PLATFORM]:]KEY=VALUE`` of --annotation.  Raises UsageError."""
    head, equals, value = text.partition("=")
    kind, colon, key = head.rpartition(":")
    if not equals or not key:
        raise UsageError(f"invalid annotation {text!r}, expected key=value", hint="[manifest:]KEY=VALUE")
    name, _, platform = kind.partition("[")
    if colon and name not in ANNOTATION_KINDS:
        near = nearest(name, ANNOTATION_KINDS)
        raise UsageError(
            f'unrecognized annotation type "{name}"',
            hint=f"did you mean {near}?" if near else f"one of {', '.join(ANNOTATION_KINDS)}",
        )
    return Annotation(name or "manifest", platform.rstrip("]"), key, value)
