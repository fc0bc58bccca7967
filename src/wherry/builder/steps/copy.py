"""COPY and ADD: where the files come from, what the result depends on, and how it reads in the history."""

from __future__ import annotations

import os
import posixpath
import stat

from wherry.builder.context.sources import ContextSource
from wherry.builder.plan import keys
from wherry.builder.steps.copy_plan import Wanted, listing, plan_copy
from wherry.dockerfile.lines import fail
from wherry.errors import ContextError, SandboxError
from wherry.layers.entry import NEW
from wherry.layers.view import View
from wherry.oci.digest import chain_id
from wherry.remote import urls
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wherry.builder.context.sources import Source
    from wherry.builder.execute.stage import StageBuilder
    from wherry.builder.plan.keys import Key
    from wherry.dockerfile.ast import Copy
    from wherry.dockerfile.chmod import Chmod
    from wherry.dockerfile.ignore import Ignore
    from wherry.remote.gitref import GitRef

WEB = ("http://", "https://")


class Wish:
    """A COPY or ADD with its variables replaced."""

    def __init__(self, stage: StageBuilder, copy: Copy) -> None:
        place = copy.location
        self.copy = copy
        self.words = [stage.expand(word, place) for word in copy.sources]
        self.documents = {d.name: stage.document(d, place) for d in copy.heredocs}
        self.dest = stage.expand(copy.dest, place)
        self.owner = stage.expand(copy.chown or "", place)
        self.mode = stage.expand(copy.chmod or "", place)
        self.checksum = stage.expand(copy.checksum, place) if copy.checksum else None
        self.exclude = [stage.expand(pattern, place) for pattern in copy.exclude]
        self.target = posixpath.join("/", stage.state.workdir, self.dest or "./")

    @property
    def name(self) -> str:
        return "ADD" if self.copy.add else "COPY"

    @property
    def unpack(self) -> bool:
        """Whether local archives are unpacked."""
        return self.copy.add if self.copy.unpack is None else self.copy.unpack

    def created_by(self) -> str:
        """As BuildKit writes it."""
        parents = ["--parents"] if self.copy.parents else []
        flags = (("chown", self.owner), ("chmod", self.mode))
        shown = [f"--{name}={value}" for name, value in flags if value]
        documents = [f"<<{name}" for name in self.documents]
        words = map(urls.shown, self.words)
        return " ".join([self.name, *parents, *shown, *words, *documents, self.dest])

    def flags(self) -> dict[str, Any]:
        """What else decides where files go, for a key: only what was given."""
        asked = {
            "parents": self.copy.parents,
            "exclude": self.exclude,
            "link": self.copy.link,
            "unpack": self.copy.unpack,
        }
        return {name: value for name, value in asked.items() if value not in (False, [], None)}


def copy_step(stage: StageBuilder, copy: Copy) -> bool:
    """Take the step from the cache or make its layer.  Whether it came from the cache."""
    wish = Wish(stage, copy)
    try:
        if copy.from_ is not None:
            return _copy_from(stage, wish)
        wanted, repositories = _wanted(stage, wish)
        if repositories:
            from wherry.builder.steps.git import add_git

            return add_git(stage, wish, wanted, repositories)
        return copy_content(stage, wish, wanted)[0]
    except (ContextError, SandboxError) as error:
        raise fail(copy.location, f"{wish.name} failed: {error.message}", hint=error.hint) from None


def _wanted(stage: StageBuilder, wish: Wish) -> tuple[list[Wanted], list[GitRef]]:
    """What the words name: files of the context, URLs, here-documents; and git repositories."""
    wanted: list[Wanted] = []
    repositories: list[GitRef] = []
    for word in wish.words:
        git = _git(word) if "/" in word else None
        if git is not None:
            repositories.append(git)
        elif word.startswith(WEB):
            wanted.append(_url(stage, wish, word))
        else:
            wanted.append(Wanted(ContextSource(stage.build.context()), word, wish.unpack))
    if repositories or any(word.startswith(WEB) for word in wish.words):
        _check_remote(wish)
    elif wish.checksum is not None:
        raise ContextError("--checksum needs a URL or a git repository as its only source")
    return [*wanted, *_documents(stage, wish)], repositories


def _documents(stage: StageBuilder, wish: Wish) -> list[Wanted]:
    """The here-documents, which come last."""
    if not wish.documents:
        return []
    from wherry.builder.context.fetched import Documents

    documents = Documents(wish.documents, os.path.join(stage.scratch_folder(), "documents"))
    return [Wanted(documents, name) for name in wish.documents]


def _check_remote(wish: Wish) -> None:
    if not wish.copy.add:
        raise ContextError("a source of COPY is a path", hint="ADD takes URLs and git repositories")
    if wish.checksum is not None and len(wish.words) + len(wish.documents) > 1:
        raise ContextError("--checksum can't be specified for multiple sources", hint="an ADD for each")


def _git(word: str) -> GitRef | None:
    from wherry.remote.gitref import parse_gitref

    found = parse_gitref(word)
    # Without a scheme it may be a folder of the context.
    return None if found is None or word.startswith("github.com/") else found


def _url(stage: StageBuilder, wish: Wish, url: str) -> Wanted:
    from wherry.builder.context.fetched import UNNAMED, Url
    from wherry.remote.http import Downloads

    folder = stage.scratch_folder()
    source = Url(url, wish.checksum, Downloads(stage.build.store), folder, stage.build.worker)
    if source.name == UNNAMED and wish.dest.endswith("/"):
        raise ContextError(
            f"cannot determine a filename from {url}", hint=f"name the file: {wish.dest}NAME"
        )
    return Wanted(source, source.name, wish.copy.unpack or False)


