"""COPY and ADD: where the files come from, what the result depends on, and how it reads in the history."""

from __future__ import annotations

import os

from wherry.builder.context.sources import ContextSource
from wherry.builder.steps.copy_cached import by_whole, copy_content
from wherry.builder.steps.copy_plan import CopySource
from wherry.builder.steps.copy_spec import CopySpec
from wherry.dockerfile.lines import fail
from wherry.errors import ContextError, SandboxError
from wherry.layers.view import View
from wherry.oci.digest import chain_id
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from wherry.builder.context.sources import Source
    from wherry.builder.steps.stage import Stage
    from wherry.dockerfile.ast import Copy
    from wherry.remote.gitref import GitRef

WEB = ("http://", "https://")


def copy_step(stage: Stage, copy: Copy) -> bool:
    """Take the step from the cache or make its layer.  Whether it came from the cache."""
    spec = CopySpec(stage, copy)
    try:
        if copy.from_ is not None:
            return _copy_from(stage, spec)
        sources, repositories = _sources(stage, spec)
        if repositories:
            from wherry.builder.steps.git import add_git

            return add_git(stage, spec, sources, repositories)
        return copy_content(stage, spec, sources)[0]
    except (ContextError, SandboxError) as error:
        raise fail(copy.location, f"{spec.name} failed: {error.message}", hint=error.hint) from None


def _sources(stage: Stage, spec: CopySpec) -> tuple[list[CopySource], list[GitRef]]:
    """What the words name: files of the context, URLs, here-documents; and git repositories."""
    sources: list[CopySource] = []
    repositories: list[GitRef] = []
    for word in spec.words:
        git = _git(word) if "/" in word else None
        if git is not None:
            repositories.append(git)
        elif word.startswith(WEB):
            sources.append(_url(stage, spec, word))
        else:
            sources.append(CopySource(ContextSource(stage.context()), word, spec.unpack))
    if repositories or any(word.startswith(WEB) for word in spec.words):
        _check_remote(spec)
    elif spec.checksum is not None:
        raise ContextError("--checksum needs a URL or a git repository as its only source")
    return [*sources, *_documents(stage, spec)], repositories


def _documents(stage: Stage, spec: CopySpec) -> list[CopySource]:
    """The here-documents, which come last."""
    if not spec.documents:
        return []
    from wherry.builder.context.fetched import Documents

    documents = Documents(spec.documents, os.path.join(stage.scratch_folder(), "documents"))
    return [CopySource(documents, name) for name in spec.documents]


def _check_remote(spec: CopySpec) -> None:
    if not spec.copy.add:
        raise ContextError("a source of COPY is a path", hint="ADD takes URLs and git repositories")
    if spec.checksum is not None and len(spec.words) + len(spec.documents) > 1:
        raise ContextError("--checksum can't be specified for multiple sources", hint="an ADD for each")


def _git(word: str) -> GitRef | None:
    from wherry.remote.gitref import parse_gitref

    found = parse_gitref(word)
    # Without a scheme it may be a folder of the context.
    return None if found is None or word.startswith("github.com/") else found


def _url(stage: Stage, spec: CopySpec, url: str) -> CopySource:
    from wherry.builder.context.fetched import UNNAMED, Url
    from wherry.remote.http import Downloads
    from wherry.remote.urls import shown

    folder = stage.scratch_folder()
    source = Url(
        url,
        spec.checksum,
        Downloads(stage.store),
        folder,
        stage.worker,
        lambda digest: stage.used(shown(url), f"sha256:{digest}"),
    )
    if source.name == UNNAMED and spec.dest.endswith("/"):
        raise ContextError(
            f"cannot determine a filename from {url}", hint=f"name the file: {spec.dest}NAME"
        )
    return CopySource(source, source.name, spec.copy.unpack or False)


def _copy_from(stage: Stage, spec: CopySpec) -> bool:
    """From another file system: known by what that is as a whole, before any file is looked at."""
    assert spec.copy.from_ is not None  # noqa: S101
    folder = stage.named_folder(spec.copy.from_)
    if folder is not None:
        source: Source = ContextSource(folder)
        words = [CopySource(source, word) for word in spec.words]
        return copy_content(stage, spec, [*words, *_documents(stage, spec)])[0]
    diff_ids, label = stage.named_layers(spec.copy.from_, spec.copy.location)
    links = [stage.store.layers.link(diff_id) for diff_id in diff_ids]
    source = stage.view_source(View(links), label)
    sources = [*(CopySource(source, word) for word in spec.words), *_documents(stage, spec)]
    if spec.documents:
        stage.need(diff_ids)
        return copy_content(stage, spec, sources)[0]
    return by_whole(stage, spec, chain_id(diff_ids), sources, diff_ids)
