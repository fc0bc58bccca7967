"""RUN --mount: what is asked for, variables replaced and defaults filled in, and what it is for the cache.

Source: the Dockerfile reference, "RUN --mount".  Secrets, agents and caches are no part of a key but by
their names; what a bind mount shows is.
"""

from __future__ import annotations

import hashlib
import posixpath

from wherry.builder.context.sources import ContextSource, literal
from wherry.dockerfile.flags import parse_mount
from wherry.dockerfile.lines import fail
from wherry.errors import ContextError, SandboxError
from wherry.layers.view import View
from wherry.sandbox.users import id_number
from wherry.store.listings import listed
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from wherry.builder.context.folder import Context
    from wherry.builder.context.sources import Source
    from wherry.builder.execute.stage import StageBuilder
    from wherry.dockerfile.ast import Location, Run, RunMount
    from wherry.store.listings import Listed

SECRETS = "/run/secrets/"
AGENTS = "/run/buildkit/ssh_agent."


class PlannedMount(NamedTuple):
    """`asked` has its variables replaced; `target` is absolute ("" where only an environment variable is
    wanted).  `layers` are the trees of the image or stage that it shows, None for a context: `context` if
    --build-context gave it, else that of the build."""

    asked: RunMount
    target: str
    place: Location
    layers: tuple[str, ...] | None = None
    label: str = ""
    context: Context | None = None

    @property
    def mode(self) -> int:
        defaults = {"secret": 0o400, "ssh": 0o600}
        return int(self.asked.mode, 8) if self.asked.mode else defaults.get(self.asked.type, 0o755)

    @property
    def owner(self) -> tuple[int, int]:
        return id_number(self.asked.uid or "0"), id_number(self.asked.gid or "0")

    @property
    def cache_name(self) -> str:
        """A cache that begins as something else is another one, whatever its id."""
        asked = self.asked
        begun = [f"{name}={value}" for name in ("uid", "gid", "mode") if (value := getattr(asked, name))]
        if self.layers is not None:
            mark = hashlib.sha256("\0".join(self.layers).encode("utf-8", "surrogateescape")).hexdigest()
            begun += [f"from={asked.from_}@{mark[:12]}", f"source={asked.source or '/'}"]
        return f"{asked.id} ({','.join(begun)})" if begun else asked.id or ""

    @property
    def readonly(self) -> bool:
        return self.asked.readonly if self.asked.readonly is not None else self.asked.type == "bind"


def plan_mounts(stage: StageBuilder, run: Run) -> tuple[PlannedMount, ...]:
    """Raises DockerfileError."""
    found = []
    agents = 0
    for written in run.mounts:
        planned = _planned(stage, run, written, agents)
        agents += planned.asked.type == "ssh"
        found.append(planned)
    return tuple(found)


def _planned(stage: StageBuilder, run: Run, written: RunMount, agents: int) -> PlannedMount:
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
    folder = stage.build.bases.folder(asked.from_)
    if folder is not None:
        return PlannedMount(asked, target, place, None, f"context {asked.from_}", folder)
    diff_ids, label = stage.build.bases.layers(asked.from_, place, stage.build.schedule)
    stage.build.shared.need(diff_ids)
    links = tuple(stage.build.store.layers.link(diff_id) for diff_id in diff_ids)
    return PlannedMount(asked, target, place, links, label)


def quick_component(mount: PlannedMount) -> dict[str, Any]:
    """What a mount is for a key without looking at any file: another file system is known as a whole."""
    asked = {k: v for k, v in mount.asked._asdict().items() if v not in (None, False) and k != "required"}
    if mount.asked.type in ("bind", "cache") and mount.layers is not None:
        return {**asked, "target": mount.target, "layers": list(mount.layers)}
    return {**asked, "target": mount.target}


def component(stage: StageBuilder, mount: PlannedMount) -> dict[str, Any]:
    """What a mount is for a key: the content of what it shows, wherever that comes from."""
    asked = quick_component(mount)
    if mount.asked.type != "bind":
        return asked
    for name in ("layers", "from_"):
        asked.pop(name, None)
    content, files = _content(source_of(stage, mount), mount)
    stage.memo.listing(content, lambda: files)
    return {**asked, "content": content}


def source_of(stage: StageBuilder, mount: PlannedMount) -> Source:
    if mount.layers is None:
        return ContextSource(mount.context or stage.build.context())
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
