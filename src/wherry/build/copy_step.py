"""COPY and ADD: where the files come from, what the result depends on, and how it reads in the history."""

from __future__ import annotations

import posixpath
import stat
from typing import TYPE_CHECKING

from wherry.build import keys
from wherry.build.copy import plan_copy, write_layer
from wherry.build.sources import ContextSource
from wherry.dockerfile.lines import fail
from wherry.errors import ContextError, SandboxError
from wherry.layers.entry import NEW
from wherry.layers.view import View
from wherry.oci.digest import chain_id

if TYPE_CHECKING:
    from wherry.build.keys import Key
    from wherry.build.sources import Source
    from wherry.build.stage import StageBuilder
    from wherry.dockerfile.ast import Copy
    from wherry.errors import DockerfileError


class _Wish:
    """A COPY with its variables replaced."""

    def __init__(self, stage: StageBuilder, copy: Copy) -> None:
        place = copy.location
        self.copy = copy
        self.words = [stage.expand(word, place) for word in copy.sources]
        self.dest = stage.expand(copy.dest, place)
        self.owner = stage.expand(copy.chown or "", place)
        self.mode = stage.expand(copy.chmod or "", place)
        self.target = posixpath.join("/", stage.state.workdir, self.dest)

    @property
    def name(self) -> str:
        return "ADD" if self.copy.add else "COPY"

    def created_by(self) -> str:
        flags = (("from", self.copy.from_), ("chown", self.owner), ("chmod", self.mode))
        shown = [f"--{name}={value}" for name, value in flags if value]
        return " ".join([self.name, *shown, *self.words, self.dest])


def copy_step(stage: StageBuilder, copy: Copy) -> bool:
    """Take the step from the cache or make its layer.  Whether it came from the cache."""
    wish = _Wish(stage, copy)
    if copy.from_ is not None:
        return _copy_from(stage, wish)
    cached, _ = _copy_content(stage, wish, ContextSource(stage.build.context()))
    return cached


def _copy_from(stage: StageBuilder, wish: _Wish) -> bool:
    """From another file system: known by what that is as a whole, before any file is looked at."""
    assert wish.copy.from_ is not None  # noqa: S101
    diff_ids, label = stage.build.bases.layers(wish.copy.from_, wish.copy.location, stage.build.schedule)
    quick = keys.copy_from_key(
        stage.chain, chain_id(diff_ids), wish.words, wish.target, wish.owner, wish.mode
    )
    record = stage.build.memo.get(quick)
    if record is not None:
        stage.add(record, wish.created_by())
        return True
    links = [stage.build.store.layers.link(diff_id) for diff_id in diff_ids]
    cached, content_key = _copy_content(stage, wish, stage.view_source(View(links), label))
    content = stage.build.memo.get(content_key)
    stage.build.memo.put(quick, stage.diff_ids[-1], content.created if content else None)
    return cached


def _copy_content(stage: StageBuilder, wish: _Wish, source: Source) -> tuple[bool, Key]:
    """Whether it came from the cache, and the key."""
    try:
        view = stage.view()
        owner = _owner(wish.owner, view)
        mode = _mode(wish.mode, wish.copy)
        unpack = wish.copy.add
        mtime = NEW if stage.build.options.timeless and source.is_dateless else None
        plan = plan_copy(source, wish.words, wish.dest, stage.state.workdir, view, unpack=unpack)
        key = keys.copy_key(stage.chain, plan.content, wish.target, owner, mode, unpack=unpack)

        def make() -> str:
            def write(tree: str) -> None:
                write_layer(plan, view, tree, owner, mode, mtime)

            return stage.build.worker().tree(write, view)

        return stage.layer(key, wish.created_by(), make), key
    except (ContextError, SandboxError) as error:
        raise fail(wish.copy.location, f"{wish.name} failed: {error.message}", hint=error.hint) from None


def _owner(text: str, view: View) -> tuple[int, int]:
    if not text:
        return 0, 0
    from wherry.sandbox.users import resolve_owner

    def read(path: str) -> str:
        node = view.find(path)
        if node is None or not stat.S_ISREG(node.status.st_mode):
            return ""
        with open(node.path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 22)

    return resolve_owner(text, read)


def _mode(text: str, copy: Copy) -> int | None:
    if not text:
        return None
    try:
        mode = int(text, 8)
    except ValueError:
        raise _bad_mode(text, copy) from None
    if not 0 <= mode <= 0o7777:
        raise _bad_mode(text, copy)
    return mode


def _bad_mode(text: str, copy: Copy) -> DockerfileError:
    return fail(copy.location, f"invalid chmod parameter: '{text}'", hint="an octal number such as 0755")
