"""PURE: what a build is asked for, and what a stage of it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from wherry.build.mounting import Given
    from wherry.oci.config import History


class BuildOptions(NamedTuple):
    """`args` are build arguments, `labels` go onto the image, `platform` is (os, arch, variant).

    `jobs` is how many steps may be made at once.
    `origin` says what the build is of, for its record: the context, the Dockerfile, the image's names.
    `keep` says whether the image is to be one of the store's; without it, it is there for as long as nobody
    collects.

    `epoch` (Unix seconds) is the time that the image shows instead of now.  With `timeless` its layers do
    not show when they were made either (layers.timeless); the epoch is then that of the newest base, unless
    it is given.
    """

    platform: tuple[str, str, str]
    target: str | None = None
    args: dict[str, str] = {}  # noqa: RUF012
    labels: dict[str, str] = {}  # noqa: RUF012
    no_cache: bool = False
    jobs: int = 1
    given: Given | None = None
    no_cache_filter: tuple[str, ...] = ()
    origin: tuple[str, str, tuple[str, ...]] = ("", "", ())
    keep: bool = True
    timeless: bool = False
    epoch: int | None = None


class StageResult(NamedTuple):
    """What a stage made.  `history` of steps that made no layer have no time: the image's is theirs.

    `origin` is the id of the image that its first layers come from, "" for none.
    """

    diff_ids: tuple[str, ...]
    history: tuple[History, ...]
    config: dict[str, Any]
    author: str
    args: dict[str, str]
    extra: dict[str, Any]
    origin: str = ""
