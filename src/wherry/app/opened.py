"""A request whose Dockerfile has been read: what a build and what only looks begin with."""

from __future__ import annotations

import contextlib

from wherry.app.outputs import keeps_image, rewrites
from wherry.booleans import TRUE
from wherry.builder.plan.epoch import EPOCH
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wherry.app.request import BuildRequest
    from wherry.builder.context.folder import Context
    from wherry.builder.options import BuildOptions
    from wherry.dockerfile.ast import Dockerfile
    from wherry.registry.client import Registries
    from wherry.store import Store

INLINE_CACHE = "BUILDKIT_INLINE_CACHE"
"""A build argument that asks for what --cache-to type=inline does."""


class Opened(NamedTuple):
    """A request whose Dockerfile has been read.

    `source` is the URL and the digest of a remote context.
    """

    dockerfile: Dockerfile
    context: Callable[[], Context]
    options: BuildOptions
    temporary: str
    source: tuple[str, str] | None = None


@contextlib.contextmanager
def opened(
    store: Store,
    request: BuildRequest,
    epoch: int | None = None,
    registries: Callable[[], Registries] | None = None,
) -> Iterator[Opened]:
    """Read the Dockerfile, and have the store and a folder for as long as the block takes.

    Raises DockerfileError, ContextError, NotFoundError.
    """
    from wherry.app.inputs import inputs

    with store.using(), store.temp() as temporary:
        sources: list[tuple[str, str]] = []
        dockerfile, context = inputs(
            request, store, temporary, lambda uri, digest: sources.append((uri, digest)), registries
        )
        options = request.options
        args = options.args
        inline = options.inline or _has_inline_cache(request)
        if request.contexts:
            from wherry.app.contexts import contexts

            named = contexts(request.contexts, store, temporary, options.given, registries)
            options = options._replace(contexts=named)
        if args.get(EPOCH) and epoch is None:
            epoch = _named_epoch(args[EPOCH], dockerfile, context, options, store, temporary)
            args = {name: value for name, value in args.items() if name != EPOCH}
            args |= {EPOCH: str(epoch)} if epoch is not None else {}
        options = options._replace(
            args=args,
            epoch=options.epoch if epoch is None else epoch,
            reproducible=options.reproducible or (epoch is not None and rewrites(request.outputs)),
            keep=keeps_image(request.outputs),
            shares=inline or bool(request.cache_to),
            inline=inline,
        )
        yield Opened(dockerfile, context, options, temporary, sources[0] if sources else None)


def _named_epoch(
    text: str,
    dockerfile: Dockerfile,
    context: Callable[[], Context],
    options: BuildOptions,
    store: Store,
    temporary: str,
) -> int | None:
    """The time of what SOURCE_DATE_EPOCH names.  Raises UsageError where it names nothing."""
    from wherry.builder.execute.epoch import moment
    from wherry.builder.plan.graph import meta_scope

    scope = meta_scope(dockerfile, options.args)
    return moment(text, dockerfile, context, options, scope, store, temporary)


def _has_inline_cache(request: BuildRequest) -> bool:
    inline = request.options.args.get(INLINE_CACHE, "") in TRUE
    return inline or any(cache.is_inline for cache in request.cache_to)
