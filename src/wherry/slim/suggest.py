"""PURE: the Dockerfile of two stages that gives a slim image: what people would write by hand.

The files are taken by tar in the fat image, which keeps owners, links and attributes as they are; COPY of
single files would follow their links.
"""

from __future__ import annotations

import json
import posixpath

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

END = "KEPT"
TIMES = (
    ("interval", "Interval", "ns"),
    ("timeout", "Timeout", "ns"),
    ("start-period", "StartPeriod", "ns"),
    ("start-interval", "StartInterval", "ns"),
    ("retries", "Retries", ""),
)
"""Of HEALTHCHECK: flag, member of the configuration, unit."""
TAR = "tar --create --xattrs --no-recursion --verbatim-files-from --null --directory=/ --files-from"
UNTAR = "tar --extract --xattrs --xattrs-include='*' --preserve-permissions --same-owner --directory=/slim"


class Content(NamedTuple):
    """`names` are of everything that is kept above the image `base`, folders too, without a leading slash,
    `gone` those of the base that are not.

    `records` are files that the image has not, `modes` those of folders over which something lies while an
    image is built, `notes` what is said to who reads the Dockerfile.
    """

    names: Iterable[str]
    base: str = "scratch"
    gone: Sequence[str] = ()
    records: Mapping[str, bytes] = {}
    modes: Mapping[str, int] = {}
    notes: Sequence[str] = ()


def dockerfile(image: str, config: dict[str, Any], content: Content) -> str:
    """The files of an image, on another one, with the first one's configuration.

    Raises ValueError, which says what no Dockerfile can say: a name with an end of line or a backslash, a
    setting with an end of line.
    """
    # A folder is finished before the next one begins: tar sets its time when it leaves it.
    listed = sorted(content.names, key=lambda name: name.split("/"))
    bad = next((name for name in (*listed, *content.gone) if "\n" in name or "\\" in name), None)
    if bad is not None:
        raise ValueError(f"name the file {bad!r}")
    stage = "fat" if image.lower() != "fat" else "all"
    return "\n".join(
        [
            "# syntax=docker/dockerfile:1",
            *(f"# {_one_line(note)}" for note in content.notes),
            *_fat(image, stage, config),
            f"COPY <<'{END}' /slim.kept",
            *listed,
            END,
            f"RUN mkdir /slim && tr '\\n' '\\0' < /slim.kept > /slim.kept0 && {TAR}=/slim.kept0 | {UNTAR}"
            + "".join(f" && chmod {mode:o} /slim/{name}" for name, mode in sorted(content.modes.items())),
            *_recorded(content.records),
            "",
            f"FROM {content.base}",
            *(_removing(content.gone, config) if content.gone else ()),
            f"COPY --from={stage} /slim/ /",
            *map(_one_line, _instructions(config)),
            "",
        ]
    )


def _fat(image: str, stage: str, config: dict[str, Any]) -> Iterator[str]:
    """A stage FROM an image with ONBUILD would run what that says."""
    if not config.get("OnBuild"):
        yield f"FROM {image} AS {stage}"
        yield "USER 0"
        return
    yield f"FROM scratch AS {stage}"
    yield f"COPY --from={image} / /"


def _recorded(records: Mapping[str, bytes]) -> Iterator[str]:
    """One instruction for each folder: a file each would be more layers than Docker takes."""
    folders: dict[str, list[str]] = {}
    for name in sorted(records):
        folders.setdefault(posixpath.dirname(name), []).append(posixpath.basename(name))
    for folder, names in folders.items():
        words = " ".join(f"<<'{name}'" for name in names)
        yield f"COPY {words} /slim/{folder}/"
        for name in names:
            text = records[f"{folder}/{name}"].decode("utf-8", "surrogateescape")
            if name in text.splitlines():
                raise ValueError(f"hold the file {folder}/{name}")
            yield f"{text}{name}"


def _removing(gone: Sequence[str], config: dict[str, Any]) -> Iterator[str]:
    if config.get("User"):
        yield "USER 0"
    yield f"RUN {json.dumps(['rm', '-rf', *(f'/{name}' for name in gone)])}"


def _instructions(config: dict[str, Any]) -> Iterator[str]:
    for entry in config.get("Env") or []:
        name, _, value = entry.partition("=")
        yield f"ENV {name}={_quoted(value)}"
    for name, value in (config.get("Labels") or {}).items():
        yield f"LABEL {_quoted(name)}={_quoted(str(value))}"
    for port in config.get("ExposedPorts") or {}:
        yield f"EXPOSE {port}"
    if config.get("Volumes"):
        yield f"VOLUME {json.dumps([_escaped(volume) for volume in config['Volumes']])}"
    for word, key in (("WORKDIR", "WorkingDir"), ("USER", "User"), ("STOPSIGNAL", "StopSignal")):
        if config.get(key):
            yield f"{word} {_escaped(config[key])}"
    for word, key in (("SHELL", "Shell"), ("ENTRYPOINT", "Entrypoint"), ("CMD", "Cmd")):
        if config.get(key):
            yield f"{word} {json.dumps(config[key])}"
    if config.get("Healthcheck"):
        yield from _health(config["Healthcheck"])
    for trigger in config.get("OnBuild") or []:
        yield f"ONBUILD {trigger}"


def _health(health: dict[str, Any]) -> Iterator[str]:
    kind, *words = health.get("Test") or [""]
    flags = [
        f"--{flag}={health[key]}{unit}"
        for flag, key, unit in TIMES
        if isinstance(health.get(key), int) and health[key]
    ]
    if kind == "NONE":
        yield "HEALTHCHECK NONE"
    elif kind == "CMD":
        yield " ".join(["HEALTHCHECK", *flags, "CMD", json.dumps(words)])
    elif kind == "CMD-SHELL":
        text = " ".join(words)
        if text.lstrip().startswith("[") or text.endswith("\\"):
            raise ValueError(f"say HEALTHCHECK CMD {text}")
        yield " ".join(["HEALTHCHECK", *flags, "CMD", text])


def _one_line(line: str) -> str:
    if "\n" in line or "\r" in line:
        raise ValueError(f"say {line!r}")
    return line


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    """A word in which variables would be expanded and quotes taken away."""
    return "".join(f"\\{sign}" if sign in "\\\"'$" else sign for sign in text)
