"""What is asked of a build."""

from __future__ import annotations

from wherry.builder.output.options import TO_STORE
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from wherry.builder.attest.options import Attest
    from wherry.builder.cache.options import SharedCache
    from wherry.builder.options import BuildOptions
    from wherry.builder.output.options import Output
    from wherry.oci.platform import Platform


class BuildRequest(NamedTuple):
    """`context` is a folder, a URL, or "-" for what `stdin` gives; `file` is the Dockerfile, or "-", where
    it is not the context's own.

    One image is built for each of `platforms` (none: for that of `options`).  `outputs` say where they go;
    `contexts` are ``NAME=WHERE``; `cache_to` are the shared caches that are written.  `options.args` may
    name SOURCE_DATE_EPOCH, which gives `options` its epoch.

    `lint` says whether findings are wanted of what was built, and `describe` whether a descriptor is.
    `attest` is what is said of the image beside it.
    """

    context: str
    options: BuildOptions
    file: str | None = None
    platforms: tuple[Platform, ...] = ()
    outputs: tuple[Output, ...] = (TO_STORE,)
    contexts: tuple[str, ...] = ()
    cache_to: tuple[SharedCache, ...] = ()
    stdin: Callable[[], IO[bytes]] | None = None
    lint: bool = False
    describe: bool = False
    attest: Attest | None = None
