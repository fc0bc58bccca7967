"""What a build tells while it runs.  The build speaks to this interface; `cli.progress` prints it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    def note(self, text: str) -> None:
        """Something that belongs to no step."""

    def begin(self, label: str) -> None:
        """A step starts: ``[builder 2/4] RUN go build``."""

    def output(self, data: bytes) -> None:
        """What the step's process printed."""

    def end(self, *, cached: bool) -> None:
        """The step is done."""

    def fail(self) -> None:
        """The step failed."""


class Silent:
    """Says nothing."""

    def note(self, text: str) -> None: ...
    def begin(self, label: str) -> None: ...
    def output(self, data: bytes) -> None: ...
    def end(self, *, cached: bool) -> None: ...
    def fail(self) -> None: ...
