"""Which isolation and which snapshots work here, tried out rather than guessed."""

from __future__ import annotations

import os

from wherry.errors import SandboxError, UsageError
from wherry.sandbox.mounts import enter_private_mounts
from wherry.sandbox.userns import enter_if_needed, inside
from wherry.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wherry.layers.snapshots import Snapshots
    from wherry.sandbox.process import Isolation

KINDS = ("auto", "oci", "chroot")


class Choice(NamedTuple):
    """`reason` is one sentence for people."""

    isolation: Isolation
    snapshots: Snapshots
    reason: str


def choose(requested: str | None = None) -> Choice:
    """Decide, and enter what the decision needs: a user namespace, a private mount namespace.

    `requested` (or WHERRY_ISOLATION) is "auto", "oci" or "chroot".  Raises SandboxError with what is
    missing where the request cannot be met.
    """
    kind = requested or os.environ.get("WHERRY_ISOLATION") or "auto"
    if kind not in KINDS:
        raise UsageError(f"unknown isolation {kind!r}", hint=f"one of {', '.join(KINDS)}")
    enter_if_needed()
    refused = _mounts_refused()
    if refused:
        return _without_mounts(kind, refused)
    return _with_mounts(kind)


def _mounts_refused() -> str:
    """Enter a private mount namespace; why that was refused, or ""."""
    try:
        enter_private_mounts()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _with_mounts(kind: str) -> Choice:
    from wherry.layers.snapshots import Overlay
    from wherry.sandbox.chroot import Chroot
    from wherry.sandbox.oci import Oci, find_runtime, require_runtime

    runtime = require_runtime() if kind == "oci" else find_runtime()
    who = "a plain user in a user namespace" if inside() else "root"
    if kind != "chroot" and runtime is not None:
        reason = f"{who} with {os.path.basename(runtime)} and overlay mounts"
        return Choice(Oci(runtime, rootless=inside()), Overlay(), reason)
    why = "as asked for" if kind == "chroot" else "no OCI runtime is installed (apt-get install crun)"
    return Choice(Chroot(mounts=True), Overlay(), f"{who}, chroot with overlay mounts: {why}")


def _without_mounts(kind: str, refused: str) -> Choice:
    from wherry.layers.copied import Copied
    from wherry.sandbox.chroot import Chroot

    if kind == "oci":
        raise SandboxError(
            f"an OCI runtime cannot be used here: mounting is refused ({refused})",
            hint="leave --isolation out, or start the outer container with --privileged",
        )
    reason = f"mounting is refused here ({refused}): chroot, and layers are copied"
    return Choice(Chroot(mounts=False), Copied(), reason)
