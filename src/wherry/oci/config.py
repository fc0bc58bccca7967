"""PURE: the image configuration (OCI config.md), with Docker's additions."""

from __future__ import annotations

from wherry import jsontext as json
from wherry.errors import CorruptError
from wherry.oci.digest import is_digest
from wherry.oci.platform import Platform
from wherry.pattern import pattern
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

# Where programs are looked for when an image does not say (as Docker's engine).
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


LARGEST_CONFIG = 1 << 24
"""Bytes of a configuration, or of another JSON document of an image, that is read."""


class History(NamedTuple):
    """One instruction.  `created` is RFC 3339 text."""

    created: str = ""
    created_by: str = ""
    comment: str = ""
    empty_layer: bool = False
    author: str = ""

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"created": self.created, "created_by": self.created_by}
        for name in ("comment", "author"):
            if getattr(self, name):
                value[name] = getattr(self, name)
        if self.empty_layer:
            value["empty_layer"] = True
        return value


class ImageConfig(NamedTuple):
    """An image's configuration.

    `config` is the run-time part by its JSON names (Env, Cmd, Entrypoint, …); `extra` are the members
    that this version does not know: they survive.
    """

    architecture: str
    os: str
    config: dict[str, Any]
    diff_ids: tuple[str, ...] = ()
    history: tuple[History, ...] = ()
    created: str = ""
    author: str = ""
    variant: str = ""
    extra: dict[str, Any] = {}  # noqa: RUF012

    @property
    def platform(self) -> Platform:
        return Platform(self.os, self.architecture, self.variant)

    def to_json(self) -> bytes:
        """The bytes whose digest is the image's id: compact, members in a fixed order."""
        value: dict[str, Any] = {"architecture": self.architecture}
        if self.variant:
            value["variant"] = self.variant
        if self.author:
            value["author"] = self.author
        value["config"] = {key: self.config[key] for key in sorted(self.config)}
        if self.created:
            value["created"] = self.created
        value["history"] = [entry.to_json() for entry in self.history]
        value["os"] = self.os
        value["rootfs"] = {"type": "layers", "diff_ids": list(self.diff_ids)}
        value.update(self.extra)
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        try:
            return text.encode()
        except UnicodeEncodeError:
            # Bytes of a Dockerfile that are no UTF-8: as Go writes them.
            return LONE.sub("\ufffd", text).encode()


KNOWN = {"architecture", "variant", "author", "config", "created", "history", "os", "rootfs"}


def parse(data: bytes, name: str = "image config") -> ImageConfig:
    """Read a configuration.  Raises CorruptError with the member that is wrong."""
    value = load_object(data, name)
    rootfs = value.get("rootfs") or {}
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list) or not all(is_digest(d) for d in diff_ids):
        raise CorruptError(f"{name}: rootfs.diff_ids is not a list of digests")
    config = value.get("config") or {}
    if not isinstance(config, dict):
        raise CorruptError(f"{name}: config is not an object")
    check_run_config(config, name)
    history = value.get("history") or []
    if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
        raise CorruptError(f"{name}: history is not a list of objects")
    return ImageConfig(
        architecture=_text(value, "architecture", name),
        os=_text(value, "os", name),
        config=config,
        diff_ids=tuple(diff_ids),
        history=tuple(_history(entry, name) for entry in history),
        created=_text(value, "created", name),
        author=_text(value, "author", name),
        variant=_text(value, "variant", name),
        extra={key: member for key, member in value.items() if key not in KNOWN},
    )


LISTS = ("Env", "Cmd", "Entrypoint", "Shell", "OnBuild")
OBJECTS = ("Labels", "ExposedPorts", "Volumes")
STRINGS = ("User", "WorkingDir", "StopSignal")
LONE = pattern("[\ud800-\udfff]")
HALF = pattern(rb"\\u[dD][89a-fA-F]")


def check_run_config(config: dict[str, Any], name: str) -> None:
    """The members that others use without looking must have their types.  Raises CorruptError."""
    for key in LISTS:
        value = config.get(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            raise CorruptError(f"{name}: config.{key} is not a list of strings")
    for key in OBJECTS:
        if config.get(key) is not None and not isinstance(config[key], dict):
            raise CorruptError(f"{name}: config.{key} is not an object")
    for key in STRINGS:
        if config.get(key) is not None and not isinstance(config[key], str):
            raise CorruptError(f"{name}: config.{key} is not a string")
    for key in (*LISTS, *OBJECTS, *STRINGS):
        value = config.get(key) or ()
        if "\0" in value if isinstance(value, str) else any("\0" in each for each in value):
            raise CorruptError(f"{name}: config.{key} has a NUL byte in it, which no program can be given")


def load_object(data: bytes, name: str) -> dict[str, Any]:
    """A JSON object from bytes that anyone may have written.  Raises CorruptError."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"{name} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise CorruptError(f"{name} is not a JSON object")
    return _whole(value) if b"\\u" in data and HALF.search(data) else value


def _whole(value: Any) -> Any:
    """With U+FFFD for halves of characters, as Go reads JSON: what no encoding can write."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return value


def _history(entry: dict[str, Any], name: str) -> History:
    return History(
        _text(entry, "created", name),
        _text(entry, "created_by", name),
        _text(entry, "comment", name),
        entry.get("empty_layer") is True,
        _text(entry, "author", name),
    )


def _text(value: dict[str, Any], key: str, name: str) -> str:
    member = value.get(key)
    if member is None:
        return ""
    if not isinstance(member, str):
        raise CorruptError(f"{name}: {key} is not a string")
    return member
