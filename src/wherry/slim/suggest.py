"""PURE: the Dockerfile of two stages that gives a slim image: what people would write by hand.

The files are taken by tar in the fat image, which keeps owners, links and attributes as they are; COPY of
single files would follow their links.
"""

from __future__ import annotations

import json

from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

END = "KEPT"
TAR = "tar --create --xattrs --no-recursion --verbatim-files-from --null --directory=/ --files-from"
UNTAR = "tar --extract --xattrs --xattrs-include='*' --preserve-permissions --same-owner --directory=/slim"


def dockerfile(
    image: str,
    names: Iterable[str],
    config: dict[str, Any],
    base: str = "scratch",
    gone: Sequence[str] = (),
) -> str:
    """`names` are of everything that is kept above the image `base`, folders too, without a leading slash,
    `gone` those of the base that are not; `config` the image's.

    Names with an end of line or a backslash can stand in no such list: ValueError names them.
    """
    # A folder is finished before the next one begins: tar sets its time when it leaves it.
    listed = sorted(names, key=lambda name: name.split("/"))
    bad = next((name for name in listed if "\n" in name or "\\" in name), None)
    if bad is not None:
        raise ValueError(bad)
    return "\n".join(
        [
            "# syntax=docker/dockerfile:1",
            f"FROM {image} AS fat",
            "USER 0",
            f"COPY <<'{END}' /slim.kept",
            *listed,
            END,
            f"RUN mkdir /slim && tr '\\n' '\\0' < /slim.kept > /slim.kept0 && {TAR}=/slim.kept0 | {UNTAR}",
            "",
            f"FROM {base}",
            *(
                ["USER 0", f"RUN {json.dumps(['rm', '-rf', *(f'/{name}' for name in gone)])}"]
                if gone
                else ()
            ),
            "COPY --from=fat /slim/ /",
            *_instructions(config),
            "",
        ]
    )


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
        yield f"VOLUME {json.dumps(list(config['Volumes']))}"
    if config.get("WorkingDir"):
        yield f"WORKDIR {config['WorkingDir']}"
    if config.get("User"):
        yield f"USER {config['User']}"
    if config.get("StopSignal"):
        yield f"STOPSIGNAL {config['StopSignal']}"
    for word, key in (("SHELL", "Shell"), ("ENTRYPOINT", "Entrypoint"), ("CMD", "Cmd")):
        if config.get(key):
            yield f"{word} {json.dumps(config[key])}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    return f'"{escaped}"'
