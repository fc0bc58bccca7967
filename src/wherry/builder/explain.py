"""PURE: why a step ran again, in words: its key against that of the nearest step before it.

A key is made of components (`builder.plan.keys`); where two keys differ in one of them, that is the reason.
Builds are compared with builds of the same thing: of the same folder, Dockerfile and target, or name.
"""

from __future__ import annotations

import shlex

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from wherry.store.buildrecord import BuildRecord, StepRecord
    from wherry.store.filemanifest import ManifestEntry

SHOWN = 5
LONGEST = 120


class FileChange(NamedTuple):
    """`how` is "changed", "added" or "removed"; `size` in bytes."""

    how: str
    name: str
    size: int


class Reason(NamedTuple):
    """One difference.  `kind` is for programs; `files` where files are what differs, the largest first."""

    kind: str
    text: str
    files: tuple[FileChange, ...] = ()


class Explained(NamedTuple):
    """A step and why it was not taken from the cache; no reasons for one that was."""

    step: StepRecord
    reasons: tuple[Reason, ...]


class BuildHistory(NamedTuple):
    """What is remembered: earlier builds, newest first; what a key was made of; the files of a content."""

    builds: Sequence[BuildRecord]
    components: Callable[[str], dict[str, Any] | None]
    files: Callable[[str], dict[str, ManifestEntry] | None]


def explain(build: BuildRecord, history: BuildHistory) -> list[Explained]:
    """Every step of a build, in order."""
    found = []
    for step in build.steps:
        reasons = tuple(_reasons(build, step, history)) if step.missed else ()
        found.append(Explained(step, reasons))
    return found


def _reasons(build: BuildRecord, step: StepRecord, history: BuildHistory) -> Iterator[Reason]:
    if step.why:
        yield Reason(step.why, f"the cache was not asked: --{step.why}")
        return
    if _was_built(step, history):
        yield Reason(
            "gone", "it was built before, and what it gave has been removed since (prune, or --no-cache)"
        )
        return
    before = _nearest(build, step, history)
    if before is None:
        yield Reason("new", "it was never built before")
        return
    old_build, old = before
    own, other = _components(step, history), _components(old, history)
    if not own or not other:
        yield Reason("unknown", "nothing is known any more of what it was made of before")
        return
    yield from _differences(_Pair(build, step, own, old_build, old, other), history)


def _nearest(
    build: BuildRecord, step: StepRecord, history: BuildHistory
) -> tuple[BuildRecord, StepRecord] | None:
    """A step that reads so in the newest build of the same thing that has one; else one in its place."""
    names = set(build.names)
    same = [b for b in history.builds if b.lineage == build.lineage]
    named = [b for b in history.builds if b.lineage != build.lineage and names.intersection(b.names)]
    for test in (_same_text, _same_place):
        for older in (*same, *named):
            for candidate in older.steps:
                if candidate.kind == step.kind and candidate.keys and test(candidate, step):
                    return older, candidate
    return None


def _was_built(step: StepRecord, history: BuildHistory) -> bool:
    """Whether any build had this very step, of whatever image."""
    keys = {key.digest for key in step.keys}
    return any(
        keys.intersection(key.digest for key in old.keys) and old.outcome in ("ran", "hit")
        for build in history.builds
        for old in build.steps
    )


def _same_text(candidate: StepRecord, step: StepRecord) -> bool:
    return candidate.source == step.source


def _same_place(candidate: StepRecord, step: StepRecord) -> bool:
    return (candidate.stage, candidate.number) == (step.stage, step.number)


def _components(step: StepRecord, history: BuildHistory) -> dict[str, Any]:
    for key in reversed(step.keys):
        made_of = key.components or history.components(key.digest)
        if made_of:
            return made_of
    return {}


class _Pair(NamedTuple):
    build: BuildRecord
    step: StepRecord
    own: dict[str, Any]
    old_build: BuildRecord
    old: StepRecord
    other: dict[str, Any]

    def differs(self, name: str) -> bool:
        return self.own.get(name) != self.other.get(name)


def _differences(pair: _Pair, history: BuildHistory) -> Iterator[Reason]:
    own, other = pair.own, pair.other
    if pair.differs("argv") or pair.differs("sources") or (own["kind"] != other["kind"]):
        old, new = _cut(pair.old.source), _cut(pair.step.source)
        if old != new:
            yield Reason("instruction", f"the instruction changed: {old} -> {new}")
        elif pair.differs("argv"):
            changed = (
                f"{_cut(shlex.join(other.get('argv', ())))} -> {_cut(shlex.join(own.get('argv', ())))}"
            )
            yield Reason("instruction", f"what it starts changed: {changed}")
    if pair.differs("env"):
        yield from _environment(pair)
    if pair.differs("content"):
        advice = _IGNORING if _of_context(pair.step) else ("", "")
        yield _files(own.get("content"), other.get("content"), history, "", advice)
    if pair.differs("mounts"):
        yield from _mounts(own.get("mounts") or [], other.get("mounts") or [], history)
    if pair.differs("scripts"):
        yield Reason("instruction", "its here-document changed")
    for name, what in (
        ("dest", "the destination"),
        ("owner", "--chown"),
        ("mode", "--chmod"),
        ("user", "the user"),
        ("workdir", "the working directory"),
        ("network", "the network"),
        ("security", "--security"),
        ("platform", "the platform"),
        ("hosts", "--add-host"),
        ("unpack", "--unpack"),
        ("parents", "--parents"),
        ("exclude", "--exclude"),
        ("path", "the path"),
    ):
        if pair.differs(name):
            yield Reason(name, f"{what} changed: {_value(other.get(name))} -> {_value(own.get(name))}")
    if pair.differs("source"):
        yield Reason("source", "what it copies from gave other bytes")
    if pair.differs("chain"):
        yield _below(pair)
    if own.get("version") != other.get("version"):
        yield Reason("version", "another version of wherry made it")


