"""PURE: the flags of instructions (``--from=``, ``--mount=``) and durations."""

from __future__ import annotations

from wherry.booleans import FALSE, TRUE
from wherry.digits import LARGEST, scaled
from wherry.dockerfile.ast import RunMount
from wherry.dockerfile.lines import SPACES, fail
from wherry.errors import nearest
from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.dockerfile.ast import Location

# Instruction -> flag -> "bool", "string" or "list".
FLAGS: dict[str, dict[str, str]] = {
    "FROM": {"platform": "string"},
    "RUN": {"mount": "list", "network": "string", "security": "string", "device": "string"},
    "COPY": {
        "from": "string",
        "chown": "string",
        "chmod": "string",
        "link": "bool",
        "parents": "bool",
        "exclude": "list",
    },
    "ADD": {
        "chown": "string",
        "chmod": "string",
        "link": "bool",
        "keep-git-dir": "bool",
        "checksum": "string",
        "exclude": "list",
        "unpack": "bool",
    },
    "HEALTHCHECK": {
        "interval": "string",
        "timeout": "string",
        "start-period": "string",
        "start-interval": "string",
        "retries": "string",
    },
}

MOUNT_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
# What each option of --mount is called in RunMount.
MOUNT_OPTIONS = {
    "type": "type",
    "id": "id",
    "source": "source",
    "src": "source",
    "target": "target",
    "dst": "target",
    "destination": "target",
    "from": "from_",
    "sharing": "sharing",
    "mode": "mode",
    "uid": "uid",
    "gid": "gid",
    "size": "size",
    "required": "required",
    "env": "env",
    "readonly": "readonly",
    "ro": "readonly",
    "readwrite": "readwrite",
    "rw": "readwrite",
}
# Which types take what not all of them do.
MOUNT_ALLOWED = {
    "size": ("tmpfs",),
    "required": ("secret", "ssh"),
    "sharing": ("cache",),
    "mode": ("cache", "secret", "ssh"),
    "uid": ("cache", "secret", "ssh"),
    "gid": ("cache", "secret", "ssh"),
}
_SIZE = pattern(r"(?a)(\d+(?:\.\d+)?) ?([kmgtpKMGTP])?([iI])?[bB]?\Z")
_ID = pattern("[0-9]{1,10}\\Z")
_MODE = pattern("[0-7]{1,11}\\Z")
Flags = dict[str, list[str]]


def take_flags(keyword: str, rest: str, escape: str, place: Location) -> tuple[Flags, str]:
    """The flags at the beginning of an instruction's arguments, and what follows them."""
    known = FLAGS.get(keyword, {})
    found: Flags = {}
    position = 0
    while True:
        while position < len(rest) and rest[position] in SPACES:
            position += 1
        if not rest.startswith("--", position):
            return found, rest[position:]
        word, position = _word(rest, position, escape)
        if word == "--":
            return found, rest[position:].lstrip(SPACES)
        name, equals, value = word[2:].partition("=")
        if name not in known:
            near = nearest(name, list(known))
            raise fail(
                place,
                f"unknown flag: --{name} (in {keyword})",
                column=_column(place, word),
                hint=f"did you mean --{near}?" if near else _takes(keyword, known),
            )
        if known[name] == "bool":
            value = value.lower() if equals else "true"
            if value not in ("true", "false"):
                raise fail(place, f"expecting boolean value for flag --{name}, not: {value}")
        elif not equals:
            raise fail(place, f"missing a value on flag: --{name}", column=_column(place, word))
        if name in found and known[name] != "list":
            raise fail(place, f"duplicate flag specified: --{name}")
        found.setdefault(name, []).append(value)


def one(flags: Flags, name: str) -> str | None:
    values = flags.get(name)
    return values[0] if values else None


def boolean(flags: Flags, name: str) -> bool | None:
    values = flags.get(name)
    return values[0] == "true" if values else None


def _takes(keyword: str, known: dict[str, str]) -> str:
    if not known:
        return f"{keyword} takes no flags"
    return f"{keyword} takes " + ", ".join(f"--{name}" for name in known)


def _column(place: Location, word: str) -> int:
    return place.lines[0].find(word) + 1 if place.lines and word else 0


def _word(text: str, position: int, escape: str) -> tuple[str, int]:
    """One word with its quotes removed, and where it ends."""
    word: list[str] = []
    quote = ""
    while position < len(text):
        char = text[position]
        if char == escape and quote != "'" and position + 1 < len(text):
            word.append(text[position + 1])
            position += 2
            continue
        if quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in SPACES:
            break
        elif char in "\"'":
            quote = char
        else:
            word.append(char)
        position += 1
    return "".join(word), position


