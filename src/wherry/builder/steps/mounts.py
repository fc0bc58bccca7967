"""RUN --mount: what is asked for, variables replaced and defaults filled in, and what it is for the cache.

Source: the Dockerfile reference, "RUN --mount".  Secrets, agents and caches are no part of a key but by
their names; what a bind mount shows is.
"""

from __future__ import annotations

import hashlib
import posixpath

from wherry.builder.context.sources import ContextSource, literal
from wherry.builder.steps.task import PlannedMount
from wherry.dockerfile.flags import parse_mount
from wherry.dockerfile.lines import fail
from wherry.errors import ContextError, SandboxError
from wherry.layers.view import View
from wherry.sandbox.users import id_number
from wherry.store.listings import listed
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.builder.context.sources import Source
    from wherry.builder.steps.stage import Stage
    from wherry.dockerfile.ast import Run, RunMount
    from wherry.store.listings import Listed

SECRETS = "/run/secrets/"
AGENTS = "/run/buildkit/ssh_agent."


def plan_mounts(stage: Stage, run: Run) -> tuple[PlannedMount, ...]:
    """Raises DockerfileError."""
    found = []
    agents = 0
    for written in run.mounts:
        planned = _planned(stage, run, written, agents)
        agents += planned.asked.type == "ssh"
        found.append(planned)
    return tuple(found)


def _planned(stage: Stage, run: Run, written: RunMount, agents: int) -> PlannedMount:
    place = run.location
    if written.written:
        asked = parse_mount(written.written, place, lambda word: stage.expand(word, place))
    else:
        values: dict[str, Any] = {
            field: stage.expand(value, place)
            for field, value in written._asdict().items()
            if isinstance(value, str) and field not in ("type", "sharing")
        }
        asked = written._replace(**values)
    try:
        for number in (asked.uid, asked.gid):
            id_number(number or "0")
    except SandboxError as error:
        raise fail(place, f"{error.message} (--mount)") from None
    target = asked.target or ""
    if asked.type == "secret":
        asked = asked._replace(id=asked.id or posixpath.basename(target) or asked.source)
        if not asked.id:
            raise fail(place, "one of source, target required (--mount=type=secret)")
        target = target or ("" if asked.env else SECRETS + asked.id)
    elif asked.type == "ssh":
        asked = asked._replace(id=asked.id or "default")
        target = target or f"{AGENTS}{agents}"
    elif asked.type == "cache":
        asked = asked._replace(id=asked.id or posixpath.normpath(target), sharing=asked.sharing or "shared")
    if target:
        target = posixpath.normpath(posixpath.join("/", stage.state.workdir, target))
        if target == "/":
            raise fail(place, f"invalid mount target {asked.target!r}: it would cover the whole image")
    if asked.from_ is None:
        return PlannedMount(asked, target, place)
    folder = stage.named_folder(asked.from_)
    if folder is not None:
        return PlannedMount(asked, target, place, None, f"context {asked.from_}", folder)
    diff_ids, label = stage.named_layers(asked.from_, place)
    stage.need(diff_ids)
    links = tuple(stage.store.layers.link(diff_id) for diff_id in diff_ids)
    return PlannedMount(asked, target, place, links, label)


def quick_component(mount: PlannedMount) -> dict[str, Any]:
    """What a mount is for a key without looking at any file: another file system is known as a whole."""
    asked = {k: v for k, v in mount.asked._asdict().items() if v not in (None, False) and k != "required"}
    if mount.asked.type in ("bind", "cache") and mount.layers is not None:
        return {**asked, "target": mount.target, "layers": list(mount.layers)}
    return {**asked, "target": mount.target}


def component(stage: Stage, mount: PlannedMount) -> dict[str, Any]:
    """What a mount is for a key: the content of what it shows, wherever that comes from."""
    asked = quick_component(mount)
    if mount.asked.type != "bind":
        return asked
    for name in ("layers", "from_"):
        asked.pop(name, None)
    content, files = _content(source_of(stage, mount), mount)
    stage.cache.listing(content, lambda: files)
    return {**asked, "content": content}


def source_of(stage: Stage, mount: PlannedMount) -> Source:
    if mount.layers is None:
        return ContextSource(mount.context or stage.context())
    return stage.view_source(View(mount.layers), mount.label)


def _content(source: Source, mount: PlannedMount) -> tuple[str, list[Listed]]:
    digest = hashlib.sha256()
    found = []
    try:
        for top in source.find(literal(mount.asked.source or "/")):
            files = [top, *source.below(top)] if top.is_folder else [top]
            cut = len(top.name)
            for file in files:
                mark = source.digest(file)
                digest.update(f"{file.name[cut:]}\0{mark}\n".encode("utf-8", "surrogateescape"))
                found.append(listed(file.name, file.status, mark))
    except ContextError as error:
        raise fail(mount.place, f"RUN --mount failed: {error.message}", hint=error.hint) from None
    return digest.hexdigest(), found
