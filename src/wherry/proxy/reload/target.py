"""What the transaction acts on: an nginx of our own, or one that something else started."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wherry.proxy.reload.generation import Answer


class Target(Protocol):
    """The steps of a reload, in their order; each may be called again after a crash in the middle."""

    def last(self) -> tuple[str, int]:
        """The text and generation that are in force, or were when we last ran; ("", 0) for none."""

    def rest(self) -> float:
        """Seconds that the next reload shall wait, for the sake of requests that earlier ones left."""

    def stage(self, text: str, generation: int) -> None:
        """Write the candidate where nginx does not see it yet.  Raises ProxyError (full disk)."""

    def complaint(self) -> str | None:
        """What ``nginx -t`` has against the candidate, or None."""

    def swap(self) -> None:
        """From here on the candidate is what nginx reads when it is told to, or restarted.  Atomic."""

    def signal(self) -> None:
        """Start nginx, or tell it to read its configuration again.  Raises ProxyError."""

    def proof(self, generation: int, timeout: float) -> Answer | None:
        """A worker's answer with that generation, or None."""

    def alive(self) -> bool:
        """Whether nginx runs."""

    def settle(self) -> None:
        """The candidate serves: let old workers go and drop what is no longer needed."""

    def restore(self) -> None:
        """The candidate never served: what was in force is what nginx reads again."""
