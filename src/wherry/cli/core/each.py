"""Commands that take several names do what they can, and fail if one of them failed."""

from __future__ import annotations

from wherry.errors import WherryError
from wherry.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def each(names: Iterable[str], act: Callable[[str], object]) -> int:
    """Act on every name, reporting errors as they come.  The exit code: 0, or the first error's."""
    from wherry.cli.main import report

    code = 0
    for name in names:
        try:
            act(name)
        except WherryError as error:
            report(error)
            code = code or error.exit_code
    return code