def _environment(pair: _Pair) -> Iterator[Reason]:
    own, other = (
        dict(entry.partition("=")[::2] for entry in c.get("env") or ()) for c in (pair.own, pair.other)
    )
    args = {*pair.step.args, *pair.old.args}
    for name in sorted({*own, *other}):
        if own.get(name) == other.get(name):
            continue
        what = "build argument" if name in args else "environment variable"
        kind = "argument" if name in args else "environment"
        if name not in other:
            yield Reason(kind, f"{what} {name} is new: {_cut(own[name])}")
        elif name not in own:
            yield Reason(kind, f"{what} {name} is gone: it was {_cut(other[name])}")
        else:
            yield Reason(kind, f"{what} {name} {_cut(other[name])} -> {_cut(own[name])}")


_IGNORING = ("; ignoring it would have kept it", "; ignoring them would have kept it")


def _of_context(step: StepRecord) -> bool:
    """Whether .dockerignore has a say in what a COPY or ADD reads."""
    words = step.source.split()
    return not any(word.startswith(("--from=", "<<", "git@")) or "://" in word for word in words)


def _files(
    own: object, other: object, history: BuildHistory, where: str, advice: tuple[str, str] = ("", "")
) -> Reason:
    new, old = history.files(str(own)), history.files(str(other))
    if new is None or old is None:
        return Reason("files", f"the files{where} changed (which of them is not known any more)")
    changes = sorted(_changes(new, old), key=lambda change: (-change.size, change.name))
    if not changes:
        return Reason("files", f"the same files{where} go elsewhere")
    counted = []
    for how in ("changed", "added", "removed"):
        names = [change.name for change in changes if change.how == how]
        if len(names) == 1:
            counted.append(f"{names[0]} {how}")
        elif names:
            shown = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
            counted.append(f"{len(names)} files {how} ({shown})")
    return Reason("files", "; ".join(counted) + where + advice[len(changes) > 1], tuple(changes))


def _changes(new: dict[str, ManifestEntry], old: dict[str, ManifestEntry]) -> Iterator[FileChange]:
    for name, (_, size, mark) in new.items():
        if name not in old:
            yield FileChange("added", name, size)
        elif old[name][2] != mark:
            yield FileChange("changed", name, size)
    for name, (_, size, _mark) in old.items():
        if name not in new:
            yield FileChange("removed", name, size)


def _mounts(
    own: list[dict[str, Any]], other: list[dict[str, Any]], history: BuildHistory
) -> Iterator[Reason]:
    before = {mount.get("target"): mount for mount in other}
    for mount in own:
        old = before.pop(mount.get("target"), None)
        where = f" of the mount at {mount.get('target')}"
        if old is None:
            yield Reason("mounts", f"a {mount.get('type')} mount at {mount.get('target')} is new")
        elif old.get("content") != mount.get("content"):
            yield _files(mount.get("content"), old.get("content"), history, where)
        elif old != mount:
            yield Reason("mounts", f"what is asked{where} changed")
    for target in before:
        yield Reason("mounts", f"the mount at {target} is gone")


def _below(pair: _Pair) -> Reason:
    """What lies below the step differs: another base, or another result of a step before it."""
    missed, base = _origin(pair.build, pair.step.stage, pair.step.number)
    _, old_base = _origin(pair.old_build, pair.old.stage, pair.old.number)
    if base is not None and old_base is not None and missed is None:
        new, old = (s.keys[-1].components or {} for s in (base, old_base))
        if new.get("name") != old.get("name"):
            return Reason("base", f"the base changed: {old.get('name')} -> {new.get('name')}")
        if new.get("image") and new.get("image") != old.get("image"):
            moved = f"{_id(old.get('image'))} -> {_id(new.get('image'))}"
            return Reason("base", f"base moved: {new.get('name')} is another image ({moved})")
    if missed is not None:
        return Reason(
            "before", f"the step before it gave other bytes ({missed.label} {_cut(missed.source)})"
        )
    return Reason("before", "the steps before it are not those that it was built on")


def _origin(build: BuildRecord, stage: int, number: int) -> tuple[StepRecord | None, StepRecord | None]:
    """The last step before `number` of a stage that was not cached, and the FROM that names an image: of
    the stage, or of the stage that it begins with."""
    for _ in build.steps:
        earlier = [s for s in build.steps if s.stage == stage and s.number < number]
        missed = next((s for s in reversed(earlier) if s.missed), None)
        base = next((s for s in earlier if s.outcome == "base"), None)
        parent = (base.keys[-1].components or {}).get("stage") if base is not None and base.keys else None
        if missed is not None or not isinstance(parent, int):
            return missed, base
        stage, number = parent, 1 + max((s.number for s in build.steps), default=0)
    return None, None


def _id(image: object) -> str:
    return str(image or "none")[:19]


def _value(value: object) -> str:
    if isinstance(value, list):
        return ":".join(map(str, value)) or "none"
    return _cut(str(value)) if value not in (None, "", False) else "none"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
