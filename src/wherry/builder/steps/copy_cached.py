"""The layer of a COPY or ADD, from the cache or made: what it depends on, and how it is written."""

from __future__ import annotations

from wherry.builder.context.sources import ContextSource
from wherry.builder.plan import keys
from wherry.builder.steps.copy_plan import CopySource, file_manifest, plan_copy
from wherry.builder.steps.owners import owner_of
from wherry.errors import ContextError
from wherry.helper import Helper
from wherry.layers.entry import NEW
from wherry.layers.view import View
from wherry.remote import urls
from wherry.store.locks import held
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wherry.builder.context.layer_before import LayerBefore
    from wherry.builder.plan.keys import Key
    from wherry.builder.steps.copy_spec import CopySpec
    from wherry.builder.steps.stage import Stage
    from wherry.dockerfile.chmod import Chmod
    from wherry.dockerfile.ignore import Ignore
    from wherry.layers.pack import Known


def by_whole(
    stage: Stage, spec: CopySpec, origin: str, sources: Sequence[CopySource], reads: Sequence[str] = ()
) -> bool:
    """With a quick key, by what the sources are as a whole; `reads` are the layers that hold them."""
    chain = stage.chain_of(()) if spec.copy.link else stage.chain
    words = [urls.shown(word) for word in spec.words]
    quick = keys.copy_from_key(chain, origin, words, spec.target, spec.owner, spec.mode, spec.flags())
    record = stage.cache.get(quick)
    if record is not None:
        stage.add(record, spec.created_by())
        return True
    stage.need(reads)
    cached, content_key = copy_content(stage, spec, sources)
    stage.cache.alias(quick, content_key, stage.diff_ids[-1])
    return cached


def copy_content(stage: Stage, spec: CopySpec, sources: Sequence[CopySource]) -> tuple[bool, Key]:
    """Whether it came from the cache, and the key: by every file.

    With --link the layer knows nothing of what lies below it, so it is the same on any base.
    """
    with Helper(held()) as helper:
        unseen = _unseen_key(stage, spec, sources, helper)
        if unseen is not None and not stage.is_here():
            record = stage.cache.get(unseen)
            if record is not None:
                stage.add(record, spec.created_by())
                return True, unseen
        cached, key = _copied(stage, spec, sources, helper)
    if unseen is not None:
        stage.cache.alias(unseen, key, stage.diff_ids[-1])
    return cached, key


def _copied(
    stage: Stage, spec: CopySpec, sources: Sequence[CopySource], helper: Helper
) -> tuple[bool, Key]:
    """With a look at what lies below."""
    view = stage.view()
    owner = owner_of(spec.owner, view) if spec.owner else None
    mode = _mode(spec.mode)
    below = View(()) if spec.copy.link else view
    exclude = _exclude(spec.exclude)
    workdir = stage.state.workdir
    plan = plan_copy(sources, spec.dest, workdir, below, helper, parents=spec.copy.parents, exclude=exclude)
    if plan.nothing is not None:
        where = f"{spec.copy.location.name}:{spec.copy.location.line}"
        reason = "; ".join(filter(None, (plan.nothing.message, plan.nothing.hint)))
        stage.note(f"warning: {where}: {spec.name} copies nothing: {reason}")
    stage.cache.file_manifest(plan.content, lambda: file_manifest(plan))
    chain = stage.chain_of(()) if spec.copy.link else stage.chain
    shown = None if mode is None else mode.text if mode.octal is None else f"{mode.octal:04o}"
    key = keys.copy_key(chain, plan.content, spec.target, owner, shown, unpack=spec.unpack)

    mtime = NEW if stage.options.reproducible else None

    def make() -> str:
        from wherry.builder.steps.copy_layer import write_layer

        before = _before(stage, spec, sources)

        def write(tree: str) -> Known:
            known = write_layer(plan, below, tree, helper, owner, mode, mtime, before)
            if before is not None:
                before.written()
            return known

        diff_id = stage.worker().tree(write, below, helper)
        if before is not None:
            before.save(diff_id)
        return diff_id

    return stage.layer(key, spec.created_by(), make), key


def _before(stage: Stage, spec: CopySpec, sources: Sequence[CopySource]) -> LayerBefore | None:
    """The layer that the same instruction made before of the same folder; None where that is not known.

    What an archive brings may replace what was copied.
    """
    from wherry.builder.context.layer_before import LayerBefore

    first = sources[0].source if sources else None
    if spec.unpack or not isinstance(first, ContextSource) or spec.documents:
        return None
    words = [one.word for one in sources]
    path = first.kept(repr((spec.target, spec.owner, spec.mode, spec.flags(), words)))
    return None if path is None else LayerBefore(path, stage.store)


def _unseen_key(stage: Stage, spec: CopySpec, sources: Sequence[CopySource], helper: Helper) -> Key | None:
    """What the step is without a look at what lies below it; None where nobody asks for that."""
    options = stage.options
    if not (options.shares or options.cache_from):
        return None
    workdir = stage.state.workdir
    exclude = _exclude(spec.exclude)
    try:
        plan = plan_copy(
            sources, spec.dest, workdir, View(()), helper, parents=spec.copy.parents, exclude=exclude
        )
    except ContextError:
        return None  # it depends on what lies below, or is an error that is said with a look at that
    chain = stage.chain_of(()) if spec.copy.link else stage.chain
    return keys.unseen_copy_key(
        chain,
        plan.content,
        spec.dest,
        workdir,
        spec.owner,
        spec.mode,
        {**spec.flags(), "unpack": spec.unpack},
    )


def _exclude(patterns: list[str]) -> Ignore | None:
    if not patterns:
        return None
    from wherry.dockerfile import ignore

    return ignore.of_patterns(patterns)


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
