"""What a transfer tells while it goes on, in Docker's words."""

from __future__ import annotations

from wherry.typed import Protocol

WAITING = "Waiting"
PULLING = "Pulling fs layer"
DOWNLOADING = "Downloading"
PULLED = "Pull complete"
EXISTS = "Already exists"
PREPARING = "Preparing"
PUSHING = "Pushing"
PUSHED = "Pushed"
THERE = "Layer already exists"


class Progress(Protocol):
    """Layers are told by their short names; any thread may tell."""

    def note(self, text: str) -> None:
        """A line of its own."""

    def layer(self, name: str, state: str, done: int = 0, size: int = 0) -> None:
        """What becomes of a layer; `done` of its `size` bytes."""

    def close(self) -> None: ...


class Silent:
    def note(self, text: str) -> None: ...

    def layer(self, name: str, state: str, done: int = 0, size: int = 0) -> None: ...

    def close(self) -> None: ...


def short(digest: str) -> str:
    """A digest as people see it."""
    return digest.removeprefix("sha256:")[:12]
