"""What a source of snapshots promises, and what it reports to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading

    from wherry.proxy.resources.snapshot import Snapshot


class Sink(Protocol):
    """What a running source reports to.  Any thread may call any method; each returns at once."""

    def snapshot(self, snapshot: Snapshot) -> None:
        """The full set, after the first list and after each change."""

    def heartbeat(self) -> None:
        """The source is in touch: an event or a bookmark came, or the folder could be read.

        A source that follows several things calls it when each has been heard of since the last call.
        """

    def restarted(self, reason: str) -> None:
        """A watch ended and begins again; `reason` is a short code (``410``, ``timeout``, ``dropped``)."""


class Source(Protocol):
    """Where routes come from: a folder, local containers, a cluster."""

    def list(self) -> Snapshot:
        """Read everything once.  Raises ProxyError with a hint when it cannot be read."""

    def run(self, sink: Sink, stop: threading.Event) -> None:
        """Deliver a snapshot, then one after each change, until `stop` is set; blocks (a thread's target).

        Faults that may pass (no connection, a folder that is being replaced) are retried in here; what was
        delivered stays in force meanwhile.  Raises ProxyError only when going on makes no sense.
        """
