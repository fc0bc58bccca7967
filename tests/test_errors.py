"""Errors in the words of the product, whoever meets them."""

from __future__ import annotations

import errno
import os

import pytest

from wherry.errors import ContextError, in_words


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "no space left on device"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/x"), "no space left on device: writing '/x'"),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "Read-only file system '/x'"),
        (ContextError("a is not a directory", hint="mkdir a"), "a is not a directory"),
        (ValueError("what Python said"), "what Python said"),
    ],
)
def test_a_process_that_can_only_leave_a_line_says_no_errno(error: BaseException, words: str) -> None:
    assert in_words(error).strip() == words