def _copy_from(stage: StageBuilder, wish: Wish) -> bool:
    """From another file system: known by what that is as a whole, before any file is looked at."""
    assert wish.copy.from_ is not None  # noqa: S101
    folder = stage.build.bases.folder(wish.copy.from_)
    if folder is not None:
        source: Source = ContextSource(folder)
        words = [Wanted(source, word) for word in wish.words]
        return copy_content(stage, wish, [*words, *_documents(stage, wish)])[0]
    diff_ids, label = stage.build.bases.layers(wish.copy.from_, wish.copy.location, stage.build.schedule)
    links = [stage.build.store.layers.link(diff_id) for diff_id in diff_ids]
    source = stage.view_source(View(links), label)
    wanted = [*(Wanted(source, word) for word in wish.words), *_documents(stage, wish)]
    if wish.documents:
        stage.build.shared.need(diff_ids)
        return copy_content(stage, wish, wanted)[0]
    return by_whole(stage, wish, chain_id(diff_ids), wanted, diff_ids)


def by_whole(
    stage: StageBuilder, wish: Wish, whole: str, wanted: Sequence[Wanted], reads: Sequence[str] = ()
) -> bool:
    """With a quick key, by what the sources are as a whole; `reads` are the layers that hold them."""
    chain = stage.chain_of(()) if wish.copy.link else stage.chain
    words = [urls.shown(word) for word in wish.words]
    quick = keys.copy_from_key(chain, whole, words, wish.target, wish.owner, wish.mode, wish.flags())
    record = stage.memo.get(quick)
    if record is not None:
        stage.add(record, wish.created_by())
        return True
    stage.build.shared.need(reads)
    cached, content_key = copy_content(stage, wish, wanted)
    content = stage.memo.get(content_key)
    stage.memo.put(quick, stage.diff_ids[-1], content.created if content else None)
    return cached


def copy_content(stage: StageBuilder, wish: Wish, wanted: Sequence[Wanted]) -> tuple[bool, Key]:
    """Whether it came from the cache, and the key: by every file.

    With --link the layer knows nothing of what lies below it, so it is the same on any base.
    """
    unseen = _unseen_key(stage, wish, wanted)
    if unseen is not None and not stage.build.shared.is_here(stage.diff_ids):
        record = stage.memo.get(unseen)
        if record is not None:
            stage.add(record, wish.created_by())
            return True, unseen
    view = stage.view()
    owner = owner_of(wish.owner, view) if wish.owner else None
    mode = _mode(wish.mode)
    below = View(()) if wish.copy.link else view
    exclude = _exclude(wish.exclude)
    plan = plan_copy(
        wanted, wish.dest, stage.state.workdir, below, parents=wish.copy.parents, exclude=exclude
    )
    if plan.nothing is not None:
        where = f"{wish.copy.location.name}:{wish.copy.location.line}"
        said = "; ".join(filter(None, (plan.nothing.message, plan.nothing.hint)))
        stage.build.progress.note(f"warning: {where}: {wish.name} copies nothing: {said}")
    stage.memo.listing(plan.content, lambda: listing(plan))
    chain = stage.chain_of(()) if wish.copy.link else stage.chain
    shown = None if mode is None else mode.text if mode.octal is None else f"{mode.octal:04o}"
    key = keys.copy_key(chain, plan.content, wish.target, owner, shown, unpack=wish.unpack)

    mtime = NEW if stage.build.options.timeless else None

    def make() -> str:
        from wherry.builder.steps.copy_layer import write_layer

        def write(tree: str) -> None:
            write_layer(plan, below, tree, owner, mode, mtime)

        return stage.build.worker().tree(write, below)

    cached = stage.layer(key, wish.created_by(), make)
    if unseen is not None:
        known = stage.memo.get(key)
        stage.memo.put(unseen, stage.diff_ids[-1], known.created if known else None)
    return cached, key


def _unseen_key(stage: StageBuilder, wish: Wish, wanted: Sequence[Wanted]) -> Key | None:
    """What the step is without a look at what lies below it; None where nobody asks for that."""
    options = stage.build.options
    if not (options.shares or options.cache_from):
        return None
    workdir = stage.state.workdir
    exclude = _exclude(wish.exclude)
    try:
        plan = plan_copy(wanted, wish.dest, workdir, View(()), parents=wish.copy.parents, exclude=exclude)
    except ContextError:
        return None  # it depends on what lies below, or is an error that is said with a look at that
    chain = stage.chain_of(()) if wish.copy.link else stage.chain
    return keys.unseen_copy_key(
        chain,
        plan.content,
        wish.dest,
        workdir,
        wish.owner,
        wish.mode,
        {**wish.flags(), "unpack": wish.unpack},
    )


def _exclude(patterns: list[str]) -> Ignore | None:
    if not patterns:
        return None
    from wherry.dockerfile import ignore

    return ignore.of_patterns(patterns)


def owner_of(text: str, view: View) -> tuple[int, int]:
    """uid and gid of ``USER[:GROUP]``, root's for "".  Raises SandboxError for names that nobody knows."""
    if not text:
        return 0, 0
    from wherry.sandbox.users import resolve_owner

    return resolve_owner(text, lambda path: read_text(view, path))


def read_text(view: View, path: str) -> str:
    """A small text file of an image (/etc/passwd); "" where there is none."""
    node = view.find(path)
    if node is None or not stat.S_ISREG(node.status.st_mode):
        return ""
    with open(node.path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 22)


def _mode(text: str) -> Chmod | None:
    if not text:
        return None
    from wherry.dockerfile.chmod import parse_chmod

    try:
        return parse_chmod(text)
    except ValueError:
        raise ContextError(
            f"invalid chmod parameter: '{text}'", hint="an octal number such as 0755, or u=rwX,go=rX"
        ) from None
