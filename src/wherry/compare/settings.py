"""PURE: how two images differ in what they say: configuration, environment, users, libraries."""

from __future__ import annotations

import json

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from wherry.compare.model import Libc, Program, Subject

SEPARATE = {"Labels": "label", "ExposedPorts": "port", "Volumes": "volume"}
"""Members of the configuration that are told one by one."""


class Setting(NamedTuple):
    """`group` is config, env, label, port, volume, user, group, libc, loader, system or platform; None for
    what an image does not say."""

    group: str
    name: str
    before: str | None
    after: str | None


def settings(before: Subject, after: Subject) -> list[Setting]:
    """All that differ."""
    one, other = dict(_all(before)), dict(_all(after))
    keys = sorted(one.keys() | other.keys(), key=lambda key: (GROUPS.index(key[0]), key[1]))
    return [Setting(*key, one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)]


GROUPS = (
    "platform", "system", "libc", "loader", "program", "config", "env", "label", "port", "volume", "user",
    "group",
)  # fmt: skip
"""In the order in which they are shown."""


def _all(subject: Subject) -> Iterator[tuple[tuple[str, str], str]]:
    yield ("platform", ""), subject.platform
    if subject.system:
        yield ("system", ""), subject.system
    if subject.libcs:
        yield ("libc", ""), ", ".join(map(libc_text, subject.libcs))
        yield ("loader", ""), ", ".join(libc.loader for libc in subject.libcs)
    if subject.program is not None:
        yield ("program", ""), program_text(subject.program)
    yield from _config(subject.config)
    for group, ids in (("user", subject.users), ("group", subject.groups)):
        for name, number in ids.items():
            yield (group, name), str(number)


def _config(config: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    for name, value in config.items():
        if value in (None, "", [], {}, False):
            continue
        if name == "Env":
            for variable in value:
                key, _, text = variable.partition("=")
                yield ("env", key), text
        elif name in SEPARATE and isinstance(value, dict):
            for key, text in value.items():
                yield (SEPARATE[name], key), text if isinstance(text, str) else ""
        else:
            yield ("config", name), value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def libc_text(libc: Libc) -> str:
    """``glibc 2.36``."""
    return f"{libc.name} {libc.version}".rstrip()


def program_text(program: Program) -> str:
    """``/bin/app, static``, ``/bin/sh, needs /lib/ld-musl-x86_64.so.1``."""
    shown = f"{program.script} by {program.path}" if program.script else program.path
    if not program.is_elf:
        return shown
    return f"{shown}, needs {program.loader}" if program.loader else f"{shown}, static"
