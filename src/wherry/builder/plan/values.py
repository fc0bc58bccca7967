"""PURE: what a stage gives."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from wherry.oci.config import History
    from wherry.oci.platform import Platform


class StageResult(NamedTuple):
    """What a stage made.  In `history` a step that made no layer has no time until the image is written.

    `origin` is the id of the image that its first layers come from, "" for none.
    """

    diff_ids: tuple[str, ...]
    history: tuple[History, ...]
    config: dict[str, Any]
    author: str
    args: dict[str, str | None]
    extra: dict[str, Any]
    platform: Platform
    origin: str = ""
