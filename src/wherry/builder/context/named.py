"""PURE: --build-context: what a name means instead of a stage or an image."""

from __future__ import annotations

from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from wherry.builder.context.folder import Context
    from wherry.images.view import Image


class NamedContext(NamedTuple):
    """A folder, opened when it is first needed, an image, or another image's name (`reference`).  `text` is
    as it was given."""

    text: str
    folder: Callable[[], Context] | None = None
    image: Callable[[], Image] | None = None
    reference: str = ""
