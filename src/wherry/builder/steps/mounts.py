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
from wherry.helper import Helper
from wherry.layers.view import View
from wherry.sandbox.users import id_number
from wherry.store.filemanifest import manifest_entry
from wherry.store.locks import held
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from wherry.builder.context.sources import Source
    from wherry.builder.steps.stage import Stage
    from wherry.dockerfile.ast import Run, RunMount
    from wherry.store.filemanifest import ManifestEntry

SECRETS = "/run/secrets/"
AGENTS = "/run/buildkit/ssh_agent."


def plan_mounts(stage: Stage, run: Run) -> tuple[PlannedMount, ...]:
    """Raises DockerfileError."""
    found = []
    agents = 0
    for written in run.mounts:
        planned = _planned(stage, run, written, agents)
        agents += planned.spec.type == "ssh"
        found.append(planned)
    return tuple(found)


def _planned(stage: Stage, run: Run, written: RunMount, agents: int) -> PlannedMount:
    place = run.location
    if written.written:
        spec = parse_mount(written.written, place, lambda word: stage.expand(word, place))
    else:
        values: dict[str, Any] = {
            field: stage.expand(value, place)
            for field, value in written._asdict().items()
            if isinstance(value, str) and field not in ("type", "sharing")
        }
        spec = written._replace(**values)
    try:
        for number in (spec.uid, spec.gid):
            id_number(number or "0")
    except SandboxError as error:
        raise fail(place, f"{error.message} (--mount)") from None
    target = spec.target or ""
    if spec.type == "secret":
        spec = spec._replace(id=spec.id or posixpath.basename(target) or spec.source)
        if not spec.id:
            raise fail(place, "one of source, target required (--mount=type=secret)")
        target = target or ("" if spec.env else SECRETS + spec.id)
    elif spec.type == "ssh":
        spec = spec._replace(id=spec.id or "default")
        target = target or f"{AGENTS}{agents}"
    elif spec.type == "cache":
        spec = spec._replace(id=spec.id or posixpath.normpath(target), sharing=spec.sharing or "shared")
    if target:
        target = posixpath.normpath(posixpath.join("/", stage.state.workdir, target))
        if target == "/":
            raise fail(place, f"invalid mount target {spec.target!r}: it would cover the whole image")
    if spec.from_ is None:
        return PlannedMount(spec, target, place)
    folder = stage.named_folder(spec.from_)
    if folder is not None:
        return PlannedMount(spec, target, place, None, f"context {spec.from_}", folder)
    diff_ids, label = stage.named_layers(spec.from_, place)
    stage.need(diff_ids)
    links = tuple(stage.store.layers.link(diff_id) for diff_id in diff_ids)
    return PlannedMount(spec, target, place, links, label)


def quick_component(mount: PlannedMount) -> dict[str, Any]:
    """What a mount is for a key without looking at any file: another file system is known as a whole."""
    spec = {k: v for k, v in mount.spec._asdict().items() if v not in (None, False) and k != "required"}
    if mount.spec.type in ("bind", "cache") and mount.layers is not None:
        return {**spec, "target": mount.target, "layers": list(mount.layers)}
    return {**spec, "target": mount.target}


def component(stage: Stage, mount: PlannedMount) -> dict[str, Any]:
    """What a mount is for a key: the content of what it shows, wherever that comes from."""
    spec = quick_component(mount)
    if mount.spec.type != "bind":
        return spec
    for name in ("layers", "from_"):
        spec.pop(name, None)
    content, files = _content(source_of(stage, mount), mount)
    stage.cache.file_manifest(content, lambda: files)
    return {**spec, "content": content}


def source_of(stage: Stage, mount: PlannedMount) -> Source:
    if mount.layers is None:
        return ContextSource(mount.context or stage.context())
    return stage.view_source(View(mount.layers), mount.label)


def _content(source: Source, mount: PlannedMount) -> tuple[str, list[ManifestEntry]]:
    digest = hashlib.sha256()
    found = []
    try:
        for top in source.find(literal(mount.spec.source or "/")):
            files = [top, *source.below(top)] if top.is_folder else [top]
            cut = len(top.name)
            with Helper(held()) as helper:
                marks = source.digests(files, helper)
            for file, mark in zip(files, marks, strict=True):
                digest.update(f"{file.name[cut:]}\0{mark}\n".encode("utf-8", "surrogateescape"))
                found.append(manifest_entry(file.name, file.status, mark))
    except ContextError as error:
        raise fail(mount.place, f"RUN --mount failed: {error.message}", hint=error.hint) from None
    return digest.hexdigest(), found