def parse_mount(text: str, place: Location, expand: Callable[[str], str] | None = None) -> RunMount:
    """``type=cache,target=/x,…``: comma-separated, a field may be quoted as in CSV.

    Without `expand` one that has variables waits for them (see RunMount).
    """
    fields = _fields(text, place)
    if expand is None and "$" in text:
        return RunMount(from_=_source_stage(fields, place), written=text)
    values: dict[str, object] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        key = key.lower()
        name = MOUNT_OPTIONS.get(key)
        if name is None:
            near = nearest(key, list(MOUNT_OPTIONS))
            raise fail(
                place,
                f"unexpected key '{key}' in '{field}' (--mount)",
                hint=f"did you mean {near}?" if near else None,
            )
        if equals and expand is not None:
            value = expand(value)
        if name in ("readonly", "readwrite", "required"):
            values[name] = _true(key, value if equals else "true", place)
            values.pop({"readonly": "readwrite", "readwrite": "readonly"}.get(name, ""), None)
        elif not equals:
            raise fail(place, f"invalid field '{field}' must be a key=value pair (--mount)")
        else:
            values[name] = value.lower() if name in ("type", "sharing") else value
    return _checked_mount(values, place)


def _source_stage(fields: list[str], place: Location) -> str | None:
    """What ``from=`` names: stages are found before there are variables."""
    found = [value for key, _, value in (field.partition("=") for field in fields) if key.lower() == "from"]
    for value in found:
        if "$" in value[:-1]:
            raise fail(place, "'from' doesn't support variable expansion, define alias stage instead")
    return (found[-1] or None) if found else None


def _checked_mount(values: dict[str, object], place: Location) -> RunMount:
    kind = str(values.get("type", "bind"))
    if kind not in MOUNT_TYPES:
        near = nearest(kind, list(MOUNT_TYPES))
        raise fail(
            place,
            f"unsupported mount type {kind!r}",
            hint=f"did you mean {near}?" if near else f"one of {', '.join(MOUNT_TYPES)}",
        )
    for name in values:
        if kind not in MOUNT_ALLOWED.get(name, MOUNT_TYPES):
            raise fail(place, f"{name} not allowed for mount type {kind!r} (--mount)")
    if "readwrite" in values:
        values["readonly"] = not values.pop("readwrite")
    sharing = values.get("sharing")
    if sharing is not None and sharing not in ("shared", "private", "locked"):
        raise fail(place, f"unsupported sharing value {sharing!r}", hint="one of shared, private, locked")
    for name in ("uid", "gid"):
        if name in values and not _ID.match(str(values[name])):
            raise fail(place, f"invalid value {values[name]!r} for {name} (--mount): a number")
    if "mode" in values and not _MODE.match(str(values["mode"])):
        raise fail(place, f"invalid value {values['mode']!r} for mode (--mount): an octal number")
    if "size" in values and not _SIZE.match(str(values["size"])):
        raise fail(place, f"invalid value for size: {values['size']} (--mount)", hint="a number, or 64m")
    if kind in ("bind", "cache", "tmpfs") and not values.get("target"):
        raise fail(place, f"--mount=type={kind} needs a target")
    if kind == "secret":
        _check_secret(values, place)
    values["from_"] = values.get("from_") or None
    return RunMount(**values)  # type: ignore[arg-type]


def _check_secret(values: dict[str, object], place: Location) -> None:
    if values.get("from_"):
        raise fail(place, "secret mount should not have a from (--mount)")
    if values.get("source") and values.get("id"):
        raise fail(place, "both source and id can't be set (--mount=type=secret)")
    if not any(values.get(name) for name in ("source", "target", "id")):
        raise fail(place, "one of source, target required (--mount=type=secret)")


def size_of(text: str) -> int:
    """``64m`` in bytes, as parse_mount() allows it."""
    match = _SIZE.match(text)
    assert match is not None  # noqa: S101
    return scaled(match[1], 1024 ** " kmgtp".index((match[2] or " ").lower()))


def _true(key: str, value: str, place: Location) -> bool:
    if value not in TRUE | FALSE:
        raise fail(place, f"invalid value for {key}: {value} (--mount)")
    return value in TRUE


def _fields(text: str, place: Location) -> list[str]:
    import csv

    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise fail(place, f"--mount={text}: {error}") from None
    return rows[0] if rows else []


_DURATION = pattern(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def duration(text: str, name: str, place: Location) -> int:
    """Go's ``1m30s`` in nanoseconds.  At least a millisecond, or 0, as Docker asks for."""
    total, position = 0.0, 0
    while match := _DURATION.match(text, position):
        total += float(match[1]) * _UNITS[match[2]]
        position = match.end()
    if not text or (position < len(text) and text != "0"):
        raise fail(place, f'time: invalid duration "{text}" (--{name})', hint="write it as 30s or 1m30s")
    if total > LARGEST:
        raise fail(place, f'time: invalid duration "{text}" (--{name})', hint="it is longer than 292 years")
    if 0 < total < 10**6:
        raise fail(place, f"Interval {text!r} cannot be less than 1ms (--{name})")
    return int(total)
