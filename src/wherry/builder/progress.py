"""What a build tells while it runs.  The build speaks to this interface; `cli.builder.progress` prints it.

Several steps may run at once, each told by a thread of its own.
"""

from __future__ import annotations

import contextlib

from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class Step(Protocol):
    """A step that has started, until one of end(), fail() and cancel()."""

    def working(self) -> None:
        """The cache does not have it: it is being made."""

    def output(self, data: bytes) -> None:
        """What the step's process printed."""

    def end(self, *, cached: bool) -> None:
        """The step is done."""

    def fail(self) -> None:
        """The step failed."""

    def cancel(self) -> None:
        """The step was stopped, because another one failed."""


class Progress(Protocol):
    def note(self, text: str) -> None:
        """Something that belongs to no step."""

    def begin(self, label: str) -> Step:
        """A step starts: ``[builder 2/4] RUN go build``."""

    def close(self) -> None:
        """Nothing more will be told."""


@contextlib.contextmanager
def underway(progress: Progress, label: str) -> Iterator[Step]:
    """A step that is made within the block: it fails where that raises, else it ends."""
    step = progress.begin(label)
    step.working()
    try:
        yield step
    except BaseException:
        step.fail()
        raise
    step.end(cached=False)


class Silent:
    """Says nothing.  Its own steps."""

    def note(self, text: str) -> None: ...
    def begin(self, label: str) -> Silent:
        return self

    def working(self) -> None: ...
    def output(self, data: bytes) -> None: ...
    def end(self, *, cached: bool) -> None: ...
    def fail(self) -> None: ...
    def cancel(self) -> None: ...
    def close(self) -> None: ...
