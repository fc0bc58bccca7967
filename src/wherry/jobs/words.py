"""PURE: the command lines of a build's pods."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wherry.jobs.manifest import GIVEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wherry.jobs.stages import StagePod

CACHE = "buildcache"
LONGEST_NAME = 100
"""Characters of a stage's name in a tag, which has 128 at most."""


class Words(NamedTuple):
    """`common` are the flags of all pods, `last` those of the pod that gives the image, `context` is what
    is built.  `repository` is where caches lie: the image's is read and written there, unless the flags say
    where to `write` one.  `stages` are those that have pods of their own.
    """

    common: tuple[str, ...]
    last: tuple[str, ...]
    context: str
    repository: str
    stages: tuple[StagePod, ...] = ()
    write: bool = False

    def of_stage(self, stage: StagePod) -> list[str]:
        """Of a pod that builds a stage into a cache of its own."""
        return self._all([f"--target={stage.number}", _written(self._cache(stage))])

    def of_image(self) -> list[str]:
        """Of the last pod."""
        return self._all([*self.last, *([] if self.write else [_written(self._cache())])])

    def _all(self, words: Iterable[str]) -> list[str]:
        caches = [] if self.write else [_read(self._cache())]
        caches += [_read(self._cache(stage)) for stage in self.stages]
        return ["build", "--progress=rawjson", *self.common, *words, *caches, self.context]

    def _cache(self, stage: StagePod | None = None) -> str:
        own = f"-{stage.name[:LONGEST_NAME]}" if stage is not None else ""
        return f"{self.repository}:{CACHE}{own}"


def secret_key(number: int) -> str:
    """Of a Secret: ids of secrets may have letters that keys have not."""
    return f"secret-{number}"


def secret_flag(number: int, name: str) -> str:
    """What gives a pod's build the secret of that id."""
    quoted = f"id={name}".replace('"', '""')  # one field of comma-separated values (RFC 4180)
    return f'--secret="{quoted}",src={GIVEN}/{secret_key(number)}'


def _read(place: str) -> str:
    return f"--cache-from=type=registry,ref={place},ignore-error=true"


def _written(place: str) -> str:
    return f"--cache-to=type=registry,ref={place},mode=max,checkpoint=true,ignore-error=true"
