"""PURE: what a build is asked for."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.builder.cache.options import SharedCache
    from wherry.builder.context.named import NamedContext
    from wherry.builder.secrets import BuildSecrets
    from wherry.oci.platform import Platform


class Sandbox(NamedTuple):
    """What the command line says of all RUN steps.

    `network` is "host" or "none", `hosts` are (name, address), `shm_size` is in bytes (0: the default),
    `ulimits` are (name, soft, hard), `insecure` whether a RUN may ask for --security=insecure.
    """

    network: str = "host"
    hosts: tuple[tuple[str, str], ...] = ()
    shm_size: int = 0
    ulimits: tuple[tuple[str, int, int], ...] = ()
    insecure: bool = False


class BuildOptions(NamedTuple):
    """`args` are build arguments, `labels` go onto the image, `platform` is what it is for: where somebody
    has `chosen` it, the image says so whatever its base is for, as with BuildKit.

    `jobs` is how many steps may be made at once.
    `origin` says what the build is of, for its record: the context, the Dockerfile, the image's names.
    `contexts` are those of --build-context by their names, in lower case.  With `squash` all that the build
    adds is one layer.

    `keep` says whether the image is to be one of the store's; without it, it is there for as long as nobody
    collects.

    `epoch` (Unix seconds) is the time that the image shows instead of now.  With `reproducible` its layers
    do not show when they were made either (layers.timestamps); the epoch is then that of the newest base,
    unless it is given.

    With `pull` images that came from a registry are asked for again.  `cache_from` are the shared caches
    that are asked where the store knows nothing.  What a build that `shares` makes is to be known without a
    look at layers, too.  With `inline` the image says which keys led to its layers (builder.cache.inline).
    """

    platform: Platform
    target: str | None = None
    args: dict[str, str] = {}  # noqa: RUF012
    labels: dict[str, str] = {}  # noqa: RUF012
    no_cache: bool = False
    jobs: int = 1
    given: BuildSecrets | None = None
    sandbox: Sandbox = Sandbox()
    contexts: Mapping[str, NamedContext] = {}
    squash: bool = False
    no_cache_filter: tuple[str, ...] = ()
    origin: tuple[str, str, tuple[str, ...]] = ("", "", ())
    keep: bool = True
    reproducible: bool = False
    epoch: int | None = None
    pull: bool = False
    cache_from: Sequence[SharedCache] = ()
    shares: bool = False
    inline: bool = False
    chosen: bool = False
