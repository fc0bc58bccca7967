"""What this machine can do, and how a test says that it needs it."""

from __future__ import annotations

import functools
import os
import subprocess

import pytest


def require(condition: bool, reason: str) -> None:
    """Skip the test, loudly; where CI requires live tests, fail it."""
    if condition:
        return
    if os.environ.get("WHERRY_REQUIRE_LIVE") == "1":
        pytest.fail(f"live tests are required here, but this one {reason}")
    pytest.skip(reason)


@functools.cache
def mounts_work() -> bool:
    """Root may mount: not so in a container with Docker's default profile."""
    return _done("unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt")


@functools.cache
def namespaces_work() -> bool:
    """A plain user may mount in a user namespace of their own."""
    return _done("unshare", "--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt")


def _done(*words: str) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0
