"""Whether everything in a store is as it should be, and mending what is not."""

from __future__ import annotations

import contextlib
import os

from wherry.errors import NotFoundError
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from wherry.store import Store
    from wherry.store.finding import Finding


class Verdict(NamedTuple):
    """`mended` says what was done about a finding, "" where nothing was."""

    finding: Finding
    mended: str


def check_store(
    store: Store, *, repair: bool = False, waiting: Callable[[], None] = lambda: None
) -> Iterator[Verdict]:
    """Verify everything, and with `repair` mend what can be; each finding as it comes.

    `store` is ``Store(runtime)``, not opened: what is wrong with it may be why it cannot be.  A repair has
    the store alone and calls `waiting` if others are to end first; a check goes beside others, also where
    nothing can be written.  Raises NotFoundError where there is no store.
    """
    from wherry.store.check import check
    from wherry.store.temporary import scratch_folder

    if not os.path.isdir(store.root):
        raise NotFoundError(f"there is no store in {store.root}", hint="the first build or load makes it")
    held = store.alone(waiting) if repair else _beside(store)
    with held, scratch_folder(store.temporary) as scratch:
        for finding in check(store, scratch, beside=not repair):
            yield Verdict(finding, finding.mend() if repair and finding.mend is not None else "")


def _beside(store: Store) -> AbstractContextManager[object]:
    stack = contextlib.ExitStack()
    try:
        stack.enter_context(store.using())
    except OSError:
        return contextlib.nullcontext()
    return stack
