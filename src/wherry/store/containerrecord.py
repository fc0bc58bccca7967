"""PURE: what is recorded of a container."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.store.containerconfig import ContainerConfig


class ContainerRecord(NamedTuple):
    """Times are Unix seconds, 0 for never.  `status` is "created", "running" or "exited"."""

    id: str
    name: str
    image_id: str
    image_name: str
    created: float
    config: ContainerConfig
    pid: int = 0
    started: float = 0
    finished: float = 0
    exit_code: int = 0
    status: str = "created"
