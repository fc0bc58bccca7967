"""PURE: which command made a layer; its line, and the time it took, where a build is remembered."""

from __future__ import annotations

from wherry.oci.digest import chain_id
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wherry.oci.config import History
    from wherry.store.buildrecord import BuildRecord, StepRecord

SHELL = "/bin/sh -c "
NOP = "#(nop) "
BUILDKIT = "# buildkit"


class Made(NamedTuple):
    """Where a layer comes from.

    `command` is an instruction of a Dockerfile as far as the history tells it, `comment` the history's,
    `created` RFC 3339 text.  `dockerfile` and `line` (from 1) are where the instruction stands, `seconds`
    what it took when it last ran; "", 0 and None where no build of this store made it.  `is_base` says that
    the layer came with the base image, as far as a build tells.
    """

    command: str = ""
    created: str = ""
    comment: str = ""
    dockerfile: str = ""
    line: int = 0
    end_line: int = 0
    seconds: float | None = None
    is_base: bool = False

    @property
    def place(self) -> str:
        """``Dockerfile:3``, or ""."""
        return f"{self.dockerfile.rpartition('/')[2]}:{self.line}" if self.line else ""


def from_history(history: Sequence[History], number: int) -> list[Made]:
    """Of so many layers, lowest first; a layer without a line of history says nothing."""
    found = [Made(command(h.created_by), h.created, h.comment) for h in history if not h.empty_layer]
    return [*found[:number], *[Made()] * (number - len(found))]


def command(created_by: str) -> str:
    """A line of history as an instruction: ``RUN apt-get update``.

    Docker's classic builder writes ``/bin/sh -c #(nop) COPY …`` and ``/bin/sh -c apt-get …``, BuildKit
    ``RUN /bin/sh -c apt-get … # buildkit``; build arguments stand before the shell as ``|1 A=b``.
    """
    text = " ".join(created_by.split()).removesuffix(BUILDKIT).rstrip()
    if text.startswith(SHELL + NOP):
        return text.removeprefix(SHELL + NOP).strip()
    word = text.startswith("RUN ")
    rest = text.removeprefix("RUN ")
    if rest.startswith("|"):
        _, shell, after = rest.partition(SHELL)
        rest = shell + after if shell else rest
    if rest.startswith(SHELL):
        return f"RUN {rest.removeprefix(SHELL).strip()}"
    return f"RUN {rest}" if word else text


def with_builds(
    made: Sequence[Made], diff_ids: Sequence[str], image: str, builds: Sequence[BuildRecord]
) -> list[Made]:
    """What remembered builds (newest first) tell of an image's layers besides."""
    own = [build for build in builds if build.image == image]
    base = base_layers(diff_ids, image, builds)
    places = _places(diff_ids, (*own, *(build for build in builds if build.image != image)))
    return [
        _told(one, diff_id, places.get(number), builds)._replace(is_base=number < base)
        for number, (one, diff_id) in enumerate(zip(made, diff_ids, strict=True))
    ]


def base_layers(diff_ids: Sequence[str], image: str, builds: Sequence[BuildRecord]) -> int:
    """How many of an image's layers the builds that made it began with; 0 where none is remembered."""
    return max((_base_layers(build, diff_ids) for build in builds if build.image == image), default=0)


def _places(
    diff_ids: Sequence[str], builds: Iterable[BuildRecord]
) -> dict[int, tuple[BuildRecord, StepRecord]]:
    """The step that gave each layer: of two layers with the same bytes the lower has the earlier step."""
    found: dict[int, tuple[BuildRecord, StepRecord]] = {}
    for build in builds:
        steps = iter([step for step in build.steps if step.layer])
        for number, diff_id in enumerate(diff_ids):
            if diff_id not in {step.layer for step in build.steps}:
                continue
            step = next((step for step in steps if step.layer == diff_id), None)
            if step is not None:
                found.setdefault(number, (build, step))
    return found


def _told(
    made: Made, diff_id: str, place: tuple[BuildRecord, StepRecord] | None, builds: Sequence[BuildRecord]
) -> Made:
    if place is None:
        return made
    build, step = place
    ran = (
        s.seconds
        for each in builds
        for s in each.steps
        if s.layer == diff_id and s.source == step.source and s.outcome == "ran"
    )
    return made._replace(
        command=" ".join(step.source.split()) or made.command,
        dockerfile=build.dockerfile,
        line=step.line,
        end_line=step.end_line,
        seconds=next(ran, None),
    )


def _base_layers(build: BuildRecord, diff_ids: Sequence[str]) -> int:
    """How many of an image's layers its build began with."""
    chains = {
        key.components.get("chain")
        for step in build.steps
        if step.outcome == "base"
        for key in step.keys
        if key.components and key.components.get("image")
    }
    return max((n for n in range(1, len(diff_ids) + 1) if chain_id(diff_ids[:n]) in chains), default=0)
